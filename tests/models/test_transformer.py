"""The Transformer against NumPy written from the formulas, and against torch's attention."""

import numpy as np
import pytest
import torch
from keras import ops

from zoo.layers.attention import Attention
from zoo.models.backbones.transformer import TRANSFORMER


def numbers(x):
    return np.asarray(ops.convert_to_numpy(x), "float64")


def randomized(layer, seed=0):
    """Fill every weight with noise, so that no bias is left at zero. Returns them by path."""
    generator = np.random.default_rng(seed)
    for weight in layer.weights:
        if "seed_generator" not in weight.path:
            weight.assign(generator.normal(0, 0.4, weight.shape))
    return {weight.path: numbers(weight) for weight in layer.weights}


def normalized(x, weights, path):
    spread = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return (x - x.mean(-1, keepdims=True)) / spread * weights[f"{path}/gamma"] + weights[f"{path}/beta"]


def dense(x, weights, path):
    return x @ weights[f"{path}/kernel"] + weights.get(f"{path}/bias", 0.0)


def rotated(vector, position):
    """One head's vector as complex numbers, each turned by its own rate times the position."""
    half = len(vector) // 2
    turned = (vector[:half] + 1j * vector[half:]) * np.exp(1j * position * 10_000.0 ** (-np.arange(half) / half))
    return np.concatenate([turned.real, turned.imag])


def attended(y, real, config, weights, path):
    """Self-attention of one sequence, position by position and head by head."""
    size = config.hidden_dim // config.num_heads
    query, key, value = (dense(y, weights, f"{path}/{name}") for name in ("query", "key", "value"))
    out = np.zeros_like(y)
    for i in range(len(y)):
        seen = [j for j in range(len(y)) if real[j]]
        if config.causal:
            seen = [j for j in seen if i - config.context < j <= i]
        if not seen:
            continue
        for head in range(config.num_heads):
            part = slice(head * size, (head + 1) * size)
            turn = rotated if config.positions == "rotary" else lambda vector, position: vector
            q = turn(query[i, part], i)
            scores = np.array([q @ turn(key[j, part], j) for j in seen]) / np.sqrt(size)
            share = np.exp(scores - scores.max())
            out[i, part] = (share / share.sum()) @ value[seen, part]
    return dense(out, weights, f"{path}/out")


def fed_forward(y, activation, weights, path):
    hidden = dense(y, weights, f"{path}/expand")
    if activation == "relu":
        hidden = np.maximum(hidden, 0)
    else:
        hidden = hidden * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)))
    return dense(hidden, weights, f"{path}/contract")


def oracle(tokens, mask, config, weights):
    rows = []
    for ids, real in zip(tokens, mask, strict=True):
        x = weights["transformer/embed/embeddings"][ids]
        if config.positions == "learned":
            x = x + weights["transformer/positions/table/embeddings"][: len(ids)]
        for layer in range(config.num_layers):
            path = f"transformer/layer_{layer}"
            y = normalized(x, weights, f"{path}/attention_norm")
            x = x + attended(y, real, config, weights, f"{path}/attention")
            y = normalized(x, weights, f"{path}/feed_forward_norm")
            x = x + fed_forward(y, config.activation, weights, f"{path}/feed_forward")
        rows.append(normalized(x, weights, "transformer/final_norm/norm"))
    return np.stack(rows)


def tiny(**fields):
    config = TRANSFORMER.configure("tiny", **{"vocab_size": 11, **fields})
    model = TRANSFORMER.build(config)
    return config, model, randomized(model)


def tokens_and_mask(length, seed=1):
    tokens = np.random.default_rng(seed).integers(0, 11, (2, length))
    mask = np.ones((2, length), bool)
    mask[1, length - 3 :] = False
    return tokens, mask


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_equals_the_formulas(causal, positions, activation):
    context = 4 if positions == "rotary" else 9  # rotary: shorter than the sequence, so that the band shows
    config, model, weights = tiny(causal=causal, positions=positions, activation=activation, context=context)
    tokens, mask = tokens_and_mask(9)
    out = numbers(model({"tokens": tokens, "mask": mask}))
    expected = oracle(tokens, mask, config, weights)
    np.testing.assert_allclose(out[mask], expected[mask], atol=2e-5)


