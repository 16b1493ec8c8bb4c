"""Hierarchical windowed attention as nodes: see ``zoo.models.backbones.hierarchical_attention``."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.export.graph import Graph, Value
from zoo.export.layers import Heads, attention_pooling, dense, feed_forward, layer_norm, masked_softmax
from zoo.export.weights import Part

Config = Mapping[str, Any]


def _unit(graph: Graph, x: Value) -> Value:
    return x / graph.op("Sqrt", graph.reduce("Sum", x * x, -1, keepdims=True) + 1e-12)


def _stored(graph: Graph, config: Config, y: Value, mask: Value) -> Value:
    """Returns which steps are stored, ``(batch, time)``: the real ones that pass the gate."""
    if config["gate"] is None:
        return mask
    near = config["window"] - 1
    unit = _unit(graph, y)
    cosines = unit @ graph.transpose(unit, 0, 2, 1)  # (batch, time, time)
    steps = graph.unsqueeze(graph.arange(graph.size(y, 1)), 1)
    earlier = steps - graph.constant(np.arange(near, 0, -1), "int64")  # (time, window - 1)
    places = graph.op(
        "Expand",
        graph.op("Max", earlier, graph.constant(0, "int64")),
        graph.op("Concat", graph.size(y, 0), graph.size(y, 1), graph.ints(near), axis=0, dtype="int64"),
        dtype="int64",
    )
    cosines = graph.op("GatherElements", cosines, places, axis=2)
    similar = graph.cast((cosines > config["gate"]) & (earlier >= 0), "float32")

    def advance(states, now):
        close, real = now
        keep = real * (1.0 - graph.reduce("Max", close * states[0], -1, keepdims=True))
        stored = graph.concat([graph.slice(states[0], 1, 1), keep], 1)
        return [stored], [keep]

    nothing = graph.full(0.0, "float32", graph.size(y, 0), near)
    real = graph.unsqueeze(graph.cast(mask, "float32"), -1)
    return graph.squeeze(graph.scan(advance, [nothing], [similar, real], 1)[0], -1) > 0.5


def _levels(part: Part, config: Config, y: Value, stored: Value) -> list[tuple[Value, Value]]:
    """Returns the vectors ``(batch, groups, hidden_dim)`` of every level, and flags that mark stored ones."""
    graph, window, result = part.graph, config["window"], [(y, stored)]
    for i in range(config["levels"] - 1):
        vectors, flags = result[-1]
        groups = (graph.size(vectors, 1) + (window - 1)) // window
        short = groups * window - graph.size(vectors, 1)
        vectors = graph.reshape(graph.pad(vectors, 1, 0, short, 3), 0, groups, window, config["hidden_dim"])
        flags = graph.pad(graph.cast(flags, "int32"), 1, 0, short, 2)
        flags = graph.reshape(flags, 0, groups, window) > 0
        pooled = attention_pooling(part / f"pool_{i}", vectors, flags)[0]
        result.append((pooled, _any(graph, flags)))
    return result


def _any(graph: Graph, flags: Value) -> Value:
    """Returns whether any flag of the last axis is true."""
    return graph.reduce("Max", graph.cast(flags, "int32"), -1) > 0


def windows_layer(part: Part, config: Config, x: Value, mask: Value) -> Value:
    """Map ``x (batch, time, hidden_dim)`` through one layer."""
    graph, window = part.graph, config["window"]
    heads = Heads(part / "attention", config["num_heads"])
    y = layer_norm(part / "attention_norm", x)
    positions = graph.arange(graph.size(y, 1))
    row = graph.unsqueeze(positions, 1)
    by_age = part.weight("age")  # (levels, ages, heads)
    ages = part.array("age").shape[1]
    scores, seen, stored = [], [], []
    for level, (vectors, flags) in enumerate(_levels(part, config, y, _stored(graph, config, y, mask))):
        there = graph.unsqueeze(graph.arange(graph.size(vectors, 1)), 0)
        size = window**level
        # For a causal layer 0 is the newest complete window; for a centred one, the furthest visible one behind.
        age = (row + 1) // size - 1 - there if config["causal"] else row // size - there + window // 2
        near = (age >= 0) & (age < ages)
        flags = graph.unsqueeze(flags, 1)
        if level == 0:
            flags = flags | (graph.unsqueeze(row.equals(there), 0) & graph.unsqueeze(mask, 1))  # always itself
        seen.append(graph.unsqueeze(near, 0) & flags)
        clipped = graph.op("Min", graph.op("Max", age, graph.constant(0, "int64")), graph.constant(ages - 1, "int64"))
        scores.append(graph.gather(graph.at(by_age, 0, level), clipped))  # (time, groups, heads)
        stored.append(vectors)
    vectors = graph.concat(stored, 1)
    added = graph.unsqueeze(graph.transpose(graph.concat(scores, 1), 2, 0, 1), 0)
    keys, values = (heads.split(dense(heads.part / name, vectors)) for name in ("key", "value"))
    visible = graph.unsqueeze(graph.concat(seen, 2), 1)
    context = heads.attend(heads.queries(y), keys, values, visible, added)
    return _position(part, x + context)


def _position(part: Part, x: Value) -> Value:
    y = layer_norm(part / "feed_forward_norm", x)
    return x + feed_forward(part / "feed_forward", y, "gelu")


def windows_layer_step(part: Part, config: Config, x: Value, count: Value) -> Value:
    """Map one step ``x (batch, hidden_dim)``; ``count (batch,)`` is the number of steps including this one.

    States per level are the last vectors (newest last), flags of stored ones, their keys and values.
    """
    graph, window, hidden_dim = part.graph, config["window"], config["hidden_dim"]
    heads = Heads(part / "attention", config["num_heads"])
    y = layer_norm(part / "attention_norm", x)
    shapes = {"vectors": [window, hidden_dim], "stored": [window], "keys": [window, hidden_dim]}
    shapes["values"] = shapes["keys"]

    def pushed(old: dict[str, Value], vector: Value, keep: Value) -> dict[str, Value]:
        new = {
            "vectors": vector,
            "stored": graph.cast(keep, "float32"),
            "keys": dense(heads.part / "key", vector),
            "values": dense(heads.part / "value", vector),
        }
        return {name: graph.concat([graph.slice(old[name], 1, 1), graph.unsqueeze(new[name], 1)], 1) for name in shapes}

    levels: list[dict[str, Value]] = []
    for level in range(config["levels"]):
        old = {name: graph.state(f"{part.path}/level_{level}/{name}", shape) for name, shape in shapes.items()}
        if level == 0:
            new = pushed(old, y, _keep(graph, config, y, old))
        else:
            below = levels[-1]
            flags = below["stored"] > 0.5
            summary = attention_pooling(part / f"pool_{level - 1}", below["vectors"], flags)[0]
            is_full = graph.unsqueeze((count % window**level).equals(0), 1)
            after = pushed(old, summary, _any(graph, flags))
            new = {
                name: graph.where(is_full if name == "stored" else graph.unsqueeze(is_full, 2), after[name], old[name])
                for name in shapes
            }
        for name, value in new.items():
            graph.set_state(f"{part.path}/level_{level}/{name}", value)
        levels.append(new)
    newest = graph.constant(np.arange(window) == window - 1, "bool")
    seen = [level["stored"] > 0.5 for level in levels]
    seen[0] = seen[0] | newest  # always itself
    keys, values = (heads.split(graph.concat([level[name] for level in levels], 1)) for name in ("keys", "values"))
    by_age = part.array("age")[:, ::-1].reshape(-1, config["num_heads"]).T
    scores = heads.queries(graph.unsqueeze(y, 1)) @ graph.transpose(keys, 0, 1, 3, 2)
    scores = scores + graph.unsqueeze(part.constant("by_age", by_age), 0, 2)
    weights = masked_softmax(graph, scores, graph.unsqueeze(graph.concat(seen, 1), 1, 2))
    read = graph.reshape(graph.transpose(weights @ values, 0, 2, 1, 3), 0, hidden_dim)
    return _position(part, x + dense(heads.part / "out", read))


def _keep(graph: Graph, config: Config, y: Value, old: dict[str, Value]) -> Value:
    """Returns whether the newest vector is stored: no stored vector of the window is too similar."""
    if config["gate"] is None:
        return graph.full(True, "bool", graph.size(y, 0))
    vectors, flags = graph.slice(old["vectors"], 1, 1), graph.slice(old["stored"], 1, 1) > 0.5
    cosines = _unit(graph, vectors) @ graph.unsqueeze(_unit(graph, y), -1)  # (batch, window - 1, 1)
    similar = (graph.squeeze(cosines, -1) > config["gate"]) & flags
    return ~_any(graph, similar)
