"""Greedy and beam search against plain Python, a step at a time."""

import keras
import numpy as np
import pytest
from keras import ops, tree

from zoo import models
from zoo.decoding import Decoder
from zoo.preprocessing import END, PAD, START

LENGTH = 7
SOURCES = [[3, 4, 5, END], [6, END], [7, 3, 3, 8, 4, 5, 6, 7, 8, 3, END], [5, 5, END]]


@pytest.fixture(scope="module", params=["gru", "transformer"])
def model(request):
    keras.utils.set_random_seed(5)
    architecture = models.find_seq2seq(request.param)
    made = architecture.build(architecture.configure("tiny", source_symbols=9, target_symbols=8))
    for variable in made.weights:  # fresh logits hardly differ; larger weights make searches diverge
        variable.assign(ops.convert_to_numpy(variable.value) * 2.5)
    return made


def likelihoods(model, source, prefix) -> np.ndarray:
    """Log-probabilities of the next symbol by teacher forcing, without any cache or loop."""
    source = np.array([source], "int32")
    out = model({"source": source, "source_mask": source > 0, "target": np.array([[START, *prefix]], "int32")})
    out = ops.convert_to_numpy(out)[0, -1].astype("float64")
    out[[PAD, START]] = -np.inf
    return out - np.log(np.exp(out).sum())


def plain_beam(model, source, width) -> list[int]:
    beams = [([], 0.0)]
    for _ in range(LENGTH):
        grown = []
        for ids, score in beams:
            if ids and ids[-1] == END:
                grown.append((ids, score))
                continue
            likely = likelihoods(model, source, ids)
            grown += [([*ids, i], score + likely[i]) for i in range(len(likely)) if np.isfinite(likely[i])]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    best = max(beams, key=lambda beam: beam[1] / len(beam[0]))[0]
    return best[:-1] if best[-1] == END else best


@pytest.mark.parametrize("width", [1, 2, 4])
def test_search_equals_plain_python(model, width):
    outputs = Decoder(model, LENGTH)(SOURCES, width=width)
    assert outputs == [plain_beam(model, source, width) for source in SOURCES]
    assert len(set(map(tuple, outputs))) > 1, "every source gave the same output: the test shows nothing"


def test_batch_size_and_order_change_nothing(model):
    decode = Decoder(model, LENGTH)
    one_by_one = [decode([source], width=3)[0] for source in SOURCES]
    assert decode(SOURCES, width=3, batch_size=2) == one_by_one
    assert decode(SOURCES[::-1], width=3)[::-1] == one_by_one


def test_decoding_sees_new_weights(model):
    decode = Decoder(model, LENGTH)
    before = decode(SOURCES)
    kept = [ops.convert_to_numpy(v.value) for v in model.weights]
    for variable in model.weights:
        variable.assign(-ops.convert_to_numpy(variable.value))
    changed = decode(SOURCES)
    for variable, value in zip(model.weights, kept, strict=True):
        variable.assign(value)
    assert changed != before
    assert decode(SOURCES) == before


def test_progress_counts_every_source(model):
    counts = []
    Decoder(model, LENGTH)(SOURCES, batch_size=3, tick=counts.append)
    assert counts == [3, 1]


def test_states_keep_the_batch_first(model):
    source = ops.ones((2, 4), dtype="int32")
    memory = model.encode(source, source > 0)
    assert {x.shape[0] for x in tree.flatten(model.initial_state(memory))} == {2}
