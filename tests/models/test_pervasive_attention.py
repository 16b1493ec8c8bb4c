"""Pervasive Attention against loops over the formulas in NumPy, and what only it promises."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.models.seq2seq.pervasive_attention import PERVASIVE_ATTENTION

SYMBOLS = 9


def made(**fields):
    keras.utils.set_random_seed(5)
    config = PERVASIVE_ATTENTION.configure(
        "tiny", source_vocab_size=SYMBOLS, target_vocab_size=SYMBOLS + 1, embedding_dim=6, growth_rate=3, **fields
    )
    model = PERVASIVE_ATTENTION.build(config)
    random = np.random.default_rng(4)
    for v in model.weights:  # biases and norms begin at zeros and ones, which would hide a mistake
        if "seed_generator" not in v.path:
            v.assign(ops.convert_to_numpy(v.value) + random.uniform(0, 0.5, v.shape))
    return config, model, {v.path: ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}


def example():
    random = np.random.default_rng(0)
    source, target = (random.integers(3, SYMBOLS, shape).astype("int32") for shape in ((2, 6), (2, 5)))
    source[1, 4:] = 0
    target[:, 0] = 1
    return {"source": source, "source_mask": source > 0, "target": target}


def oracle(source, target, config, w):
    """Logits and alignment of one pair without padding, cell by cell."""

    def norm_relu(path, x):
        scale = w[f"{path}/norm/gamma"] / np.sqrt(w[f"{path}/norm/moving_variance"] + 1e-5)
        return np.maximum((x - w[f"{path}/norm/moving_mean"]) * scale + w[f"{path}/norm/beta"], 0)

    # One 1x1 convolution over [source; target].
    kernel = np.concatenate([w["encoder_project/kernel"], w["decoder_project/kernel"]])
    s, t = w["source_embed/embeddings"][source], w["target_embed/embeddings"][target]
    x = np.array([[np.concatenate([column, row]) for column in s] for row in t]) @ kernel + w["encoder_project/bias"]
    for i in range(config.num_layers):
        y = norm_relu(f"decoder_{i}/second", norm_relu(f"decoder_{i}/first", x) @ w[f"decoder_{i}/squeeze/kernel"])
        taps, above = w[f"decoder_{i}/kernel"], config.kernel_size // 2
        new = np.zeros((*x.shape[:2], config.growth_rate))
        for row, column in np.ndindex(*x.shape[:2]):
            for up in range(above + 1):
                for side in range(-above, above + 1):
                    if row - up >= 0 and 0 <= column + side < x.shape[1]:
                        new[row, column] += y[row - up, column + side] @ taps[above - up, above + side]
        x = np.concatenate([x, new], axis=-1)
    x = norm_relu("transition_second", norm_relu("transition_first", x) @ w["transition/kernel"])
    highest = x.max(1)
    logits = (highest @ w["readout/kernel"] + w["readout/bias"]) @ w["target_embed/embeddings"].T + w["logits/bias"]
    counts = np.zeros(x.shape[:2])
    for row, feature in np.argwhere(highest > 0):
        counts[row, x[row, :, feature].argmax()] += 1
    counts += 1e-6
    return logits, counts / counts.sum(-1, keepdims=True)


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_equals_loops_over_the_formulas(kernel_size):
    config, model, weights = made(kernel_size=kernel_size)
    inputs = example()
    logits, alignment = (ops.convert_to_numpy(x) for x in model.align(inputs))
    for row, length in ((0, 6), (1, 4)):
        right, read = oracle(inputs["source"][row, :length], inputs["target"][row], config, weights)
        np.testing.assert_allclose(logits[row], right, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(alignment[row, :, :length], read, atol=1e-5)


def test_padding_changes_no_statistics_of_a_batch():
    _, model, _ = made()
    inputs = example()
    padded = {
        "source": np.pad(inputs["source"], ((0, 0), (0, 3)), constant_values=7),
        "source_mask": np.pad(inputs["source_mask"], ((0, 0), (0, 3))),
        "target": np.pad(inputs["target"], ((0, 0), (0, 2))),
    }
    result, expected = (ops.convert_to_numpy(model(x, training=True)) for x in (padded, inputs))
    np.testing.assert_allclose(result[:, :5], expected, rtol=1e-4, atol=1e-4)


def test_the_published_configuration_has_the_published_number_of_parameters():
    model = PERVASIVE_ATTENTION.build(
        PERVASIVE_ATTENTION.configure("small", source_vocab_size=10, target_vocab_size=10)
    )
    outside = 2 * 10 * 128 + 10
    inside = sum(int(np.prod(v.shape)) for v in model.trainable_variables) - outside
    assert round(inside / 1e6, 2) == 2.64


def test_a_target_symbol_is_seen_as_far_as_the_layers_reach():
    config, model, _ = made(num_layers=2)
    target = np.full((1, 8), 4, "int32")
    source = np.array([[3, 5, 6]], "int32")
    before, changed = (
        ops.convert_to_numpy(model({"source": source, "source_mask": source > 0, "target": t}))
        for t in (target, np.where(np.arange(8) == 2, 7, target).astype("int32"))
    )
    seen = np.abs(before - changed).max((0, 2)) > 1e-7
    assert seen.tolist() == [False, False, True, True, True, False, False, False]


@pytest.mark.parametrize("fields", [{"kernel_size": 4}, {"kernel_size": 1}, {"num_layers": 0}, {"dropout": 1.0}])
def test_impossible_configs_are_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        PERVASIVE_ATTENTION.config(source_vocab_size=5, target_vocab_size=5, **fields)
