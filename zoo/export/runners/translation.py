"""Translate with an exported model. Needs NumPy, onnxruntime and tokenizers."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

PAD, START, END, RESERVED, WORST = 0, 1, 2, 3, -1e9


def read_session(path):
    """Returns a session of a graph, and its metadata."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["zoo"])


def run(session, inputs):
    """Returns the outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def read_tokenizer(merges):
    """Returns the byte-level tokenizer; the subwords are the bytes and the results of the merges."""
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    subwords = dict.fromkeys([*bytes_, *(pair.replace(" ", "", 1) for pair in merges)])
    ids = {subword: i + RESERVED for i, subword in enumerate(subwords)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[tuple(pair.split(" ")) for pair in merges]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def greedy(encoder, decoder, source, length):
    """Returns the ids of the most likely subword at each step, for one source."""
    encoded = run(encoder, {"source": source, "source_mask": source != PAD})
    needed = {x.name for x in decoder.get_inputs()}
    fed, ids = {name: x for name, x in encoded.items() if name in needed}, [START]
    while len(ids) <= length and ids[-1] != END:
        outputs = run(decoder, {**fed, "target": np.array(ids[-1:], "int32")})
        fed |= {name: outputs[name.replace("state/", "next/")] for name in fed if name.startswith("state/")}
        outputs["logits"][:, [PAD, START]] = WORST
        ids.append(int(outputs["logits"][0].argmax()))
    return [i for i in ids if i >= RESERVED]


def main(folder, texts):
    """Print the translation of each text."""
    (encoder, zoo), (decoder, _) = (read_session(str(folder / f"{name}.onnx")) for name in ("encoder", "decoder_step"))
    preprocessor = zoo["preprocessor"]
    tokenizer = read_tokenizer(preprocessor["tokenizer"]["merges"])
    for text in texts:
        source = [*tokenizer.encode(text.strip()).ids, END]
        if not 1 < len(source) <= preprocessor["max_source"] + 1:
            raise SystemExit(f"{text[:40]!r}: {len(source) - 1} subwords: give 1 to {preprocessor['max_source']}")
        ids = greedy(encoder, decoder, np.array([source], "int32"), preprocessor["max_target"] + 1)
        print(text, tokenizer.decode(ids).removeprefix(" "), sep="\t")


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
