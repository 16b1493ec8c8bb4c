"""Layers as ONNX nodes: dense, norms, convolutions, recurrent layers, attention, pooling."""

import math
from collections.abc import Sequence

import numpy as np

from zoo.export.graph import Graph, Value
from zoo.export.weights import Part
from zoo.layers.hashing import pair_rows

NEGATIVE = -1e9  # the score of masked positions, as in the models
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [0, 1, 2]}
"""Index in Keras's gate order for each gate in ONNX's order."""
CELLS = {"rnn": "simple_rnn_cell", "lstm": "lstm_cell", "gru": "gru_cell"}
STATES = {"rnn": 1, "lstm": 2, "gru": 1}


def dense(part: Part, x: Value, activation: str | None = None) -> Value:
    """Map ``(..., inputs)`` to ``(..., units)``."""
    with part.graph.scope(part.path):
        y = x @ part.weight("kernel")
        y = y + part.weight("bias") if "bias" in part else y
        return part.graph.activate(y, activation)


def embed(part: Part, x: Value) -> Value:
    """Map ids to rows of an embedding; if the layer is dense, map features."""
    if "embeddings" not in part:
        return dense(part, x)
    return part.graph.gather(part.weight("embeddings"), x)


def target_embedding(part: Part) -> Part:
    """Returns the embedding of target ids, which with tied embeddings is that of source ids."""
    return part / ("target_embed" if "target_embed/embeddings" in part else "source_embed")


def logits_of(part: Part, x: Value) -> Value:
    """Apply the output layer, whose kernel may be an embedding."""
    if "logits/kernel" in part:
        return dense(part / "logits", x)
    sides = ("target_embed", "source_embed", "source_embed/symbols")
    embedding = next(part / side for side in sides if f"{side}/embeddings" in part)
    return x @ part.constant("logits/kernel", embedding.array("embeddings").T) + (part / "logits").weight("bias")


def layer_norm(part: Part, x: Value) -> Value:
    """Apply layer norm over the last axis, with the epsilon of the zoo's Transformers."""
    with part.graph.scope(part.path):
        gamma, beta = part.weight("gamma"), part.weight("beta")
        return part.graph.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)


def rms_norm(part: Part, x: Value) -> Value:
    """Returns ``x / sqrt(mean(x ** 2) + 1e-6)`` times a scale."""
    with part.graph.scope(part.path):
        graph = part.graph
        mean = graph.reduce("Mean", x * x, -1, keepdims=True)
        return x / graph.op("Sqrt", mean + 1e-6) * part.weight("scale")


def feed_forward(part: Part, x: Value, activation: str) -> Value:
    """Apply two dense layers with a non-linearity between them."""
    return dense(part / "contract", dense(part / "expand", x, activation))


def gated_feed_forward(part: Part, x: Value) -> Value:
    """Returns ``W_3 (gelu(W_1 x) * W_2 x)``."""
    return dense(part / "contract", dense(part / "gate", x, "gelu") * dense(part / "expand", x))


def glu(graph: Graph, x: Value) -> Value:
    """Returns ``a * sigmoid(b)`` for the halves of the last axis."""
    value, gate = graph.split(x, 2)
    return value * graph.op("Sigmoid", gate)


def zero_masked(graph: Graph, x: Value, mask: Value | None) -> Value:
    """Returns ``x (batch, time, features)`` with zeros where the mask is false."""
    return x if mask is None else graph.where(graph.unsqueeze(mask, -1), x, 0.0)


def lengths_of(graph: Graph, mask: Value | None) -> Value | None:
    """Returns the number of real steps per row, for recurrent operators."""
    return None if mask is None else graph.reduce("Sum", graph.cast(mask, "int32"), 1)


def _recurrent_weights(parts: Sequence[Part], cell: str) -> list[Value]:
    """Returns ``W``, ``R`` and ``B`` of one or two directions."""
    result: list[list[np.ndarray]] = [[], [], []]
    for part in parts:
        part = part / CELLS[cell]
        kernel, recurrent, bias = (part.array(name) for name in ("kernel", "recurrent_kernel", "bias"))
        bias = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])

        def ordered(x: np.ndarray) -> np.ndarray:
            gates = np.split(x, len(GATES[cell]), axis=-1)
            return np.concatenate([gates[i] for i in GATES[cell]], axis=-1)

        for group, x in zip(result, (ordered(kernel).T, ordered(recurrent).T, ordered(bias).reshape(-1)), strict=True):
            group.append(x)
    return [parts[0].constant(f"{name}{len(parts)}", np.stack(x)) for name, x in zip("WRB", result, strict=True)]


