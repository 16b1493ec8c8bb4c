"""Sequence-to-sequence models as ONNX graphs: recurrent and convolutional families."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zoo.export import grids, transformers
from zoo.export.files import NoExportError
from zoo.export.graph import Value
from zoo.export.layers import (
    STATES,
    bidirectional,
    convolution,
    convolution_step,
    dense,
    embed,
    glu,
    kernel_of,
    lengths_of,
    logits_of,
    masked_softmax,
    recurrent,
    recurrent_step,
    target_embedding,
    zero_masked,
)
from zoo.export.weights import Part

Config = Mapping[str, Any]
HALF = math.sqrt(0.5)  # keeps the variance where two branches are added


class Family(NamedTuple):
    """Functions that add an encoder-decoder to graphs.

    Attributes:
        encode: Maps ``(part, config, source, mask)`` to the memory: values by name, batch first.
        initial: Maps ``(part, config, memory)`` to the decoder's states before the first step, by name.
        align: Maps ``(part, config, target, memory)`` to logits and alignment of whole targets.
        step: Maps ``(part, config, target, memory)`` to logits and alignment of one symbol; updates the graph's states.
    """

    encode: Callable[..., dict[str, Value]]
    initial: Callable[..., dict[str, Value]]
    align: Callable[..., tuple[Value, Value]]
    step: Callable[..., tuple[Value, Value]]


def _attend(part: Part, config: Config, query: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    """Map queries ``(batch, target_time, units)`` to contexts and weights."""
    graph = part.graph
    with graph.scope("attention"):
        if config["attention"] == "bahdanau":
            sums = graph.unsqueeze(dense(part / "attention_query", query), 2) + graph.unsqueeze(memory["keys"], 1)
            scores = graph.squeeze(dense(part / "attention_score", graph.op("Tanh", sums)), -1)
        else:
            scores = query @ graph.transpose(memory["keys"], 0, 2, 1)
        weights = masked_softmax(graph, scores, graph.unsqueeze(memory["mask"], 1))
        return weights @ memory["values"], weights


def _attend_once(part: Part, config: Config, query: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    graph = part.graph
    context, weights = _attend(part, config, graph.unsqueeze(query, 1), memory)
    return graph.squeeze(context, 1), graph.squeeze(weights, 1)


def _advance(cell: str, part: Part, config: Config, embedded: Value, states: list[Value], memory):
    """Returns the input of the readout, the weights and the next states, as ``RecurrentSeq2Seq._advance`` does."""
    graph, attention, count = part.graph, config["attention"], STATES[cell]
    x, context, weights = embedded, None, None
    if attention == "bahdanau":
        context, weights = _attend_once(part, config, states[(config["decoder_layers"] - 1) * count], memory)
        x = graph.concat([embedded, context], -1)
    elif attention == "luong":
        x = graph.concat([embedded, states[-1]], -1)
    after: list[Value] = []
    for i in range(config["decoder_layers"]):
        new = recurrent_step(part / f"decoder_{i}", cell, x, states[i * count : (i + 1) * count])
        after += new
        x = new[0]
        if attention == "gnmt":
            if context is None:
                context, weights = _attend_once(part, config, x, memory)
            x = graph.concat([x, context], -1)
    if attention == "bahdanau":
        x = graph.concat([x, embedded, context], -1)  # pyright: ignore
    if attention == "luong":
        context, weights = _attend_once(part, config, x, memory)
        x = dense(part / "readout", graph.concat([context, x], -1), "tanh")
        after.append(x)
    return x, weights, after


def _readout_units(config: Config) -> int:
    return config["embedding_dim"] if config.get("tie_embeddings") else config["decoder_units"]


def _logits(part: Part, config: Config, x: Value) -> Value:
    return logits_of(part, x if config["attention"] == "luong" else dense(part / "readout", x, "tanh"))


def _recurrent(cell: str) -> Family:
    def encode(part: Part, config: Config, source: Value, mask: Value) -> dict[str, Value]:
        x, lengths = embed(part / "source_embed", source), lengths_of(part.graph, mask)
        for i in range(config["encoder_layers"]):
            x = bidirectional(part / f"encoder_{i}", cell, x, lengths)
        return {"values": x, "keys": dense(part / "attention_key", x), "mask": mask}

    def states(part: Part, config: Config, memory: Mapping[str, Value]) -> list[Value]:
        graph = part.graph
        backward = graph.slice(graph.at(memory["values"], 1, 0), 1, config["encoder_units"])
        count = config["decoder_layers"] * STATES[cell]
        result = [dense(part / f"bridge_{i}", backward, "tanh") for i in range(count)]
        if config["attention"] == "luong":
            result.append(graph.full(0.0, "float32", graph.size(backward, 0), _readout_units(config)))
        return result

    def initial(part: Part, config: Config, memory: Mapping[str, Value]) -> dict[str, Value]:
        return {f"decoder_{i}": state for i, state in enumerate(states(part, config, memory))}

    def align(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
        graph, before = part.graph, states(part, config, memory)
        embedded = embed(target_embedding(part), target)
        if config["attention"] != "gnmt":

            def advance(carried, now):
                x, weights, after = _advance(cell, part, config, now[0], carried, memory)
                return after, [x, weights]

            x, weights = graph.scan(advance, before, [embedded], 2)
            return _logits(part, config, x), weights
        x, context, weights = embedded, None, None
        for i in range(config["decoder_layers"]):
            first = before[i * STATES[cell] : (i + 1) * STATES[cell]]
            x = recurrent([part / f"decoder_{i}"], cell, x, initial=first)
            if context is None:
                context, weights = _attend(part, config, x, memory)
            x = graph.concat([x, context], -1)
        return _logits(part, config, x), weights  # pyright: ignore

    def step(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
        graph, count = part.graph, config["decoder_layers"] * STATES[cell] + (config["attention"] == "luong")
        names = [f"decoder_{i}" for i in range(count)]
        sizes = [config["decoder_units"]] * count
        if config["attention"] == "luong":
            sizes[-1] = _readout_units(config)
        before = [graph.state(name, [size]) for name, size in zip(names, sizes, strict=True)]
        x, weights, after = _advance(cell, part, config, embed(target_embedding(part), target), before, memory)
        for name, state in zip(names, after, strict=True):
            graph.set_state(name, state)
        return _logits(part, config, x), weights

    return Family(encode, initial, align, step)


def _embedded(part: Part, side: str, ids: Value, positions: Value) -> Value:
    """Returns the sum of the vectors of symbols and positions; NaN beyond the last position."""
    graph, places = part.graph, part / side / "positions"
    count = len(places.array("embeddings"))
    rows = graph.gather(places.weight("embeddings"), graph.op("Min", positions, graph.constant(count - 1, "int64")))
    rows = graph.where(graph.unsqueeze(positions < count, -1), rows, float("nan"))
    tied = f"{side}/symbols/embeddings" not in part
    return embed(part / ("source_embed" if tied else side) / "symbols", ids) + rows


def _convolutional_encode(part: Part, config: Config, source: Value, mask: Value) -> dict[str, Value]:
    graph = part.graph
    positions = graph.unsqueeze(graph.arange(graph.size(source, 1)), 0)
    embedded = _embedded(part, "source_embed", source, positions)
    x = convolution(part / "encoder_in", embedded)
    for i in range(config["encoder_layers"]):
        y = convolution(part / f"encoder_{i}", zero_masked(graph, x, mask), causal=False)
        x = (x + glu(graph, y)) * HALF
    keys = convolution(part / "encoder_out", x)
    count = graph.reduce("Sum", graph.cast(mask, "float32"), 1, keepdims=True)
    scale = graph.unsqueeze(graph.op("Sqrt", count), -1)
    return {"keys": keys, "values": (keys + embedded) * HALF, "mask": mask, "scale": scale}


def _convolutional_layer(part: Part, residual: Value, h: Value, target: Value, memory) -> tuple[Value, Value]:
    """Attend to the memory from ``h (batch, time, hidden_dim)``, and add the context and the residual."""
    graph = part.graph
    query = (convolution(part / "query", h) + target) * HALF
    scores = query @ graph.transpose(memory["keys"], 0, 2, 1)
    weights = masked_softmax(graph, scores, graph.unsqueeze(memory["mask"], 1))
    context = weights @ memory["values"] * memory["scale"]
    return ((h + convolution(part / "out", context)) * HALF + residual) * HALF, weights


def _convolutional_align(part: Part, config: Config, target: Value, memory) -> tuple[Value, Value]:
    graph = part.graph
    positions = graph.unsqueeze(graph.arange(graph.size(target, 1)), 0)
    embedded = _embedded(part, "target_embed", target, positions)

    def convolve(layer: Part, x: Value) -> Value:
        return convolution(layer, x)

    return _convolutional_decode(part, config, embedded, memory, convolve)


def _convolutional_decode(part: Part, config: Config, embedded: Value, memory, convolve: Callable):
    """Run the decoder's layers over ``embedded (batch, time, embedding_dim)``."""
    graph, read = part.graph, []
    x = convolution(part / "decoder_in", embedded)
    for i in range(config["decoder_layers"]):
        layer = part / f"decoder_{i}"
        x, weights = _convolutional_layer(layer, x, glu(graph, convolve(layer / "convolution", x)), embedded, memory)
        read.append(weights)
    logits = logits_of(part, convolution(part / "decoder_out", x))
    return logits, sum(read[1:], read[0]) / float(len(read))


