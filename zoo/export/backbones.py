"""Backbones as ONNX graphs: whole sequences, and single steps of causal backbones."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zoo.export.files import NoExportError
from zoo.export.graph import Graph, Value
from zoo.export.layers import (
    CELLS,
    NEGATIVE,
    STATES,
    Heads,
    bidirectional,
    convolution,
    convolution_step,
    dense,
    embed,
    feed_forward,
    layer_norm,
    lengths_of,
    recurrent,
    recurrent_step,
    zero_masked,
)
from zoo.export.linear import linear_blocks, linear_blocks_step
from zoo.export.weights import Part
from zoo.export.windows import windows_layer, windows_layer_step

Config = Mapping[str, Any]


def recurrent_blocks(cell: str) -> Callable:
    """Returns the stack of recurrent layers of a cell."""

    def run(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
        lengths, residual = lengths_of(part.graph, mask), config.get("residual", False)
        for i in range(config["num_layers"]):
            block = part / f"block_{i}"
            y = layer_norm(block / "norm", x) if residual else x
            if config["bidirectional"]:
                y = bidirectional(block / "both", cell, y, lengths)
            else:
                y = recurrent([block / "recurrent"], cell, y, lengths)
            x = x + y if residual else y
        return layer_norm(part / "final_norm" / "norm", x) if residual else x

    return run


def recurrent_blocks_step(cell: str) -> Callable:
    """Returns one step of the stack of recurrent layers of a cell, from ids or features."""

    def run(part: Part, config: Config, x: Value) -> Value:
        graph, residual = part.graph, config.get("residual", False)
        embeddings = None if residual else _looked_up(part, cell)
        x = x if embeddings else embed(part / "embed", x)
        for i in range(config["num_layers"]):
            block = part / f"block_{i}"
            names = [f"block_{i}/{kind}" for kind in ("hidden", "carry")[: STATES[cell]]]
            before = [graph.state(name, [config["hidden_dim"]]) for name in names]
            y = layer_norm(block / "norm", x) if residual else x
            after = recurrent_step(block / "recurrent", cell, y, before, None if i else embeddings)
            for name, state in zip(names, after, strict=True):
                graph.set_state(name, state)
            x = x + after[0] if residual else after[0]
        return layer_norm(part / "final_norm" / "norm", x) if residual else x

    return run


def _looked_up(part: Part, cell: str) -> Part | None:
    """Returns the embedding if its product with the first kernel is no larger than both: with few symbols."""
    if "embed/embeddings" not in part:
        return None
    embeddings, kernel = part.array("embed/embeddings"), part.array(f"block_0/recurrent/{CELLS[cell]}/kernel")
    smaller = len(embeddings) * kernel.shape[1] <= embeddings.size + kernel.size
    return part / "embed" if smaller else None


def tcn(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    """Returns the output of the stack of temporal blocks."""
    graph = part.graph

    def convolve(block: Part, y: Value, dilation: int) -> Value:
        return convolution(block, zero_masked(graph, y, mask), dilation, config["causal"])

    return _temporal_blocks(part, config, x, convolve)


def tcn_step(part: Part, config: Config, x: Value) -> Value:
    """Returns one step of the stack of temporal blocks."""
    return _temporal_blocks(part, config, x, convolution_step)


def _temporal_blocks(part: Part, config: Config, x: Value, convolve: Callable) -> Value:
    graph, norm = part.graph, config.get("norm", False)

    def relu(y: Value) -> Value:
        return graph.activate(y, "relu")

    for i in range(config["levels"]):
        block = part / f"block_{i}"
        y = layer_norm(block / "norm", x) if norm else x
        y = convolve(block / "second", relu(convolve(block / "first", y, 2**i)), 2**i)
        shortcut = dense(block / "shortcut", x) if "shortcut/kernel" in block else x
        x = y + shortcut if norm else relu(relu(y) + shortcut)
    return layer_norm(part / "final_norm" / "norm", x) if norm else x


def wavenet(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    """Returns the output of the network for a whole sequence."""
    graph = part.graph

    def convolve(layer: Part, y: Value, dilation: int) -> Value:
        return convolution(layer, zero_masked(graph, y, mask), dilation)

    return _wavenet(part / "network", config, x, convolve)


def wavenet_step(part: Part, config: Config, x: Value) -> Value:
    """Returns one step of the network."""
    return _wavenet(part / "network", config, x, convolution_step)


def _wavenet(part: Part, config: Config, x: Value, convolve: Callable) -> Value:
    graph, skips = part.graph, None
    x = convolve(part / "initial", x, 1)
    x = graph.activate(x, "relu") if config.get("rectified") else x
    for i in range(config["stacks"] * config["num_layers"]):
        layer = part / f"layer_{i}"
        filtered, gate = graph.split(convolve(layer / "filter_gate", x, 2 ** (i % config["num_layers"])), 2)
        z = graph.op("Tanh", filtered) * graph.op("Sigmoid", gate)
        skip = dense(layer / "skip", z)
        skips = skip if skips is None else skips + skip
        x = x + dense(layer / "residual", z) if "residual/kernel" in layer else x
    return dense(part / "out", dense(part / "hidden", graph.activate(skips, "relu"), "relu"))  # pyright: ignore


def rotate(graph: Graph, x: Value, positions: Value, size: int) -> Value:
    """Rotate pairs of features of ``x (batch, heads, time, size)``; ``positions`` broadcast to ``(batch, time)``."""
    half = size // 2
    rates = graph.op("Exp", graph.constant([-math.log(10_000.0) / half * i for i in range(half)]))
    angles = graph.unsqueeze(graph.cast(positions, "float32"), 1, -1) * rates
    cosine, sine = graph.op("Cos", angles), graph.op("Sin", angles)
    first, second = graph.split(x, 2)
    return graph.concat([first * cosine - second * sine, first * sine + second * cosine], -1)


def _learned(part: Part, positions: Value) -> Value:
    """Returns the vectors of positions; NaN beyond the table."""
    graph = part.graph
    table = part / "positions" / "table"
    count = len(table.array("embeddings"))
    rows = graph.gather(table.weight("embeddings"), graph.op("Min", positions, graph.constant(count - 1, "int64")))
    return graph.where(graph.unsqueeze(positions < count, -1), rows, float("nan"))


def transformer(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    """Returns the output of the stack of layers and of the norm after the last."""
    graph, rotary = part.graph, config["positions"] == "rotary"
    positions = graph.unsqueeze(graph.arange(graph.size(x, 1)), 0)  # (1, time)
    age = graph.transpose(positions, 1, 0) - positions
    seen = (age >= 0) & (age < config["context"]) if config["causal"] else age.equals(age)
    seen = graph.unsqueeze(seen, 0, 1)
    seen = seen if mask is None else seen & graph.unsqueeze(mask, 1, 2)
    if not rotary:
        x = x + _learned(part, positions)
    for i in range(config["num_layers"]):
        layer = part / f"layer_{i}"
        heads = Heads(layer / "attention", config["num_heads"])
        y = layer_norm(layer / "attention_norm", x)
        queries, keys = heads.queries(y), heads.split(dense(heads.part / "key", y))
        if rotary:
            queries, keys = (rotate(graph, z, positions, heads.size) for z in (queries, keys))
        x = x + heads.attend(queries, keys, heads.split(dense(heads.part / "value", y)), seen)
        y = layer_norm(layer / "feed_forward_norm", x)
        x = x + feed_forward(layer / "feed_forward", y, config["activation"])
    return layer_norm(part / "final_norm" / "norm", x)


def transformer_step(part: Part, config: Config, x: Value) -> Value:
    """Returns one step; keys and values of the last ``context`` positions form a ring buffer, as in the model."""
    graph, context, rotary = part.graph, config["context"], config["positions"] == "rotary"
    if not rotary:
        place = graph.state("positions", [], "int64")
        graph.set_state("positions", place + 1)
        x = x + _learned(part, place)
    position = graph.state("position", [], "int64")
    slot = graph.unsqueeze(position % context, 1)  # (batch, 1)
    slots = graph.unsqueeze(graph.arange(graph.ints(context)), 0)
    newest = graph.unsqueeze(slots.equals(slot), -1)  # (batch, context, 1)
    this_round = graph.unsqueeze(slots <= slot, 1, 2)
    seen = this_round | graph.unsqueeze(position >= context, 1, 2, 3)
    for i in range(config["num_layers"]):
        layer = part / f"layer_{i}"
        heads = Heads(layer / "attention", config["num_heads"])
        y = graph.unsqueeze(layer_norm(layer / "attention_norm", x), 1)
        new = dense(heads.part / "key", y)
        queries = heads.queries(y)
        if rotary:
            turned = rotate(graph, heads.split(new), slot, heads.size)
            new = graph.reshape(graph.transpose(turned, 0, 2, 1, 3), 0, 1, heads.hidden_dim)
        cache = []
        for name, row in (("keys", new), ("values", dense(heads.part / "value", y))):
            old = graph.state(f"layer_{i}/{name}", [context, heads.hidden_dim])
            cache.append(graph.where(newest, row, old))
            graph.set_state(f"layer_{i}/{name}", cache[-1])
        keys, values = (heads.split(z) for z in cache)
        turned_keys = graph.transpose(keys, 0, 1, 3, 2)
        if rotary:
            # A query is rotated by its own slot for keys of this round, and by one round more for those of the
            # previous.
            scores = graph.where(
                this_round,
                rotate(graph, queries, slot, heads.size) @ turned_keys,
                rotate(graph, queries, slot + context, heads.size) @ turned_keys,
            )
        else:
            scores = queries @ turned_keys
        weights = graph.softmax(graph.where(seen, scores, NEGATIVE))
        read = graph.reshape(graph.transpose(weights @ values, 0, 2, 1, 3), 0, heads.hidden_dim)
        x = x + dense(heads.part / "out", read)
        y = layer_norm(layer / "feed_forward_norm", x)
        x = x + feed_forward(layer / "feed_forward", y, config["activation"])
    after = position + 1
    graph.set_state("position", graph.where(after.equals(2 * context), context, after))
    return layer_norm(part / "final_norm" / "norm", x)


def hierarchical_attention(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    """Returns the output of the stack of window layers and of the norm after the last."""
    graph = part.graph
    if mask is None:
        mask = graph.full(True, "bool", graph.size(x, 0), graph.size(x, 1))
    for i in range(config["num_layers"]):
        x = windows_layer(part / f"layer_{i}", config, x, mask)
    return layer_norm(part / "final_norm" / "norm", x)


def hierarchical_attention_step(part: Part, config: Config, x: Value) -> Value:
    """Returns one step of the stack."""
    graph = part.graph
    count = graph.state("count", [], "int64") + 1
    graph.set_state("count", count)
    for i in range(config["num_layers"]):
        x = windows_layer_step(part / f"layer_{i}", config, x, count)
    return layer_norm(part / "final_norm" / "norm", x)


class Family(NamedTuple):
    """Functions that add an architecture's blocks: ``run(part, config, x, mask)`` and ``step(part, config, x)``."""

    run: Callable
    step: Callable