def recurrent(
    parts: Sequence[Part],
    cell: str,
    x: Value,
    lengths: Value | None = None,
    initial: Sequence[Value] | None = None,
) -> Value:
    """Run a recurrent layer of one or two directions as one native operator.

    Args:
        parts: Layer of each direction.
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        x: ``(batch, time, features)``.
        lengths: Number of real steps per row, ``(batch,)``; ``None`` means all.
        initial: States ``(batch, units)`` before the first step.

    Returns:
        ``(batch, time, directions * units)``.
    """
    graph = parts[0].graph
    units = parts[0].array(f"{CELLS[cell]}/recurrent_kernel").shape[0]
    with graph.scope(parts[0].path):
        states = [graph.unsqueeze(state, 0) for state in initial or ()]
        y = _native(cell, graph.transpose(x, 1, 0, 2), parts, lengths, states, units)[0]
        if len(parts) == 1:
            return graph.transpose(graph.squeeze(y, 1), 1, 0, 2)
        return graph.reshape(graph.transpose(y, 2, 0, 1, 3), 0, 0, len(parts) * units)


def _native(cell: str, x: Value, parts: Sequence[Part], lengths, states, units: int) -> list[Value]:
    attributes = {"linear_before_reset": 1} if cell == "gru" else {}
    directions = "bidirectional" if len(parts) == 2 else "forward"
    weights = _recurrent_weights(parts, cell)
    kind = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}[cell]
    inputs = (x, *weights, lengths, *states)
    return x.graph.ops(
        kind, 1 + STATES[cell], *inputs, hidden_size=units, direction=directions, dtype="float32", **attributes
    )


def recurrent_step(part: Part, cell: str, x: Value, states: Sequence[Value], embeddings: Part | None = None) -> list:
    """Map one step and states ``(batch, units)`` to the next states, with the output first.

    For one step, products are faster than the native operators.

    Args:
        part: The layer.
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        x: ``(batch, features)``; with ``embeddings`` ids ``(batch,)``.
        states: Hidden state, and for an LSTM the cell state.
        embeddings: Embedding of the ids. The graph has its product with the kernel instead, one row per id.
    """
    graph, hidden, cells = part.graph, states[0], part / CELLS[cell]
    order = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [0, 1, 2]}[cell]  # gates with a sigmoid first

    def ordered(x: np.ndarray) -> np.ndarray:
        gates = np.split(x.astype("float64"), len(order), axis=-1)
        return np.concatenate([gates[i] for i in order], axis=-1)

    kernel, recurrent, bias = (ordered(cells.array(name)) for name in ("kernel", "recurrent_kernel", "bias"))
    units = len(recurrent)
    with graph.scope(part.path):
        if embeddings is not None:
            table = embeddings.array("embeddings").astype("float64") @ kernel + bias.reshape(-1, bias.shape[-1])[0]
            inputs = graph.gather(part.constant("inputs", table), x)
            products = hidden @ part.constant("R_step", recurrent)
        elif cell == "gru":
            inputs = x @ part.constant("W_step", kernel) + part.constant("bias_step", bias[0])
            products = hidden @ part.constant("R_step", recurrent)
        else:
            inputs = part.constant("bias_step", bias)
            products = graph.concat([x, hidden], -1) @ part.constant("WR_step", np.concatenate([kernel, recurrent]))
        if cell == "rnn":
            return [graph.op("Tanh", products + inputs)]
        if cell == "lstm":
            gates, candidate = graph.ops("Split", 2, products + inputs, graph.ints(3 * units, units), axis=-1)
            update, forget, out = graph.split(graph.op("Sigmoid", gates), 3)
            state = forget * states[1] + update * graph.op("Tanh", candidate)
            return [out * graph.op("Tanh", state), state]
        products = products + part.constant("recurrent_bias", bias[1])
        parts = [graph.ops("Split", 2, y, graph.ints(2 * units, units), axis=-1) for y in (inputs, products)]
        keep, reset = graph.split(graph.op("Sigmoid", parts[0][0] + parts[1][0]), 2)
        candidate = graph.op("Tanh", parts[0][1] + reset * parts[1][1])
        return [candidate + keep * (hidden - candidate)]


def bidirectional(part: Part, cell: str, x: Value, lengths: Value | None, inner: str = "recurrent") -> Value:
    """Run both directions: ``(batch, time, 2 * units)``."""
    return recurrent([part / f"forward_{inner}", part / f"backward_{inner}"], cell, x, lengths)


def kernel_of(part: Part) -> np.ndarray:
    """Returns a convolution's kernel ``(taps, inputs, outputs)``, with weight norm applied."""
    if "kernel" in part:
        return part.array("kernel")
    v, g = part.array("direction"), part.array("length")
    return v * (g / np.sqrt(np.sum(np.square(v), axis=(0, 1))))


