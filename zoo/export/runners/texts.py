"""Run an exported classifier, tagger or regression of texts. Needs NumPy, onnxruntime and tokenizers."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SEPARATOR, RESERVED = 1, ("[PAD]", "[SEP]")


def read_session(path):
    """Returns a session of a graph, and its metadata."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["zoo"])


def make_tokenizer(state):
    """Returns the tokenizer in the metadata, and the ids before each text."""
    merges = [tuple(pair.split(" ")) for pair in state["merges"]]
    if "subwords" not in state:  # bytes
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        made = dict.fromkeys((*RESERVED, *alphabet, *(pair.replace(" ", "", 1) for pair in state["merges"])))
        tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(made)}, merges=merges))
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
        return tokenizer, [SEPARATOR]
    ids = {word: i for i, word in enumerate(state["subwords"])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token="[UNK]", end_of_word_suffix="</w>"))
    lower = [normalizers.Replace("<br />", " "), normalizers.NFKC(), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(lower)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if state["words"] else pre_tokenizers.BertPreTokenizer()
    return tokenizer, []


def encode(tokenizer, prefix, state, text):
    """Returns a text's ids ``(1, time)``, or ``(1, sentences, words)``, and the position of each word."""
    if "tags" in state:
        encoding = tokenizer.encode(text.split(), is_pretokenized=True)
        pick = max if state.get("lookahead") else min  # a word's last or first subword
        subwords = [[k for k, word in enumerate(encoding.word_ids) if word == i] for i in range(len(text.split()))]
        places = [pick(of_word) + len(prefix) for of_word in subwords]
        return np.array([[*prefix, *encoding.ids]], "int32"), np.array([places], "int32")
    size, longest, cut = state.get("sentences"), state["max_length"], state["max_length"] // 3
    if size is None:
        ids = [*prefix, *tokenizer.encode(text).ids]
        return np.array([ids if len(ids) <= longest else ids[:cut] + ids[cut - longest :]], "int32"), None
    parts = [part for part in re.split(r"(?<=[.!?])\s+|\s*\n+\s*|<br\s*/?>", text) if part.strip()]
    rows = [
        ids[i : i + size] for ids in (tokenizer.encode(part).ids for part in parts) for i in range(0, len(ids), size)
    ]
    ends = np.minimum(np.cumsum([len(row) for row in rows]), longest)
    rows = [row[:count] for row, count in zip(rows, np.diff(ends, prepend=0), strict=True) if count]
    return np.array([[row + [0] * (max(map(len, rows)) - len(row)) for row in rows]], "int32"), None


def main(folder, texts):
    """Print the prediction for each text."""
    session, zoo = read_session(str(folder / "model.onnx"))
    state = {**zoo["preprocessor"].get("reader", {}), **zoo["preprocessor"]}
    tokenizer, prefix = make_tokenizer(state["tokenizer"])
    for text in texts:
        tokens, first = encode(tokenizer, prefix, state, text)
        given = {"tokens": tokens, "mask": tokens > 0, **({} if first is None else {"first": first})}
        outputs = dict(zip((x.name for x in session.get_outputs()), session.run(None, given), strict=True))
        if "tags" in outputs:  # the most likely tag of each word; the zoo also forbids an I- without a beginning
            answer = " ".join(state["tags"][i] for i in outputs["tags"][0].argmax(-1))
            answer += f"\t{state['labels'][outputs['label'][0].argmax()]}" if "label" in outputs else ""
        elif "mean" in state:
            answer = f"{state['mean'] + state['scale'] * float(outputs['logits'][0, 0]):.7g}"
        else:
            answer = state["labels"][outputs["logits"][0].argmax()]
        print(text, answer, sep="\t")


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
