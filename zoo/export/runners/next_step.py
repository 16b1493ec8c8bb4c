"""Run an exported next-step model step by step. Needs NumPy and onnxruntime, and tokenizers for subwords.

A text is continued by 100 symbols; a piece, ``[[60, 64], [62]]``, by 16 frames. For a sequence of ids or of numbers, as
JSON, the output of each step is printed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
KEYS, LOWEST = 88, 21


class Stream:
    """A stream of steps that holds the state."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.zoo = json.loads(self.session.get_modelmeta().custom_metadata_map["zoo"])
        self.input, *states = self.session.get_inputs()
        self.state = {x.name: np.zeros([1, *x.shape[1:]], TYPES[x.type]) for x in states}
        self.names = ["logits", *(name.replace("state/", "next/") for name in self.state)]

    def step(self, x):
        """Returns the logits after one step: an id, or features."""
        x = np.array([x], "int32" if self.input.name == "tokens" else "float32")
        logits, *after = self.session.run(self.names, {self.input.name: x, **self.state})
        self.state = dict(zip(self.state, after, strict=True))
        return logits[0]


def codec(state):
    """Returns functions from a text to ids, and back."""
    if "symbols" in state:
        place = {symbol: i + 1 for i, symbol in enumerate(state["symbols"])}
        return lambda text: [place[c] for c in text], lambda ids: "".join(state["symbols"][i - 1] for i in ids)
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = dict.fromkeys(("[PAD]", "[SEP]", *alphabet, *(pair.replace(" ", "", 1) for pair in state["merges"])))
    merges = [tuple(pair.split(" ")) for pair in state["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(made)}, merges=merges))
    tokenizer.normalizer, tokenizer.decoder = normalizers.NFC(), decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    return lambda text: tokenizer.encode(text).ids, lambda ids: tokenizer.decode(ids)


def main(folder, inputs):
    """Print the continuation of each input."""
    for text in inputs:
        stream = Stream(str(folder / "step.onnx"))
        state, task = stream.zoo["preprocessor"], stream.zoo["task"]
        if task == "language_modelling":
            encode, decode = codec(state)
            first, written = (0, []) if "tokenizer" in state else (1, [])
            logits = [stream.step(i) for i in [1 - first, *encode(text)]][-1]
            for _ in range(100):  # the most likely; add noise to the logits to sample
                written.append(int(logits.argmax()) + first)
                logits = stream.step(written[-1])
            print(text + decode(written))
        elif task == "music_modelling":
            for frame in json.loads(text):
                logits = stream.step(np.isin(np.arange(KEYS), np.array(frame) - LOWEST))
            for _ in range(16):  # keys with a probability above 0.5
                print(*(np.flatnonzero(logits > 0) + LOWEST))
                logits = stream.step(logits > 0)
        else:
            outputs = [stream.step(x) for x in json.loads(text)]
            print([int(x.argmax()) for x in outputs] if task == "copying" else float(outputs[-1][0]))


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
