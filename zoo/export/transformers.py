"""The encoder-decoder Transformer as ONNX nodes: see ``zoo.models.seq2seq.transformer``.

The state of a decoder is the keys and values of the past steps; it grows by one per step.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.export.graph import Graph, Value
from zoo.export.layers import dense, embed, layer_norm, logits_of, masked_softmax, target_embedding
from zoo.export.weights import Part

Config = Mapping[str, Any]


class Attention:
    """Multi-head attention with separate projections and heads: ``(batch, heads, time, size)``."""

    def __init__(self, part: Part, config: Config):
        self.part, self.graph = part, part.graph
        self.hidden_dim, self.num_heads = config["hidden_dim"], config["num_heads"]
        self.relative = config.get("relative", 0)
        self.size = self.hidden_dim // self.num_heads

    def _split(self, x: Value) -> Value:
        return self.graph.transpose(self.graph.reshape(x, 0, 0, self.num_heads, self.size), 0, 2, 1, 3)

    def project(self, memory: Value) -> tuple[Value, Value]:
        """Returns keys and values."""
        keys, values = self.graph.split(dense(self.part / "key_value", memory), 2)
        return self._split(keys), self._split(values)

    def read(self, x: Value, keys: Value, values: Value, mask: Value | None, positions: Value) -> tuple[Value, Value]:
        """Attend from ``x (batch, time, hidden_dim)`` at ``positions (time,)``; returns contexts and weights."""
        graph = self.graph
        query = self._split(dense(self.part / "query", x) * (1 / math.sqrt(self.size)))
        scores = query @ graph.transpose(keys, 0, 1, 3, 2)
        if self.relative:
            offsets = graph.unsqueeze(graph.arange(graph.size(keys, 2)), 0) - graph.unsqueeze(positions, 1)
            low, high = (graph.constant(n, "int64") for n in (-self.relative, self.relative))
            places = graph.op("Min", graph.op("Max", offsets, low), high) + self.relative
            added = graph.gather(self.part.weight("offset_scores"), places)  # (time, keys, heads)
            scores = scores + graph.unsqueeze(graph.transpose(added, 2, 0, 1), 0)
        weights = graph.softmax(scores) if mask is None else masked_softmax(graph, scores, mask)
        context = graph.transpose(weights @ values, 0, 2, 1, 3)
        return dense(self.part / "out", graph.reshape(context, 0, 0, self.hidden_dim)), weights


def _sinusoids(graph: Graph, positions: Value, hidden_dim: int) -> Value:
    """Returns the vectors of ``positions (time,)``, ``(time, hidden_dim)``."""
    rates = 10_000.0 ** (-np.arange(0, hidden_dim, 2, dtype="float32") / hidden_dim)
    angles = graph.unsqueeze(graph.cast(positions, "float32"), 1) * rates
    pairs = [graph.unsqueeze(graph.op(kind, angles), 2) for kind in ("Sin", "Cos")]
    return graph.reshape(graph.concat(pairs, 2), 0, hidden_dim)


def _layer(part: Part, config: Config, x: Value, attend_self: Callable, attend_source: Callable | None):
    """Map one layer; returns its output and the weights over the source."""
    first = config["norm_first"]

    def add(x: Value, norm: str, function: Callable) -> tuple[Value, Any]:
        y, beside = function(layer_norm(part / norm, x) if first else x)
        return (x + y, beside) if first else (layer_norm(part / norm, x + y), beside)

    x, _ = add(x, "self_norm", attend_self)
    weights = None
    if attend_source:
        x, weights = add(x, "cross_norm", attend_source)
    x, _ = add(x, "feed_forward_norm", lambda y: (dense(part / "contract", dense(part / "expand", y, "relu")), None))
    return x, weights


def _embedded(part: Part, config: Config, ids: Value, positions: Value) -> Value:
    """Returns the vectors of ids of the layer ``part``, with those of their positions."""
    scaled = embed(part, ids) * math.sqrt(config["hidden_dim"])
    return scaled + part.graph.unsqueeze(_sinusoids(part.graph, positions, config["hidden_dim"]), 0)


def encode(part: Part, config: Config, source: Value, mask: Value) -> dict[str, Value]:
    """Returns keys and values of each decoder layer, and the mask."""
    graph = part.graph
    positions = graph.arange(graph.size(source, 1))
    x = _embedded(part / "source_embed", config, source, positions)
    seen = graph.unsqueeze(mask, 1, 2)
    for i in range(config["encoder_layers"]):
        attention = Attention(part / f"encoder_{i}" / "self_attention", config)

        def attend(y: Value, attention: Attention = attention) -> tuple[Value, Value]:
            return attention.read(y, *attention.project(y), seen, positions)

        x, _ = _layer(part / f"encoder_{i}", config, x, attend, None)
    x = layer_norm(part / "encoder_norm", x) if config["norm_first"] else x
    memory = {"mask": mask}
    for i in range(config["decoder_layers"]):
        keys, values = Attention(part / f"decoder_{i}" / "cross_attention", config).project(x)
        memory |= {f"keys_{i}": keys, f"values_{i}": values}
    return memory


def initial(part: Part, config: Config, memory: Mapping[str, Value]) -> dict[str, Value]:
    """Returns empty caches."""
    graph, size = part.graph, config["hidden_dim"] // config["num_heads"]
    batch = graph.size(memory["mask"], 0)
    names = [f"decoder_{i}/{name}" for i in range(config["decoder_layers"]) for name in ("keys", "values")]
    return {name: graph.full(0.0, "float32", batch, config["num_heads"], 0, size) for name in names}


def _decode(part: Part, config: Config, x: Value, positions: Value, memory, mask: Value | None, cached: Callable):
    """Map embedded symbols through all layers; ``cached(layer, keys, values)`` returns those to attend to."""
    graph, weights = part.graph, None
    seen = graph.unsqueeze(memory["mask"], 1, 2)
    for i in range(config["decoder_layers"]):
        layer = part / f"decoder_{i}"
        own, cross = Attention(layer / "self_attention", config), Attention(layer / "cross_attention", config)

        def attend(y: Value, own: Attention = own, name: str = layer.path) -> tuple[Value, Value]:
            return own.read(y, *cached(name, *own.project(y)), mask, positions)

        def attend_source(y: Value, cross: Attention = cross, i: int = i) -> tuple[Value, Value]:
            return cross.read(y, memory[f"keys_{i}"], memory[f"values_{i}"], seen, positions)

        x, weights = _layer(layer, config, x, attend, attend_source)
    x = layer_norm(part / "decoder_norm", x) if config["norm_first"] else x
    return logits_of(part, x), graph.reduce("Mean", weights, 1)  # pyright: ignore


def align(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    """Returns logits and alignment of whole targets."""
    graph = part.graph
    positions = graph.arange(graph.size(target, 1))
    x = _embedded(target_embedding(part), config, target, positions)
    causal = graph.unsqueeze(graph.unsqueeze(positions, 0) <= graph.unsqueeze(positions, 1), 0, 1)
    return _decode(part, config, x, positions, memory, causal, lambda name, keys, values: (keys, values))


def step(part: Part, config: Config, target: Value, memory: Mapping[str, Value]) -> tuple[Value, Value]:
    """Returns logits and alignment of one symbol."""
    graph, shape = part.graph, [config["num_heads"], "past", config["hidden_dim"] // config["num_heads"]]
    names = [f"decoder_{i}/{kind}" for i in range(config["decoder_layers"]) for kind in ("keys", "values")]
    past = {name: graph.state(name, shape) for name in names}
    count = graph.size(past[names[0]], 2)
    positions = graph.arange(count + 1, start=count)
    x = _embedded(target_embedding(part), config, graph.unsqueeze(target, 1), positions)

    def cached(name: str, keys: Value, values: Value) -> list[Value]:
        result = []
        for kind, new in (("keys", keys), ("values", values)):
            result.append(graph.concat([past[f"{name}/{kind}"], new], 2))
            graph.set_state(f"{name}/{kind}", result[-1], [shape[0], "next", shape[2]])
        return result

    logits, weights = _decode(part, config, x, positions, memory, None, cached)
    return graph.squeeze(logits, 1), graph.squeeze(weights, 1)
