"""Equality with torch and with plain NumPy, weights copied."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from zoo.models import registry
from zoo.models.seq2seq.recurrent import Config, RecurrentSeq2Seq
from zoo.models.seq2seq.transformer import sinusoids


def arrays(model) -> dict[str, np.ndarray]:
    return {v.path: ops.convert_to_numpy(v.value) for v in model.weights}


def randomise(model) -> None:
    """Biases and norms begin at zeros and ones, which would hide a mistake."""
    generator = np.random.default_rng(4)
    for v in model.weights:
        v.assign(ops.convert_to_numpy(v.value) + generator.normal(0, 0.1, v.shape))


def part(weights, beginning: str, *names: str) -> list[np.ndarray]:
    result = [next(v for k, v in weights.items() if k.startswith(beginning) and k.endswith(n)) for n in names]
    return result


def reorder(matrix: np.ndarray, cell: str) -> np.ndarray:
    """From Keras's order of gates to torch's: GRU z r h to r z n; LSTM and RNN are alike."""
    if cell != "gru":
        return matrix
    z, r, h = np.split(matrix, 3, axis=-1)
    return np.concatenate([r, z, h], axis=-1)


def torch_layer(weights: dict, layer: int, cell: str, both: bool) -> torch.nn.RNNBase:
    """Returns torch's layer with the weights of a block of a tiny model."""
    kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    reference = kind(16, 8 if both else 16, batch_first=True, bidirectional=both)
    for direction, suffix in (("forward_", ""), ("backward_", "_reverse")) if both else (("", ""),):
        ours = {k: v for k, v in weights.items() if f"block_{layer}/" in k and direction in k}
        kernel, recurrent, bias = part(ours, "", "/kernel", "/recurrent_kernel", "/bias")
        inputs, hidden = bias if cell == "gru" else (bias, np.zeros_like(bias))
        for name, value in (
            ("weight_ih", reorder(kernel, cell).T),
            ("weight_hh", reorder(recurrent, cell).T),
            ("bias_ih", reorder(inputs, cell)),
            ("bias_hh", reorder(hidden, cell)),
        ):
            getattr(reference, f"{name}_l0{suffix}").data = torch.tensor(np.ascontiguousarray(value))
    return reference