FAMILIES = {
    **{cell: Family(recurrent_blocks(cell), recurrent_blocks_step(cell)) for cell in STATES},
    "tcn": Family(tcn, tcn_step),
    "wavenet": Family(wavenet, wavenet_step),
    "transformer": Family(transformer, transformer_step),
    "hierarchical_attention": Family(hierarchical_attention, hierarchical_attention_step),
    **{
        name: Family(linear_blocks(name), linear_blocks_step(name)) for name in ("min_gru", "min_lstm", "lru", "rg_lru")
    },
}


def is_causal(architecture: str, config: Config) -> bool:
    """Returns whether a backbone runs step by step."""
    return architecture == "wavenet" or config.get("causal", not config.get("bidirectional", True))


def _family(architecture: str) -> Family:
    if architecture not in FAMILIES:
        raise NoExportError(f"{architecture}: has no export to ONNX; there are {', '.join(FAMILIES)}")
    return FAMILIES[architecture]


def run_backbone(part: Part, architecture: str, config: Config, x: Value, mask: Value | None) -> Value:
    """Map tokens ``(batch, time)`` or features ``(batch, time, features)`` to ``(batch, time, hidden_dim)``."""
    return _family(architecture).run(part, config, embed(part / "embed", x), mask)


def step_backbone(part: Part, architecture: str, config: Config, x: Value) -> Value:
    """Map tokens ``(batch,)`` or features ``(batch, features)`` to ``(batch, hidden_dim)``; updates the states."""
    x = x if architecture in STATES else embed(part / "embed", x)
    return _family(architecture).step(part, config, x)
