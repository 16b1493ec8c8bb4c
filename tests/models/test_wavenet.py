"""WaveNet against NumPy written from the formulas of the paper, and what only it promises."""

import keras
import numpy as np
import pytest
from keras import ops, tree

from zoo.models.backbones.wavenet import WAVENET


def made(**fields):
    keras.utils.set_random_seed(5)
    config = WAVENET.configure("tiny", **fields)
    model = WAVENET.build(config)
    generator = np.random.default_rng(4)
    for v in model.weights:  # biases begin at zero, which would hide a mistake
        v.assign(ops.convert_to_numpy(v.value) + generator.normal(0, 0.1, v.shape))
    return config, model


def output(model, inputs):
    return ops.convert_to_numpy(model(inputs))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def oracle(x, config, weights):
    """One loop a tap; the skips are summed and read as in figure 4."""

    def dense(name, x):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def convolve(name, x, dilation):
        kernel = weights[f"{name}/kernel"]
        out = np.zeros((len(x), kernel.shape[-1])) + weights[f"{name}/bias"]
        for t in range(len(x)):
            for tap in range(len(kernel)):
                earlier = t - (len(kernel) - 1 - tap) * dilation
                if earlier >= 0:
                    out[t] += x[earlier] @ kernel[tap]
        return out

    root = "wavenet_backbone/network"
    x = convolve(f"{root}/initial", dense("wavenet_backbone/embed", x), 1)
    x = np.maximum(x, 0) if config.rectified else x
    total = 0
    for i in range(config.stacks * config.num_layers):
        both = convolve(f"{root}/layer_{i}/filter_gate", x, 2 ** (i % config.num_layers))
        z = np.tanh(both[:, : config.hidden_dim]) * sigmoid(both[:, config.hidden_dim :])
        total = total + dense(f"{root}/layer_{i}/skip", z)
        if f"{root}/layer_{i}/residual/kernel" in weights:
            x = x + dense(f"{root}/layer_{i}/residual", z)
    hidden = np.maximum(dense(f"{root}/hidden", np.maximum(total, 0)), 0)
    return dense(f"{root}/out", hidden)


@pytest.mark.parametrize("fields", [{}, {"kernel_size": 3, "initial_kernel_size": 4, "stacks": 1}, {"rectified": True}])
def test_equals_loops_over_the_formulas(fields):
    config, model = made(features=4, **fields)
    weights = {v.path: ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}
    x = np.random.default_rng(0).normal(size=(2, 20, 4)).astype("float32")
    expected = np.stack([oracle(row, config, weights) for row in x])
    np.testing.assert_allclose(output(model, {"features": x}), expected, atol=1e-5)


@pytest.mark.parametrize("fields", [{}, {"kernel_size": 3, "initial_kernel_size": 4, "stacks": 1}])
def test_look_back_is_what_perturbation_shows(fields):
    config, model = made(vocab_size=11, **fields)
    reach = WAVENET.receptive_field(config)
    tokens = np.random.default_rng(0).integers(0, 11, (8, reach + 3)).astype("int32")
    last = output(model, {"tokens": tokens})[:, -1]
    for ago, seen in ((reach - 1, True), (reach, False)):
        changed = tokens.copy()
        changed[:, -1 - ago] = (changed[:, -1 - ago] + 5) % 11
        difference = np.abs(output(model, {"tokens": changed})[:, -1] - last).max()
        assert difference > 0 if seen else difference <= 1e-7, ago


def test_look_back_of_the_paper():
    # Dilations 1..512 with a kernel of 2 see 1024 samples; one more for the initial convolution.
    assert WAVENET.receptive_field(WAVENET.config(vocab_size=2, stacks=1, initial_kernel_size=1)) == 1024
    assert WAVENET.receptive_field(WAVENET.config(vocab_size=2, stacks=1)) == 1025


def test_padding_on_either_side_changes_nothing():
    _, model = made(vocab_size=11)
    tokens = np.random.default_rng(0).integers(0, 11, (2, 9)).astype("int32")
    expected = output(model, {"tokens": tokens})
    padded = {
        "tokens": np.pad(tokens, ((0, 0), (3, 2)), constant_values=7),
        "mask": np.pad(np.ones((2, 9), "bool"), ((0, 0), (3, 2))),
    }
    np.testing.assert_allclose(output(model, padded)[:, 3:-2], expected, atol=1e-5)


@pytest.mark.parametrize(("rows", "rectified"), [(1, False), (3, False), (2, True)])
def test_queues_equal_the_whole_sequence_and_do_not_grow(rows, rectified):
    config, model = made(vocab_size=11, rectified=rectified)
    tokens = np.random.default_rng(0).integers(0, 11, (rows, 2 * WAVENET.receptive_field(config)))
    whole = output(model, {"tokens": tokens.astype("int32")})
    state = model.initial_state(rows)
    shapes = [tuple(queue.shape) for queue in tree.flatten(state)]
    for t in range(tokens.shape[1]):
        out, state = model.step(ops.convert_to_tensor(tokens[:, t].astype("int32")), state)
        np.testing.assert_allclose(ops.convert_to_numpy(out), whole[:, t], atol=1e-5)
    assert [tuple(queue.shape) for queue in tree.flatten(state)] == shapes


@pytest.mark.parametrize(("size", "low", "high"), [("tiny", 2e3, 1e4), ("small", 8e5, 1.5e6), ("base", 5e6, 1e7)])
def test_sizes(size, low, high):
    assert low < WAVENET.build(WAVENET.configure(size, vocab_size=256)).count_params() < high


def test_dropout_acts_within_the_layers_and_in_training_only():
    model = WAVENET.build(WAVENET.configure("tiny", features=3, dropout=0.5))
    model.drop.rate = 0.0  # what is left is inside
    x = {"features": np.ones((1, 9, 3), "float32")}
    predictions = ops.convert_to_numpy(model(x))
    np.testing.assert_array_equal(predictions, ops.convert_to_numpy(model(x)))
    assert np.abs(predictions - ops.convert_to_numpy(model(x, training=True))).max() > 1e-3