def convolution(part: Part, x: Value, dilation: int = 1, causal: bool = True) -> Value:
    """Map ``(batch, time, inputs)`` to ``(batch, time, outputs)``, padded with zeros."""
    graph, kernel = part.graph, kernel_of(part)
    with graph.scope(part.path):
        if len(kernel) == 1:
            return x @ part.constant("W", kernel[0]) + part.weight("bias")
        reach = (len(kernel) - 1) * dilation
        pads = [reach, 0] if causal else [reach // 2, reach - reach // 2]
        weight = part.constant("W", kernel.transpose(2, 1, 0))
        y = graph.op(
            "Conv",
            graph.transpose(x, 0, 2, 1),
            weight,
            part.weight("bias"),
            kernel_shape=[len(kernel)],
            dilations=[dilation],
            pads=pads,
        )
        return graph.transpose(y, 0, 2, 1)


def convolution_step(part: Part, x: Value, dilation: int = 1) -> Value:
    """Map one step ``(batch, inputs)``; the state holds past inputs."""
    graph, kernel = part.graph, kernel_of(part)
    taps, inputs, outputs = kernel.shape
    with graph.scope(part.path):
        weight = part.constant("W_step", kernel.reshape(taps * inputs, outputs))
        if taps == 1:
            return x @ weight + part.weight("bias")
        name, newest = f"{part.path}/past", graph.unsqueeze(x, 1)
        past = graph.state(name, [(taps - 1) * dilation, inputs])
        read = graph.concat([graph.slice(past, 1, step=dilation), newest], 1)
        graph.set_state(name, graph.concat([graph.slice(past, 1, 1), newest], 1))
        return graph.reshape(read, 0, taps * inputs) @ weight + part.weight("bias")


def masked_softmax(graph: Graph, scores: Value, mask: Value) -> Value:
    """Returns the softmax of masked scores."""
    return graph.softmax(graph.where(mask, scores, NEGATIVE))


class Heads:
    """Multi-head attention in separate parts, as in ``zoo.layers.attention``.

    Args:
        part: Weights of the layer.
        num_heads: Number of heads.
    """

    def __init__(self, part: Part, num_heads: int):
        self.part, self.graph, self.num_heads = part, part.graph, num_heads
        self.hidden_dim = part.array("query/kernel").shape[1]
        self.size = self.hidden_dim // num_heads

    def split(self, x: Value) -> Value:
        """Map ``(batch, time, hidden_dim)`` to ``(batch, heads, time, size)``."""
        return self.graph.transpose(self.graph.reshape(x, 0, 0, self.num_heads, self.size), 0, 2, 1, 3)

    def queries(self, x: Value) -> Value:
        """Returns scaled queries ``(batch, heads, time, size)``."""
        return self.split(dense(self.part / "query", x) * (1 / math.sqrt(self.size)))

    def attend(self, queries: Value, keys: Value, values: Value, mask: Value, scores: Value | None = None) -> Value:
        """Attend to values ``(batch, heads, keys, size)``; ``mask`` and added ``scores`` broadcast to all scores."""
        graph = self.graph
        products = queries @ graph.transpose(keys, 0, 1, 3, 2)
        weights = masked_softmax(graph, products if scores is None else products + scores, mask)
        context = graph.reshape(graph.transpose(weights @ values, 0, 2, 1, 3), 0, 0, self.hidden_dim)
        return dense(self.part / "out", context)


def attention_pooling(part: Part, x: Value, mask: Value) -> tuple[Value, Value]:
    """Pool ``x (..., time, features)`` where the mask is true; returns the mean ``(..., features)`` and the weights."""
    graph = part.graph
    with graph.scope(part.path):
        scores = graph.reduce("Sum", dense(part / "project", x, "tanh") * part.weight("context"), -1)
        weights = masked_softmax(graph, scores, mask) * graph.cast(mask, "float32")
        return graph.reduce("Sum", graph.unsqueeze(weights, -1) * x, -2), weights


def concat_pooling(graph: Graph, x: Value, mask: Value) -> Value:
    """Returns the last position, and the maximum and the mean over real positions, ``(batch, 3 * hidden_dim)``."""
    with graph.scope("pooling"):
        steps = graph.arange(graph.size(x, 1))
        last = graph.reduce("Max", graph.where(mask, graph.unsqueeze(steps, 0), 0), 1, keepdims=True)
        last = graph.squeeze(graph.rows_at(x, last), 1)
        real = graph.unsqueeze(mask, -1)
        highest = graph.reduce("Max", graph.where(real, x, NEGATIVE), 1)
        count = graph.reduce("Sum", graph.cast(real, "float32"), 1)
        mean = graph.reduce("Sum", graph.where(real, x, 0.0), 1) / count
        return graph.concat([last, highest, mean], -1)


def ngrams(part: Part, vocab_size: int, tokens: Value, mask: Value) -> Value:
    """Returns the logits of a linear model on tokens and pairs of neighbours, as ``zoo.layers.ngrams`` does."""
    graph = part.graph
    with graph.scope(part.path):
        buckets = len(part.array("kernel")) - vocab_size
        real = graph.cast(mask, "float32")
        pairs = pair_rows(graph.slice(tokens, 1, 0, -1), graph.slice(tokens, 1, 1), vocab_size, buckets)
        rows = graph.gather(part.weight("kernel"), graph.concat([tokens, pairs], 1))
        weights = graph.concat([real, graph.slice(real, 1, 1)], 1)
        total = graph.reduce("Sum", rows * graph.unsqueeze(weights, -1), 1)
        return total / graph.op("Sqrt", graph.reduce("Sum", real, 1, keepdims=True))
