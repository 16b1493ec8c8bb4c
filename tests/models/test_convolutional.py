"""ConvS2S against loops over the formulas in NumPy, and what only it promises."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.models.seq2seq.convolutional import TCN_SEQ2SEQ, scale_gradient

SYMBOLS = 9


def made(**fields):
    keras.utils.set_random_seed(5)
    sizes = {"source_vocab_size": SYMBOLS, "target_vocab_size": SYMBOLS + 1, "embedding_dim": 6, "hidden_dim": 4}
    config = TCN_SEQ2SEQ.configure("tiny", **sizes, **fields)
    model = TCN_SEQ2SEQ.build(config)
    random = np.random.default_rng(4)
    for v in model.weights:  # biases begin at zeros and lengths at norms, which would hide a mistake
        if "seed_generator" not in v.path:
            v.assign(ops.convert_to_numpy(v.value) + random.normal(0, 0.3, v.shape))
    return config, model, {v.path: ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}


def oracle(source, target, config, w):
    """Logits and alignment of one pair without padding, position by position."""
    half = np.sqrt(0.5)

    def kernel(path):
        v, g = w[f"{path}/direction"], w[f"{path}/length"]
        return g * v / np.sqrt((v**2).sum((0, 1)))

    def linear(path, x):
        return x @ kernel(path)[0] + w[f"{path}/bias"]

    def convolve(path, x, first):
        """Tap ``j`` reads position ``t + first + j``."""
        taps, out = kernel(path), np.zeros((len(x), 2 * config.hidden_dim)) + w[f"{path}/bias"]
        for t in range(len(x)):
            for j, tap in enumerate(taps):
                if 0 <= t + first + j < len(x):
                    out[t] += x[t + first + j] @ tap
        value, gate = np.split(out, 2, axis=-1)
        return value / (1 + np.exp(-gate))

    def embed(side, ids):
        return w[f"{side}_embed/symbols/embeddings"][ids] + w[f"{side}_embed/positions/embeddings"][: len(ids)]

    e = embed("source", source)
    x = linear("encoder_in", e)
    for i in range(config.encoder_layers):
        x = (x + convolve(f"encoder_{i}", x, -(config.kernel_size // 2))) * half
    z = linear("encoder_out", x)
    values, count = (z + e) * half, len(source)

    g = embed("target", target)
    x, read = linear("decoder_in", g), []
    for i in range(config.decoder_layers):
        h = convolve(f"decoder_{i}/convolution", x, 1 - config.kernel_size)
        d = (linear(f"decoder_{i}/query", h) + g) * half
        weights = np.exp(d @ z.T)
        weights /= weights.sum(-1, keepdims=True)
        context = weights @ values * count * np.sqrt(1 / count)
        x = ((h + linear(f"decoder_{i}/out", context)) * half + x) * half
        read.append(weights)
    return linear("decoder_out", x) @ w["logits/kernel"] + w["logits/bias"], np.mean(read, 0)


@pytest.mark.parametrize("fields", [{}, {"kernel_size": 5, "decoder_layers": 2, "encoder_layers": 3}])
def test_equals_loops_over_the_formulas(fields):
    config, model, weights = made(**fields)
    random = np.random.default_rng(0)
    source, target = (random.integers(3, SYMBOLS, shape).astype("int32") for shape in ((2, 6), (2, 5)))
    source[1, 4:] = 0
    result, alignment = model.align({"source": source, "source_mask": source > 0, "target": target})
    for row, length in ((0, 6), (1, 4)):
        right, read = oracle(source[row, :length], target[row], config, weights)
        np.testing.assert_allclose(ops.convert_to_numpy(result)[row], right, atol=1e-5)
        np.testing.assert_allclose(ops.convert_to_numpy(alignment)[row, :, :length], read, atol=1e-5)


def test_weights_begin_as_published():
    config = TCN_SEQ2SEQ.configure("small", source_vocab_size=9, target_vocab_size=9, dropout=0.25)
    model = TCN_SEQ2SEQ.build(config)
    spread = np.sqrt(4 * 0.75 / (config.kernel_size * config.hidden_dim))
    kernel = ops.convert_to_numpy(model.encoder[0].kernel())
    assert kernel.std() == pytest.approx(spread, rel=0.05)
    np.testing.assert_allclose(kernel, ops.convert_to_numpy(model.encoder[0].v), atol=1e-6)


def test_a_scaled_gradient_is_the_same_value():
    x = np.array([0.3, -2.0], "float32")
    np.testing.assert_allclose(ops.convert_to_numpy(scale_gradient(ops.convert_to_tensor(x), 0.25)), x, rtol=1e-6)
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda y: scale_gradient(y, 0.25))(layer(inputs)))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=lambda true, y: ops.sum(y))
    model.train_on_batch(x[None], np.zeros((1, 1)))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.kernel)[:, 0], 1 - 0.25 * x, rtol=1e-5)


def test_positions_end_at_the_longest_target():
    _, model, _ = made(max_target=3)
    source = np.array([[3, 4]], "int32")
    inputs = {"source": source, "source_mask": source > 0, "target": np.full((1, 4), 5, "int32")}
    result = ops.convert_to_numpy(model(inputs))
    assert np.isfinite(result[:, :3]).all() and np.isnan(result[:, 3]).all()


@pytest.mark.parametrize("fields", [{"kernel_size": 4}, {"encoder_layers": 0}, {"max_source": 0}, {"dropout": 1.0}])
def test_impossible_configs_are_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        TCN_SEQ2SEQ.config(source_vocab_size=5, target_vocab_size=5, **fields)
