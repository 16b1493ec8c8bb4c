"""minGRU, minLSTM, LRU and RG-LRU against NumPy written from the formulas, one step after the other."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from zoo.models import registry

NAMES = ("min_gru", "min_lstm", "lru", "rg_lru")


def made(name: str, **fields) -> tuple[Any, Any, dict]:
    keras.utils.set_random_seed(5)
    architecture = registry.find_backbone(name)
    config = architecture.configure("tiny", **fields)
    model = architecture.build(config)
    random = np.random.default_rng(4)
    for v in model.weights:  # biases and norms begin at zeros and ones, which would hide a mistake
        if "seed_generator" not in v.path:
            v.assign(ops.convert_to_numpy(v.value) + random.normal(0, 0.1, v.shape))
    root = f"{name}_backbone/"
    weights = {v.path.removeprefix(root): ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}
    return config, model, weights


def values(model) -> list[np.ndarray]:
    return [ops.convert_to_numpy(v.value) for v in model.trainable_variables]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


class Oracle:
    """A backbone of one sequence ``(time, features)`` from its weights."""

    def __init__(self, name, config, weights):
        self.name, self.config, self.weights = name, config, weights

    def dense(self, path, x):
        return x @ self.weights[f"{path}/kernel"] + self.weights.get(f"{path}/bias", 0)

    def rms_norm(self, path, x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * self.weights[f"{path}/scale"]

    def layer_norm(self, path, x):
        spread = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return (x - x.mean(-1, keepdims=True)) / spread * self.weights[f"{path}/gamma"] + self.weights[f"{path}/beta"]

    def convolve(self, path, x):
        kernel = self.weights[f"{path}/kernel"]
        out = np.zeros_like(x) + self.weights[f"{path}/bias"]
        for t in range(len(x)):
            for tap in range(len(kernel)):
                if (earlier := t - (len(kernel) - 1 - tap)) >= 0:
                    out[t] += kernel[tap] * x[earlier]
        return out

    def min_gru(self, path, x):
        z, c = np.split(self.dense(f"{path}/project", x), 2, axis=-1)
        c = np.where(c >= 0, c + 0.5, sigmoid(c))
        return 1 - sigmoid(z), sigmoid(z) * c

    def min_lstm(self, path, x):
        f, i, c = np.split(self.dense(f"{path}/project", x), 3, axis=-1)
        c = np.where(c >= 0, c + 0.5, sigmoid(c))
        total = sigmoid(f) + sigmoid(i)
        return sigmoid(f) / total, sigmoid(i) / total * c

    def rg_lru(self, path, x):
        def gate(name):
            kernel, bias = self.weights[f"{path}/{name}_gate/kernel"], self.weights[f"{path}/{name}_gate/bias"]
            parts = np.split(x, len(kernel), axis=-1)
            return sigmoid(np.concatenate([p @ k for p, k in zip(parts, kernel, strict=True)], -1) + bias)

        a = np.exp(-8 * np.log1p(np.exp(self.weights[f"{path}/decay"])) * gate("recurrence"))
        return a, np.sqrt(1 - a**2) * gate("input") * x

    def recur(self, decay, inputs):
        state, states = np.zeros_like(inputs[0]), []
        for a, b in zip(np.broadcast_to(decay, inputs.shape), inputs, strict=True):
            state = a * state + b
            states.append(state)
        return np.stack(states)

    def branch(self, path, x):
        if self.name == "lru":
            w = self.weights
            decay = np.exp(-np.exp(w[f"{path}/nu"]) + 1j * np.exp(w[f"{path}/theta"]))
            real, imaginary = np.split(w[f"{path}/project/kernel"], 2, axis=-1)
            states = self.recur(decay, np.exp(w[f"{path}/gamma"]) * (x @ (real + 1j * imaginary)))
            return np.concatenate([states.real, states.imag], axis=-1)
        if self.name == "rg_lru":
            x = self.dense(f"{path}/project", x)
        if self.config.kernel_size > 1:
            x = self.convolve(f"{path}/convolution", x)
        return self.recur(*getattr(self, self.name)(f"{path}/recurrence", x))

    def directions(self, path, x):
        y = self.branch(f"{path}/forward", x)
        return (
            np.concatenate([y, self.branch(f"{path}/backward", x[::-1])[::-1]], -1) if self.config.bidirectional else y
        )

    def block(self, path, x):
        if self.name == "lru":
            y = self.layer_norm(f"{path}/norm", x)
            states = self.directions(f"{path}/directions", y)
            # y = Re(C h) + D x; C's imaginary part stands with the other sign in the rows for the imaginary parts.
            y = gelu(self.dense(f"{path}/out", states) + self.weights[f"{path}/skip"] * y)
            value, gate = np.split(self.dense(f"{path}/glu", y), 2, axis=-1)
            return x + value * sigmoid(gate)
        y = self.rms_norm(f"{path}/mixer_norm", x)
        mixed = self.directions(f"{path}/mixer/directions", y)
        if self.name == "rg_lru":
            mixed = gelu(self.dense(f"{path}/mixer/gate", y)) * mixed
        x = x + self.dense(f"{path}/mixer/out", mixed)
        y = self.rms_norm(f"{path}/feed_forward_norm", x)
        hidden = gelu(self.dense(f"{path}/feed_forward/{'gate' if self.name == 'rg_lru' else 'expand'}", y))
        if self.name == "rg_lru":
            hidden = hidden * self.dense(f"{path}/feed_forward/expand", y)
        return x + self.dense(f"{path}/feed_forward/contract", hidden)

    def __call__(self, x):
        x = self.dense("embed", x)
        for i in range(self.config.num_layers):
            x = self.block(f"block_{i}", x)
        return (self.layer_norm if self.name == "lru" else self.rms_norm)("final_norm/norm", x)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_equals_loops_over_the_formulas(name, bidirectional):
    config, model, weights = made(name, features=4, bidirectional=bidirectional)
    x = np.random.default_rng(0).normal(size=(2, 21, 4)).astype("float32")
    expected = np.stack([Oracle(name, config, weights)(row.astype("float64")) for row in x])
    np.testing.assert_allclose(ops.convert_to_numpy(model({"features": x})), expected, atol=1e-5)


def test_the_convolution_can_be_left_out():
    config, model, weights = made("min_gru", features=4, kernel_size=1)
    assert not any("convolution" in path for path in weights)
    x = np.random.default_rng(0).normal(size=(1, 9, 4)).astype("float32")
    expected = Oracle("min_gru", config, weights)(x[0].astype("float64"))
    np.testing.assert_allclose(ops.convert_to_numpy(model({"features": x}))[0], expected, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_padding_on_either_side_changes_nothing(name, bidirectional):
    _, model, _ = made(name, vocab_size=11, bidirectional=bidirectional)
    tokens = np.random.default_rng(0).integers(0, 11, (2, 9)).astype("int32")
    expected = ops.convert_to_numpy(model({"tokens": tokens}))
    padded = {
        "tokens": np.pad(tokens, ((0, 0), (3, 2)), constant_values=7),
        "mask": np.pad(np.ones((2, 9), "bool"), ((0, 0), (3, 2))),
    }
    np.testing.assert_allclose(ops.convert_to_numpy(model(padded))[:, 3:-2], expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_the_whole_over_a_thousand_steps(name):
    _, model, _ = made(name, vocab_size=11)
    tokens = np.random.default_rng(0).integers(0, 11, (2, 1_000)).astype("int32")
    whole = ops.convert_to_numpy(model({"tokens": tokens}))
    np.testing.assert_allclose(model.stream(2).prefill(tokens), whole, atol=1e-5)


def test_the_first_eigenvalues_of_an_lru_lie_on_its_ring_and_its_states_have_the_norm_of_its_inputs():
    architecture = registry.find_backbone("lru")
    keras.utils.set_random_seed(1)
    fields = {"state_dim": 400, "min_radius": 0.6, "max_radius": 0.9, "max_phase": 1.0}
    model = architecture.build(architecture.configure("tiny", vocab_size=5, **fields))
    weights = {v.name: ops.convert_to_numpy(v.value) for v in model.weights if "block_0/directions" in v.path}
    radius = np.exp(-np.exp(weights["nu"]))
    assert 0.6 <= radius.min() < 0.62 and 0.88 < radius.max() <= 0.9
    assert np.mean(radius**2) == pytest.approx((0.6**2 + 0.9**2) / 2, abs=0.02)  # squares are uniform on a ring
    assert np.exp(weights["theta"]).min() > 0 and 0.95 < np.exp(weights["theta"]).max() <= 1.0
    np.testing.assert_allclose(np.exp(weights["gamma"]), np.sqrt(1 - radius**2), rtol=1e-4)


def test_the_first_decays_of_an_rg_lru():
    architecture = registry.find_backbone("rg_lru")
    model = architecture.build(architecture.configure("tiny", vocab_size=5, state_dim=400))
    decay = next(ops.convert_to_numpy(v.value) for v in model.weights if v.path.endswith("recurrence/decay"))
    least = np.exp(-8 * np.log1p(np.exp(decay)))
    assert 0.9 <= least.min() < 0.91 and 0.99 < least.max() <= 0.9991


@pytest.mark.parametrize("name", NAMES)
def test_gradients_stay_finite_over_a_long_sequence(name):
    _, model, _ = made(name, vocab_size=11)
    before = values(model)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    tokens = np.random.default_rng(0).integers(0, 11, (2, 600)).astype("int32")
    model.train_on_batch({"tokens": tokens}, np.ones((2, 600, model.hidden_dim)))
    after = values(model)
    assert all(np.isfinite(x).all() for x in after)
    assert all(np.abs(x - y).max() > 0 for x, y in zip(after, before, strict=True))


@pytest.mark.parametrize(("size", "low", "high"), [("tiny", 2e3, 1e4), ("small", 8e5, 1.5e6), ("base", 5e6, 1e7)])
@pytest.mark.parametrize("name", NAMES)
def test_sizes(name, size, low, high):
    architecture = registry.find_backbone(name)
    assert low < architecture.build(architecture.configure(size, vocab_size=50)).count_params() < high


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("min_gru", {"state_dim": 7, "bidirectional": True}, "state_dim must be even"),
        ("min_lstm", {"kernel_size": 0}, "kernel_size must be in"),
        ("lru", {"min_radius": 0.9, "max_radius": 0.5}, "min_radius and max_radius"),
        ("lru", {"max_phase": 7.0}, "max_phase must be in"),
        ("rg_lru", {"num_heads": 3}, "multiple of num_heads"),
    ],
)
def test_impossible_configs_are_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        registry.find_backbone(name).config(vocab_size=5, **fields)
