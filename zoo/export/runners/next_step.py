"""Continue texts by 100 symbols and pieces, ``[[60, 64], [62]]``, by 16 frames; print outputs for JSON lists of ids."""

import json
import os
import sys

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(int64)": "int64", "tensor(bool)": "bool"}


class Stream:
    """A stream of steps that holds the state. A step reads one set of arrays and writes the other."""

    def __init__(self, path):
        options, value = onnxruntime.SessionOptions(), onnxruntime.OrtValue.ortvalue_from_numpy
        options.intra_op_num_threads, options.log_severity_level = min(2, os.cpu_count() or 1), 3
        options.add_session_config_entry("session.force_spinning_stop", "1")  # between steps
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.zoo = json.loads(self.session.get_modelmeta().custom_metadata_map["zoo"])
        self.input, *states = self.session.get_inputs()
        logits = next(x for x in self.session.get_outputs() if x.name == "logits")
        self.x, self.logits = (np.zeros([1, *x.shape[1:]], TYPES[x.type]) for x in (self.input, logits))
        self.sets = [{x.name: np.zeros([1, *x.shape[1:]], TYPES[x.type]) for x in states} for _ in range(2)]
        self.turns = [self.session.io_binding() for _ in range(2)]
        for turn, before, after in zip(self.turns, self.sets, self.sets[::-1], strict=True):
            for name, array in {self.input.name: self.x, **before}.items():
                turn.bind_ortvalue_input(name, value(array))
            for name, array in {"logits": self.logits, **after}.items():
                turn.bind_ortvalue_output(name.replace("state/", "next/"), value(array))

    def step(self, x):
        """Returns the logits after one step: an id, or features."""
        self.x[0], self.turns = x, self.turns[::-1]
        self.session.run_with_iobinding(self.turns[0])
        return self.logits[0].copy()


def codec(state):
    """Returns functions from a text to ids, and back."""
    if "symbols" in state:
        place = {symbol: i + 1 for i, symbol in enumerate(state["symbols"])}
        return lambda text: [place[c] for c in text], lambda ids: "".join(state["symbols"][i - 1] for i in ids)
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    merges = [tuple(pair.split(" ")) for pair in state["merges"]]
    made = dict.fromkeys(["[PAD]", "[SEP]", *sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)])
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(made)}, merges=merges))
    tokenizer.normalizer, tokenizer.decoder = normalizers.NFC(), decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    return lambda text: tokenizer.encode(text).ids, lambda ids: tokenizer.decode(ids)


def main(folder, inputs):
    """Print the continuation of each input."""
    for text in inputs:
        stream = Stream(os.path.join(folder, "step.onnx"))
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
            for frame in json.loads(text):  # of 88 keys; the lowest has the MIDI number 21
                logits = stream.step(np.isin(np.arange(88), np.array(frame) - 21))
            for _ in range(16):  # keys with a probability above 0.5
                print(*(np.flatnonzero(logits > 0) + 21))
                logits = stream.step(logits > 0)
        else:
            outputs = [stream.step(x) for x in json.loads(text)]
            print([int(x.argmax()) for x in outputs] if task == "copying" else float(outputs[-1][0]))


if __name__ == "__main__":
    main(os.path.dirname(os.path.abspath(__file__)), sys.argv[1:])
