"""The hierarchical windowed attention against NumPy that keeps plain lists, and what only they promise."""

import math
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops, tree

from zoo.data.examples import Examples
from zoo.fitting.setup import fresh
from zoo.models.backbones.hierarchical_attention import HIERARCHICAL_ATTENTION, path_length
from zoo.tasks import find_task

ROOT = "hierarchical_attention_backbone"


def made(**fields):
    keras.utils.set_random_seed(5)
    config = HIERARCHICAL_ATTENTION.configure("tiny", **fields)
    model = HIERARCHICAL_ATTENTION.build(config)
    generator = np.random.default_rng(4)
    for v in model.weights:  # biases and ages begin at zero, which would hide a mistake
        v.assign(ops.convert_to_numpy(v.value) + generator.normal(0, 0.2, v.shape))
    return config, model


def output(model, inputs) -> np.ndarray:
    return ops.convert_to_numpy(model(inputs))


def norm(x, weights, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def dense(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights.get(f"{name}/bias", 0)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def pooled(vectors, weights, name):
    scores = np.tanh(dense(np.array(vectors), weights, f"{name}/project")) @ weights[f"{name}/context"]
    return softmax(scores) @ np.array(vectors)


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def stream(y, config, weights, name):
    """Yield, for each step, the (level, age, vector) that it reads: lists are appended to, never cut."""
    levels = [[] for _ in range(config.levels)]  # of vectors, None where one was not stored
    for t, vector in enumerate(y):
        last = [v for v in levels[0][-(config.window - 1) :] if v is not None]
        new = config.gate is None or all(cosine(vector, v) <= config.gate for v in last)
        levels[0].append(vector if new else None)
        for level in range(1, config.levels):
            if (t + 1) % config.window**level == 0:
                group = [v for v in levels[level - 1][-config.window :] if v is not None]
                made = pooled(group, weights, f"{name}/pool_{level - 1}") if group else None
                levels[level].append(made)
        read = [
            (level, age, v)
            for level, vectors in enumerate(levels)
            for age, v in enumerate(reversed(vectors[-config.window :]))
            if v is not None
        ]
        yield read if new else [(0, 0, vector), *read]


def oracle(x, config, weights):
    x = dense(x, weights, f"{ROOT}/embed")
    size = config.hidden_dim // config.num_heads
    for i in range(config.num_layers):
        name = f"{ROOT}/layer_{i}"
        y = norm(x, weights, f"{name}/attention_norm")
        out = []
        for t, read in enumerate(stream(y, config, weights, name)):
            query = dense(y[t], weights, f"{name}/attention/query") / math.sqrt(size)
            heads = []
            for head in range(config.num_heads):
                part = slice(head * size, (head + 1) * size)
                scores, values = [], []
                for level, age, vector in read:
                    key = dense(vector, weights, f"{name}/attention/key")[part]
                    scores.append(query[part] @ key + weights[f"{name}/age"][level, age, head])
                    values.append(dense(vector, weights, f"{name}/attention/value")[part])
                heads.append(softmax(np.array(scores)) @ np.array(values))
            out.append(dense(np.concatenate(heads), weights, f"{name}/attention/out"))
        x = x + np.array(out)
        z = dense(norm(x, weights, f"{name}/feed_forward_norm"), weights, f"{name}/feed_forward/expand")
        z = 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
        x = x + dense(z, weights, f"{name}/feed_forward/contract")
    return norm(x, weights, f"{ROOT}/final_norm/norm")


@pytest.mark.parametrize("fields", [{}, {"window": 4, "levels": 2}, {"gate": 0.3}, {"levels": 1}])
def test_equals_lists_over_the_stream(fields):
    config, model = made(features=4, **fields)
    weights = {v.path: ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}
    x = np.random.default_rng(0).normal(size=(2, 40, 4)).astype("float32")
    expected = np.stack([oracle(row, config, weights) for row in x])
    np.testing.assert_allclose(output(model, {"features": x}), expected, atol=2e-5)


def test_the_gate_drops_some_and_one_of_1_drops_none():
    x = np.random.default_rng(0).normal(size=(2, 30, 4)).astype("float32")
    outputs = [output(made(features=4, gate=gate)[1], {"features": x}) for gate in (None, 1.0, 0.3)]
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-6)
    assert np.abs(outputs[2] - outputs[0]).max() > 1e-3


def test_a_repeated_step_is_stored_once():
    """With the gate, a thousand equal steps read as one: nothing but that one is ever stored."""
    _, model = made(features=4, gate=0.99, levels=1)
    x = np.ones((1, 30, 4), "float32")
    state = model.initial_state(1)
    for t in range(30):
        _, state = model.step(x[:, t], state)
    stored = ops.convert_to_numpy(state[0][0][0][1])
    assert stored.sum() == 1


# A group of the next to last level is full at every 9th step: there a layer sees w ** 3 = 27 steps, and
# w ** 2 - 1 = 8 more just before the next one is.
@pytest.mark.parametrize(("length", "reach"), [(45, 27), (46, 28), (53, 35)])
def test_look_back_is_what_perturbation_shows(length, reach):
    config, model = made(vocab_size=13, num_layers=1)
    tokens = np.random.default_rng(0).integers(0, 13, (8, length)).astype("int32")
    last = output(model, {"tokens": tokens})[:, -1]
    for ago, seen in ((reach - 1, True), (reach, False)):
        changed = tokens.copy()
        changed[:, -1 - ago] = (changed[:, -1 - ago] + 5) % 13
        assert (np.abs(output(model, {"tokens": changed})[:, -1] - last).max() > 1e-7) == seen, ago
    assert HIERARCHICAL_ATTENTION.receptive_field(config) == 35


def test_path_is_the_logarithm_of_the_length():
    config = HIERARCHICAL_ATTENTION.config(vocab_size=2, window=100, levels=3)
    assert [path_length(config, length) for length in (1, 100, 101, 10_000, 1_000_000)] == [1, 1, 2, 2, 3]


def test_the_state_does_not_grow():
    _, model = made(vocab_size=11)
    state = model.initial_state(2)
    shapes = [tuple(part.shape) for part in tree.flatten(state)]
    for t in range(30):
        _, state = model.step(ops.convert_to_tensor(np.array([t % 11, 3], "int32")), state)
    assert [tuple(part.shape) for part in tree.flatten(state)] == shapes


@pytest.mark.parametrize(("size", "low", "high"), [("tiny", 2e3, 1.2e4), ("small", 8e5, 1.5e6), ("base", 5e6, 1e7)])
def test_sizes(size, low, high):
    model = HIERARCHICAL_ATTENTION.build(HIERARCHICAL_ATTENTION.configure(size, vocab_size=256))
    assert low < model.count_params() < high


def test_the_share_of_what_is_stored_is_that_of_the_real_steps():
    """Of a piece of one chord the first frame is stored and no other; of 8 chords, padded, all 8."""
    stored = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "stored.py"))["shares"]
    task = find_task("music_modelling")
    held, moving = [[60, 64]] * 9, [[60 + i] for i in range(9)]
    examples = Examples([held, moving], ["", ""], ["made:1", "made:2"])
    pipeline = fresh(
        task, "hierarchical_attention", "tiny", examples, 1, gate=0.9999, window=16, levels=1, num_layers=1
    )
    assert stored(pipeline, examples.select([0])) == {"layer_0": pytest.approx(1 / 8)}
    assert stored(pipeline, examples) == {"layer_0": pytest.approx((1 + 8) / 16)}
