"""Run an exported sequence-to-sequence model. Needs NumPy and onnxruntime."""

import json
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime

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


def beam_search(encoder, decoder, source, length, beam_size=5):
    """Returns ids ``(batch, beam, length)``, best first, and scores: log-probabilities divided by lengths."""
    encoded = run(encoder, {"source": source, "source_mask": source != PAD})
    needed = {x.name for x in decoder.get_inputs()}
    state = {name: np.repeat(x, beam_size, axis=0) for name, x in encoded.items() if name in needed}
    memory = {name: state.pop(name) for name in [*state] if name.startswith("memory/")}
    batch, rows = len(source), np.arange(len(source))[:, None]
    ids, last = np.full((batch, beam_size, length), PAD), np.full(batch * beam_size, START, "int32")
    done = np.zeros((batch, beam_size), bool)
    score = np.where(np.arange(beam_size) == 0, 0, WORST) * np.ones((batch, 1))  # only the first may branch at first
    for t in range(length):
        if done.all():
            break
        outputs = run(decoder, {"target": last, **memory, **state})
        logits = outputs["logits"]
        logits[:, [PAD, START]] = WORST
        likely = logits - logits.max(-1, keepdims=True)
        likely = (likely - np.log(np.exp(likely).sum(-1, keepdims=True))).reshape(batch, beam_size, -1)
        symbols = likely.shape[-1]
        likely[done] = np.where(np.arange(symbols) == PAD, 0, WORST)  # ended hypotheses continue at no cost
        flat = (score[..., None] + likely).reshape(batch, -1)
        best = np.argsort(-flat, axis=1, kind="stable")[:, :beam_size]
        parent, chosen, score = best // symbols, best % symbols, np.take_along_axis(flat, best, 1)
        ids, done = ids[rows, parent], done[rows, parent] | (chosen == END)
        ids[:, :, t], last = chosen, chosen.reshape(-1).astype("int32")
        kept = (rows * beam_size + parent).reshape(-1)
        state = {name: outputs[name.replace("state/", "next/")][kept] for name in state}
    score = score / np.maximum((ids != PAD).sum(-1), 1)
    order = np.argsort(-score, axis=1, kind="stable")
    return np.take_along_axis(ids, order[..., None], 1), np.take_along_axis(score, order, 1)


def main(folder, texts):
    """Print the model's output for each text."""
    (encoder, zoo), (decoder, _) = (read_session(str(folder / f"{name}.onnx")) for name in ("encoder", "decoder_step"))
    tokenizer, target = zoo["preprocessor"]["source"], zoo["preprocessor"]["target"]
    for text in texts:
        form = unicodedata.normalize(tokenizer.get("form", "NFC"), text.lower() if tokenizer["lowercase"] else text)
        symbols = form.split() if tokenizer["separator"] == " " else list(form.strip())
        unknown = sorted(set(symbols) - set(tokenizer["symbols"]))
        if unknown or not symbols:
            raise SystemExit(f"{text!r}: unknown: {unknown}: the model knows {' '.join(tokenizer['symbols'])}")
        source = [[*(tokenizer["symbols"].index(symbol) + RESERVED for symbol in symbols), END]]
        ids, _ = beam_search(encoder, decoder, np.array(source, "int32"), zoo["preprocessor"]["max_target"] + 1)
        print(
            text,
            target["separator"].join(target["symbols"][i - RESERVED] for i in ids[0, 0] if i >= RESERVED),
            sep="\t",
        )


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
