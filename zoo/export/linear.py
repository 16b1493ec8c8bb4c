"""Linear recurrences ``h_t = a_t h_{t-1} + b_t`` as ONNX graphs: minGRU, minLSTM, LRU and RG-LRU."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.export.graph import Graph, Value
from zoo.export.layers import dense, feed_forward, gated_feed_forward, layer_norm, rms_norm, zero_masked
from zoo.export.weights import Part

SHARPNESS, SMALLEST = 8.0, 1e-6  # of the RG-LRU
Config = Mapping[str, Any]


def _positive(graph: Graph, x: Value) -> Value:
    return graph.where(x >= 0, x + 0.5, graph.op("Sigmoid", x))


def _min_gru(part: Part, config: Config, x: Value) -> tuple[Value, Value]:
    graph = part.graph
    gate, candidate = graph.split(dense(part / "project", x), 2)
    return graph.op("Sigmoid", -gate), graph.op("Sigmoid", gate) * _positive(graph, candidate)


def _min_lstm(part: Part, config: Config, x: Value) -> tuple[Value, Value]:
    graph = part.graph
    forget, update, candidate = graph.split(dense(part / "project", x), 3)
    odds = graph.op("Softplus", -update) - graph.op("Softplus", -forget)
    return graph.op("Sigmoid", odds), graph.op("Sigmoid", -odds) * _positive(graph, candidate)


def _rg_lru(part: Part, config: Config, x: Value) -> tuple[Value, Value]:
    graph = part.graph
    rate = part.constant("rate", SHARPNESS * np.logaddexp(0, part.array("decay")))
    log_decay = -(rate * graph.op("Sigmoid", _block_diagonal(part / "recurrence_gate", x)))
    # 1 - exp(2 log a) without cancellation: -expm1(z) = -2 exp(z / 2) sinh(z / 2), and z / 2 is log a.
    decay = graph.op("Exp", log_decay)
    one_minus = decay * graph.op("Sinh", log_decay) * -2.0
    scale = graph.op("Sqrt", graph.op("Max", one_minus, graph.constant(SMALLEST)))
    return decay, scale * graph.op("Sigmoid", _block_diagonal(part / "input_gate", x)) * x


def _block_diagonal(part: Part, x: Value) -> Value:
    """Apply a dense layer with a block-diagonal matrix: one product per block."""
    graph, (blocks, size, _) = part.graph, part.array("kernel").shape
    with graph.scope(part.path):
        flat = graph.transpose(graph.reshape(x, -1, blocks, size), 1, 0, 2)
        product = graph.transpose(flat @ part.weight("kernel"), 1, 0, 2)
        shape = graph.op("Shape", x, dtype="int64")
        return graph.op("Reshape", product, shape) + part.weight("bias")


COEFFICIENTS = {"min_gru": _min_gru, "min_lstm": _min_lstm, "rg_lru": _rg_lru}


def linear_scan(graph: Graph, decay: Value, inputs: Value, units: int) -> Value:
    """Returns all states ``(batch, time, units)``, starting from zeros."""

    def advance(states, steps):
        after = steps[0] * states[0] + steps[1]
        return [after], [after]

    zeros = graph.full(0.0, "float32", graph.size(inputs, 0), units)
    return graph.scan(advance, [zeros], [decay, inputs], 1)[0]


def _depthwise(part: Part, x: Value, mask: Value | None) -> Value:
    """Apply a causal depthwise convolution."""
    graph, kernel = part.graph, part.array("kernel")
    with graph.scope(part.path):
        padded = graph.pad(zero_masked(graph, x, mask), 1, len(kernel) - 1, 0, 3)
        time, y = graph.size(x, 1), part.weight("bias")
        for tap, weight in enumerate(kernel):
            y = graph.slice(padded, 1, tap, time + tap) * part.constant(f"tap_{tap}", weight) + y
        return y


def _depthwise_step(part: Part, x: Value) -> Value:
    graph, kernel = part.graph, part.array("kernel")
    name = f"{part.path}/past"
    with graph.scope(part.path):
        past = graph.state(name, [len(kernel) - 1, kernel.shape[1]])
        read = graph.concat([past, graph.unsqueeze(x, 1)], 1)
        graph.set_state(name, graph.slice(read, 1, 1))
        return graph.reduce("Sum", read * part.weight("kernel"), 1) + part.weight("bias")


def _branch(name: str, part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    """Apply one direction: an optional dense layer, an optional short convolution, and the recurrence."""
    graph = part.graph
    if name == "lru":
        return _lru(part, x, mask)
    x = dense(part / "project", x) if "project/kernel" in part else x
    x = _depthwise(part / "convolution", x, mask) if "convolution/kernel" in part else x
    decay, inputs = COEFFICIENTS[name](part / "recurrence", config, x)
    if mask is not None:
        real = graph.unsqueeze(mask, -1)
        decay, inputs = graph.where(real, decay, 1.0), graph.where(real, inputs, 0.0)
    return linear_scan(graph, decay, inputs, _units(config))


def _units(config: Config) -> int:
    return config["state_dim"] // 2 if config["bidirectional"] else config["state_dim"]


def _branch_step(name: str, part: Part, config: Config, x: Value) -> Value:
    graph, state = part.graph, f"{part.path}/state"
    if name == "lru":
        return _lru_step(part, config, x)
    x = dense(part / "project", x) if "project/kernel" in part else x
    x = _depthwise_step(part / "convolution", x) if "convolution/kernel" in part else x
    decay, inputs = COEFFICIENTS[name](part / "recurrence", config, x)
    after = decay * graph.state(state, [_units(config)]) + inputs
    graph.set_state(state, after)
    return after


def _lru_weights(part: Part) -> tuple[Value, Value, Value]:
    """Returns real and imaginary parts of the eigenvalues, and the scale of the inputs."""
    nu, theta = part.array("nu"), part.array("theta")
    radius, angle = np.exp(-np.exp(nu)), np.exp(theta)
    real, imaginary = part.constant("real", radius * np.cos(angle)), part.constant("imaginary", radius * np.sin(angle))
    return real, imaginary, part.constant("scale", np.exp(part.array("gamma")))


def _advance(eigenvalues: tuple[Value, Value], state: list[Value], inputs: list[Value]) -> list[Value]:
    (a, b), (x, y) = eigenvalues, state
    return [a * x - b * y + inputs[0], a * y + b * x + inputs[1]]


def _lru(part: Part, x: Value, mask: Value | None) -> Value:
    """Returns real and imaginary parts of all states, ``(batch, time, 2 * units)``."""
    graph = part.graph
    real, imaginary, scale = _lru_weights(part)
    inputs = [y * scale for y in graph.split(dense(part / "project", zero_masked(graph, x, mask)), 2)]

    def advance(states, steps):
        after = _advance((real, imaginary), states, steps)
        return after, after

    zeros = graph.full(0.0, "float32", graph.size(x, 0), len(part.array("nu")))
    return graph.concat(graph.scan(advance, [zeros, zeros], inputs, 2), -1)


def _lru_step(part: Part, config: Config, x: Value) -> Value:
    graph, units = part.graph, len(part.array("nu"))
    names = [f"{part.path}/{kind}" for kind in ("real", "imaginary")]
    real, imaginary, scale = _lru_weights(part)
    inputs = [y * scale for y in graph.split(dense(part / "project", x), 2)]
    after = _advance((real, imaginary), [graph.state(name, [units]) for name in names], inputs)
    for name, state in zip(names, after, strict=True):
        graph.set_state(name, state)
    return graph.concat(after, -1)


def _reversed(graph: Graph, x: Value | None) -> Value | None:
    """Returns ``x (batch, time, ...)`` reversed in time."""
    return None if x is None else graph.slice(x, 1, -1, np.iinfo(np.int64).min, -1)


def _directions(name: str, part: Part, config: Config, x: Value, mask: Value | None) -> Value:
    graph = part.graph
    y = _branch(name, part / "forward", config, x, mask)
    if not config["bidirectional"]:
        return y
    turned = _branch(name, part / "backward", config, _reversed(graph, x), _reversed(graph, mask))  # pyright: ignore
    return graph.concat([y, _reversed(graph, turned)], -1)  # pyright: ignore


def _blocks(name: str, part: Part, config: Config, x: Value, directions: Callable) -> Value:
    """Apply the residual blocks and the last norm; ``directions(part, x)`` is the recurrent branch of a block."""
    graph = part.graph
    for i in range(config["num_layers"]):
        block = part / f"block_{i}"
        if name == "lru":
            y = layer_norm(block / "norm", x)
            states = directions(block / "directions", y)
            y = graph.activate(dense(block / "out", states) + block.weight("skip") * y, "gelu")
            value, gate = graph.split(dense(block / "glu", y), 2)
            x = x + value * graph.op("Sigmoid", gate)
            continue
        mixer, y = block / "mixer", rms_norm(block / "mixer_norm", x)
        states = directions(mixer / "directions", y)
        if name == "rg_lru":
            states = dense(mixer / "gate", y, "gelu") * states
        x = x + dense(mixer / "out", states)
        y, part_of_position = rms_norm(block / "feed_forward_norm", x), block / "feed_forward"
        gated = name == "rg_lru"
        x = x + (gated_feed_forward(part_of_position, y) if gated else feed_forward(part_of_position, y, "gelu"))
    norm = part / "final_norm" / "norm"
    return layer_norm(norm, x) if name == "lru" else rms_norm(norm, x)


def linear_blocks(name: str) -> Callable:
    """Returns the stack of an architecture."""

    def run(part: Part, config: Config, x: Value, mask: Value | None) -> Value:
        return _blocks(name, part, config, x, lambda p, y: _directions(name, p, config, y, mask))

    return run


def linear_blocks_step(name: str) -> Callable:
    """Returns one step of the stack of an architecture."""

    def run(part: Part, config: Config, x: Value) -> Value:
        return _blocks(name, part, config, x, lambda p, y: _branch_step(name, p / "forward", config, y))

    return run