def normalised(x: np.ndarray, weights: dict, path: str) -> np.ndarray:
    gamma, beta = part(weights, "", f"{path}/gamma", f"{path}/beta")
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma + beta


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_recurrent_backbones_equal_torch(cell, both, residual):
    architecture = registry.find_backbone(cell)
    model = architecture.build(architecture.configure("tiny", features=6, bidirectional=both, residual=residual))
    randomise(model)
    weights = arrays(model)
    x = np.random.default_rng(0).normal(size=(3, 9, 6)).astype("float32")
    kernel, bias = part(weights, "", "embed/kernel", "embed/bias")
    expected = x @ kernel + bias
    for layer in range(2):
        inner = normalised(expected, weights, f"block_{layer}/norm") if residual else expected
        with torch.no_grad():
            inner = torch_layer(weights, layer, cell, both)(torch.tensor(inner))[0].numpy()
        expected = expected + inner if residual else inner
    expected = normalised(expected, weights, "final_norm/norm") if residual else expected
    np.testing.assert_allclose(ops.convert_to_numpy(model({"features": x})), expected, atol=1e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_tcn_equals_loops_over_the_formula(norm):
    architecture = registry.find_backbone("tcn")
    model = architecture.build(architecture.configure("tiny", features=4, kernel_size=2, norm=norm))
    randomise(model)
    weights = arrays(model)
    x = np.random.default_rng(0).normal(size=(2, 11, 4)).astype("float32")

    def convolve(x, name, dilation):
        v, g, b = part(weights, "", f"{name}/direction", f"{name}/length", f"{name}/bias")
        w = g * v / np.sqrt((v**2).sum((0, 1)))
        out = np.zeros((*x.shape[:2], w.shape[-1])) + b
        for t in range(x.shape[1]):
            for tap in range(len(w)):
                earlier = t - (len(w) - 1 - tap) * dilation
                if earlier >= 0:
                    out[:, t] += x[:, earlier] @ w[tap]
        return out

    kernel, bias = part(weights, "", "embed/kernel", "embed/bias")
    y = x @ kernel + bias
    for level in range(3):
        inner = normalised(y, weights, f"block_{level}/norm") if norm else y
        inner = np.maximum(convolve(inner, f"block_{level}/first", 2**level), 0)
        inner = convolve(inner, f"block_{level}/second", 2**level)
        if level == 0:
            kernel, bias = part(weights, "", "shortcut/kernel", "shortcut/bias")
            y = y @ kernel + bias
        y = inner + y if norm else np.maximum(np.maximum(inner, 0) + y, 0)
    y = normalised(y, weights, "final_norm/norm") if norm else y
    np.testing.assert_allclose(ops.convert_to_numpy(model({"features": x})), y, atol=1e-5)


@pytest.mark.parametrize(("norm_first", "relative"), [(True, 0), (False, 0), (True, 2)])
def test_transformer_equals_torch(norm_first, relative):
    architecture = registry.find_seq2seq("transformer")
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "norm_first": norm_first, "relative": relative}
    model = architecture.build(architecture.configure("tiny", source_vocab_size=9, target_vocab_size=8, **sizes))
    randomise(model)
    for variable in model.weights:  # torch's layers share what is added to the scores
        first = variable.path.replace("coder_1", "coder_0")
        if variable.path.endswith("offset_scores"):
            variable.assign(next(v for v in model.weights if v.path == first))
    w = arrays(model)
    reference = torch.nn.Transformer(16, 2, 2, 2, 32, 0.0, norm_first=norm_first, batch_first=True)

    def attention(ours, name, out):
        q, kv, o = (w[f"{ours}/{name}/{x}/kernel"].T for x in ("query", "key_value", "out"))
        bq, bkv, bo = (w[f"{ours}/{name}/{x}/bias"] for x in ("query", "key_value", "out"))
        return {
            f"{out}.in_proj_weight": np.concatenate([q, kv]),
            f"{out}.in_proj_bias": np.concatenate([bq, bkv]),
            f"{out}.out_proj.weight": o,
            f"{out}.out_proj.bias": bo,
        }

    state = {}
    for side in ("encoder", "decoder"):
        for i in range(2):
            ours, out = f"{side}_{i}", f"{side}.layers.{i}"
            state |= attention(ours, "self_attention", f"{out}.self_attn")
            norms = ["self_norm", "feed_forward_norm"]
            if side == "decoder":
                state |= attention(ours, "cross_attention", f"{out}.multihead_attn")
                norms.insert(1, "cross_norm")
            for k, norm in enumerate(norms, 1):
                state[f"{out}.norm{k}.weight"] = w[f"{ours}/{norm}/gamma"]
                state[f"{out}.norm{k}.bias"] = w[f"{ours}/{norm}/beta"]
            for k, dense in enumerate(("expand", "contract"), 1):
                state[f"{out}.linear{k}.weight"] = w[f"{ours}/{dense}/kernel"].T
                state[f"{out}.linear{k}.bias"] = w[f"{ours}/{dense}/bias"]
        if norm_first:
            state[f"{side}.norm.weight"] = w[f"{side}_norm/gamma"]
            state[f"{side}.norm.bias"] = w[f"{side}_norm/beta"]
        else:  # the paper has no norm after the last layer
            getattr(reference, side).norm = None
    reference.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in state.items()})

    source = np.array([[3, 4, 5, 2, 0], [6, 7, 8, 4, 2]], "int32")
    target = np.array([[1, 3, 4], [1, 6, 5]], "int32")
    embedded = [
        w[f"{side}_embed/embeddings"][ids] * 4 + ops.convert_to_numpy(sinusoids(ids.shape[1], 16, "float32"))
        for side, ids in (("source", source), ("target", target))
    ]

    def added(name, queries, keys):
        """What a head adds to each score, by the offset from query to key, for both rows' heads in turn."""
        scores = np.zeros((2, queries, keys), "float32")
        for head, query, key in np.ndindex(scores.shape) if relative else []:
            place = min(max(key - query, -relative), relative) + relative
            scores[head, query, key] = w[f"{name}/offset_scores"][place, head]
        return torch.tensor(np.tile(scores, (2, 1, 1)))

    padding = torch.tensor(np.where(source == 0, -np.inf, 0).astype("float32"))
    with torch.no_grad():
        out = reference(
            *(torch.tensor(x) for x in embedded),
            src_mask=added("encoder_0/self_attention", 5, 5),
            tgt_mask=added("decoder_0/self_attention", 3, 3) + torch.triu(torch.full((3, 3), -torch.inf), 1),
            memory_mask=added("decoder_0/cross_attention", 3, 5),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        ).numpy()
    expected = out @ w["logits/kernel"] + w["logits/bias"]
    result = ops.convert_to_numpy(model({"source": source, "source_mask": source > 0, "target": target}))
    np.testing.assert_allclose(result, expected, atol=1e-4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def advance(cell, x, states, kernel, recurrent, bias):
    """One step of a cell, from its definition."""
    if cell == "rnn":
        h = np.tanh(x @ kernel + states[0] @ recurrent + bias)
        return (h,)
    if cell == "lstm":
        i, f, g, o = np.split(x @ kernel + states[0] @ recurrent + bias, 4, axis=-1)
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, axis=-1)
    hz, hr, hh = np.split(states[0] @ recurrent + bias[1], 3, axis=-1)
    z = sigmoid(xz + hz)
    return (z * states[0] + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh),)