def test_attention_equals_torch():
    generator = np.random.default_rng(2)
    ours = Attention(8, 2, name="attention")
    ours.build((None, None, 8))
    weights = randomized(ours)
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64, device="cpu")
    names = ("query", "key", "value")
    with torch.no_grad():
        kernels = np.concatenate([weights[f"attention/{name}/kernel"].T for name in names])
        biases = [weights.get(f"attention/{name}/bias", np.zeros(8)) for name in names]
        reference.in_proj_weight.copy_(torch.from_numpy(kernels))
        reference.in_proj_bias.copy_(torch.from_numpy(np.concatenate(biases)))
        reference.out_proj.weight.copy_(torch.from_numpy(weights["attention/out/kernel"].T.copy()))
        reference.out_proj.bias.copy_(torch.from_numpy(weights["attention/out/bias"]))
    x, memory = generator.normal(size=(3, 4, 8)), generator.normal(size=(3, 6, 8))
    mask = np.ones((3, 6), bool)
    mask[0, 2:] = False
    out = ours(ours.queries(x.astype("float32")), *ours.keys_values(memory.astype("float32")), mask[:, None])
    parts = [torch.from_numpy(part) for part in (x, memory, memory)]
    expected, _ = reference(*parts, key_padding_mask=torch.from_numpy(~mask))
    np.testing.assert_allclose(numbers(out), expected.detach().cpu().numpy(), atol=1e-5)


def test_attention_that_may_read_nothing_reads_zeros():
    attention = Attention(8, 2, name="attention")
    attention.build((None, None, 8))
    weights = randomized(attention)
    x = np.random.default_rng(3).normal(size=(1, 2, 8)).astype("float32")
    mask = np.zeros((1, 2, 2), bool)
    out = attention(attention.queries(x), *attention.keys_values(x), mask)
    np.testing.assert_allclose(numbers(out)[0], np.tile(weights["attention/out/bias"], (2, 1)), atol=1e-6)


@pytest.mark.parametrize(("positions", "length"), [("rotary", 13), ("learned", 4)])
def test_step_equals_call(positions, length):
    _, model, _ = tiny(positions=positions, context=4)
    tokens, _ = tokens_and_mask(length)
    state, steps = model.initial_state(2), []
    for time in range(length):
        y, state = model.step(ops.convert_to_tensor(tokens[:, time]), state)
        steps.append(numbers(y))
    np.testing.assert_allclose(np.stack(steps, 1), numbers(model({"tokens": tokens})), atol=2e-5)


def test_look_back_is_exact():
    config, model, _ = tiny(context=4)
    back = TRANSFORMER.receptive_field(config)
    assert back == 7  # two layers of four: 1 + 2 * 3
    tokens, _ = tokens_and_mask(back + 3)
    before = numbers(model({"tokens": tokens}))[:, -1]
    for age in range(back + 3):
        changed = tokens.copy()
        changed[:, -1 - age] = (changed[:, -1 - age] + 1) % 11
        difference = np.abs(numbers(model({"tokens": changed}))[:, -1] - before).max()
        assert (difference > 0) == (age < back), age


@pytest.mark.parametrize("causal", [True, False])
def test_padding_changes_nothing(causal):
    _, model, _ = tiny(causal=causal)
    tokens, _ = tokens_and_mask(6)
    alone = numbers(model({"tokens": tokens}))
    padded = np.concatenate([tokens, np.full((2, 5), 7)], axis=1)
    mask = np.arange(11)[None].repeat(2, 0) < 6
    np.testing.assert_allclose(numbers(model({"tokens": padded, "mask": mask}))[:, :6], alone, atol=2e-5)


def test_learned_positions_end_at_the_context():
    config, model, _ = tiny(positions="learned", context=4)
    assert TRANSFORMER.receptive_field(config) == 4
    with pytest.raises(ValueError, match="learned positions end at context = 4"):
        model({"tokens": np.zeros((1, 5), int)})
    state = model.initial_state(1)
    for _ in range(4):
        y, state = model.step(ops.zeros((1,), "int32"), state)
        assert np.isfinite(numbers(y)).all()
    y, _ = model.step(ops.zeros((1,), "int32"), state)
    assert np.isnan(numbers(y)).all()


def test_reading_both_ways_has_no_steps():
    config, model, _ = tiny(causal=False)
    assert TRANSFORMER.receptive_field(config) is None
    with pytest.raises(ValueError, match="layer_0 is not causal"):
        model.initial_state(1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_heads": 3}, "multiple of num_heads"),
        ({"num_heads": 16}, "even hidden_dim / num_heads"),
        ({"positions": "sinusoidal"}, "positions must be rotary or learned"),
        ({"context": 0}, "context must be in"),
        ({"dropout": 1.0}, "dropout must be in"),
    ],
)
def test_impossible_configs_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMER.config(vocab_size=5, **{"hidden_dim": 16, **fields})


@pytest.mark.parametrize(("size", "low", "high"), [("tiny", 2e3, 2e4), ("small", 8e5, 1.5e6), ("base", 5e6, 1e7)])
def test_sizes(size, low, high):
    assert low < TRANSFORMER.build(TRANSFORMER.configure(size, vocab_size=50)).count_params() < high