def _convolutional_step(part: Part, config: Config, target: Value, memory) -> tuple[Value, Value]:
    graph = part.graph
    position = graph.state("position", [], "int64")
    graph.set_state("position", position + 1)
    embedded = graph.unsqueeze(_embedded(part, "target_embed", target, position), 1)

    def convolve(layer: Part, x: Value) -> Value:
        return graph.unsqueeze(convolution_step(layer, graph.squeeze(x, 1)), 1)

    logits, weights = _convolutional_decode(part, config, embedded, memory, convolve)
    return graph.squeeze(logits, 1), graph.squeeze(weights, 1)


def _convolutional_initial(part: Part, config: Config, memory) -> dict[str, Value]:
    graph, batch = part.graph, part.graph.size(memory["keys"], 0)
    states = {"position": graph.full(0, "int64", batch)}
    for i in range(config["decoder_layers"]):
        layer = part / f"decoder_{i}" / "convolution"
        taps, inputs, _ = kernel_of(layer).shape
        if taps > 1:
            states[f"{layer.path}/past"] = graph.full(0.0, "float32", batch, taps - 1, inputs)
    return states


FAMILIES = {
    **{cell: _recurrent(cell) for cell in STATES},
    "tcn": Family(_convolutional_encode, _convolutional_initial, _convolutional_align, _convolutional_step),
    "transformer": Family(transformers.encode, transformers.initial, transformers.align, transformers.step),
    "pervasive_attention": Family(grids.encode, grids.initial, grids.align, grids.step),
}


def find(architecture: str) -> Family:
    """Returns the family of an architecture (raises InputError if it has no export)."""
    if architecture not in FAMILIES:
        raise NoExportError(f"{architecture}: has no export to ONNX; there are {', '.join(FAMILIES)}")
    return FAMILIES[architecture]