@pytest.mark.parametrize("attention", ["bahdanau", "luong", "gnmt"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_attention_decoder_equals_loops_over_the_formulas(cell, attention):
    keras.utils.set_random_seed(1)
    layers = 2 if attention == "gnmt" else 1
    model = RecurrentSeq2Seq(cell, Config(9, 8, 6, 5, 1, 7, layers, attention, 0.0))
    model.build_variables()
    randomise(model)
    w = arrays(model)
    source, target = np.array([[3, 5, 4, 2]], "int32"), np.array([[1, 4, 6]], "int32")
    embedded = w["source_embed/embeddings"][source]

    def encode(direction, order):
        weights = part(w, f"encoder_0/{direction}", "/kernel", "/recurrent_kernel", "/bias")
        states, out = tuple(np.zeros((1, 5)) for _ in range(1 + (cell == "lstm"))), {}
        for t in order:
            states = advance(cell, embedded[:, t], states, *weights)
            out[t] = states[0]
        return np.stack([out[t] for t in range(4)], axis=1)

    memory = np.concatenate([encode("forward", range(4)), encode("backward", range(3, -1, -1))], axis=-1)

    def dense(name, x):
        return x @ w[f"{name}/kernel"] + w.get(f"{name}/bias", 0)

    def read(query):
        keys = dense("attention_key", memory)
        if attention == "bahdanau":
            scores = dense("attention_score", np.tanh(dense("attention_query", query)[:, None] + keys))[..., 0]
        else:
            scores = (keys * query[:, None]).sum(-1)
        weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        return (weights[..., None] * memory).sum(1), weights

    count = 1 + (cell == "lstm")
    bridged = [np.tanh(dense(f"bridge_{i}", memory[:, 0, 5:])) for i in range(layers * count)]
    states, above = tuple(bridged[:count]), tuple(bridged[count:])
    fed, weights = np.zeros((1, 7)), part(w, "decoder_0", "/kernel", "/recurrent_kernel", "/bias")
    expected, alignment = [], []
    for t in range(3):
        x = w["target_embed/embeddings"][target[:, t]]
        if attention == "bahdanau":
            context, seen = read(states[0])
            states = advance(cell, np.concatenate([x, context], -1), states, *weights)
            out = np.tanh(dense("readout", np.concatenate([states[0], x, context], -1)))
        elif attention == "gnmt":
            states = advance(cell, x, states, *weights)
            context, seen = read(states[0])
            upper = part(w, "decoder_1", "/kernel", "/recurrent_kernel", "/bias")
            above = advance(cell, np.concatenate([states[0], context], -1), above, *upper)
            out = np.tanh(dense("readout", np.concatenate([above[0], context], -1)))
        else:
            states = advance(cell, np.concatenate([x, fed], -1), states, *weights)
            context, seen = read(states[0])
            out = fed = np.tanh(dense("readout", np.concatenate([context, states[0]], -1)))
        expected.append(dense("logits", out))
        alignment.append(seen)
    result, read_weights = model.align({"source": source, "source_mask": source > 0, "target": target})
    np.testing.assert_allclose(ops.convert_to_numpy(result), np.stack(expected, 1), atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(read_weights), np.stack(alignment, 1), atol=1e-5)
