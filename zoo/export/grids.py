"""Pervasive attention as ONNX nodes: see ``zoo.models.seq2seq.pervasive_attention``.

Grids have their features as second axis, as ONNX's convolutions require:
``(batch, features, target_time, source_time)``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.export.graph import Value
from zoo.export.layers import NEGATIVE, dense, embed, logits_of, target_embedding
from zoo.export.weights import Part

Config = Mapping[str, Any]
BOTTLENECK = 4  # features inside a dense layer, in multiples of the growth rate


def encode(part: Part, config: Config, source: Value, mask: Value) -> dict[str, Value]:
    """Returns the mask, and the source part of each row."""
    return {"columns": dense(part / "encoder_project", embed(part / "source_embed", source)), "mask": mask}


def initial(part: Part, config: Config, memory: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the rows before the first, for each dense layer: zeros."""
    graph, above = part.graph, config["kernel_size"] // 2
    batch, time = (graph.size(memory["columns"], axis) for axis in (0, 1))
    inner = BOTTLENECK * config["growth_rate"]
    rows = graph.full(0.0, "float32", batch, inner, above, time)
    return {f"decoder_{i}/above": rows for i in range(config["num_layers"])}


def _norm_relu(part: Part, x: Value) -> Value:
    """Apply batch norm by moving statistics, and ReLU."""
    norm = part / "norm"
    scale = norm.array("gamma") / np.sqrt(norm.array("moving_variance") + 1e-5)
    shift = norm.array("beta") - norm.array("moving_mean") * scale
    scale, shift = (norm.constant(name, y[:, None, None]) for name, y in (("scale", scale), ("shift", shift)))
    return part.graph.op("Relu", x * scale + shift)


def _one_by_one(part: Part, x: Value) -> Value:
    """Apply a dense layer without bias over the features."""
    weight = part.constant("W", part.array("kernel").T[:, :, None, None])
    return part.graph.op("Conv", x, weight, kernel_shape=[1, 1])


def _grid(part: Part, target: Value, memory: Mapping[str, Value]) -> Value:
    """Returns the first grid of ``target (batch, target_time)``."""
    graph = part.graph
    rows = graph.transpose(dense(part / "decoder_project", embed(target_embedding(part), target)), 0, 2, 1)
    return graph.unsqueeze(rows, 3) + graph.unsqueeze(graph.transpose(memory["columns"], 0, 2, 1), 2)


def _dense_layer(part: Part, x: Value, columns: Value, above: int, before: Value | None) -> tuple[Value, Value]:
    """Returns ``x`` with more features, and the input of the convolution."""
    graph = part.graph
    with graph.scope(part.path):
        y = _norm_relu(part / "second", _one_by_one(part / "squeeze", _norm_relu(part / "first", x)))
        read = graph.where(graph.unsqueeze(columns, 1, 2), y, 0.0)
        read = read if before is None else graph.concat([before, read], 2)
        weight = part.constant("W", part.array("kernel").transpose(3, 2, 0, 1))
        rows = above if before is None else 0
        y = graph.op("Conv", read, weight, kernel_shape=[above + 1, 2 * above + 1], pads=[rows, above, 0, above])
        return graph.concat([x, y], 1), read


def _read_out(part: Part, x: Value, mask: Value) -> tuple[Value, Value]:
    """Map the last grid to logits, and to the share of features that have their maximum at each source position."""
    graph = part.graph
    x = _one_by_one(part / "transition", _norm_relu(part / "transition_first", x))
    x = _norm_relu(part / "transition_second", x)
    x = graph.where(graph.unsqueeze(mask, 1, 2), x, NEGATIVE)
    highest = graph.transpose(graph.reduce("Max", x, 3), 0, 2, 1)  # (batch, target_time, features)
    holder = graph.op("ArgMax", x, axis=3, keepdims=1, dtype="int64")
    places = graph.arange(graph.size(x, 3))
    held = graph.cast(graph.op("Equal", holder, places, dtype="bool"), "float32")
    shown = graph.cast(graph.unsqueeze(graph.transpose(highest, 0, 2, 1), 3) > 0, "float32")
    counts = graph.reduce("Sum", held * shown, 1)
    counts = counts + graph.unsqueeze(graph.cast(mask, "float32"), 1) * 1e-6
    weights = counts / graph.reduce("Sum", counts, -1, keepdims=True)
    return logits_of(part, dense(part / "readout", highest)), weights


def align(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    """Returns logits and alignment of whole targets."""
    x = _grid(part, target, memory)
    for i in range(config["num_layers"]):
        x, _ = _dense_layer(part / f"decoder_{i}", x, memory["mask"], config["kernel_size"] // 2, None)
    return _read_out(part, x, memory["mask"])


def step(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    """Returns logits and alignment of one symbol; the states are the rows before it."""
    graph, above = part.graph, config["kernel_size"] // 2
    inner = BOTTLENECK * config["growth_rate"]
    x = _grid(part, graph.unsqueeze(target, 1), memory)
    for i in range(config["num_layers"]):
        name = f"decoder_{i}/above"
        before = graph.state(name, [inner, above, "source_time"])
        x, read = _dense_layer(part / f"decoder_{i}", x, memory["mask"], above, before)
        graph.set_state(name, graph.slice(read, 2, 1))
    logits, weights = _read_out(part, x, memory["mask"])
    return graph.squeeze(logits, 1), graph.squeeze(weights, 1)
