"""A forecaster as an ONNX graph: its backbone and its head. What it reads of a series is computed by NumPy."""

from collections.abc import Mapping

import numpy as np

from zoo.checkpoints.spec import ModelSpec
from zoo.export.backbones import run_backbone
from zoo.export.files import QUANTILES
from zoo.export.graph import Graph, Value
from zoo.export.layers import dense
from zoo.export.weights import Part

_BOUND = 1e3  # of the simple forecasts whose deviation is measured


def forecaster(spec: ModelSpec, tensors: Mapping[str, np.ndarray]) -> Graph:
    """Returns the graph of a forecaster, with the inputs and the output of ``Forecaster.call``."""
    graph = Graph(f"{spec.architecture}_{spec.task}")
    part = Part(graph, tensors)
    backbone = next(path.split("/")[0] for path in tensors if path.split("/")[1:2] == ["embed"])
    axes = ["batch", "positions", "steps"]
    features = graph.input("features", "float32", ["batch", "patches", len(part.array("patch/kernel"))])
    positions = graph.input("positions", "int32", axes[:2])
    steps = graph.input("steps", "float32", [*axes, len(part.array("step/kernel"))])
    x = graph.rows_at(run_backbone(part / backbone, spec.architecture, spec.config, features, None), positions)
    y = _decode(part, x, graph.rows_at(features, positions), steps)
    graph.output(y, QUANTILES, [*axes, len(part.array("head/bias"))])
    return graph


def _decode(part: Part, x: Value, patch: Value, steps: Value) -> Value:
    """Returns the quantiles, as ``Forecaster.decode`` does."""
    graph = part.graph
    candidates = len(part.array("weights/bias"))
    context = graph.unsqueeze(dense(part / "summary", x) + dense(part / "patch", patch), 2)
    simple, known = graph.slice(steps, 3, 0, candidates), graph.slice(steps, 3, candidates)
    known = graph.concat([graph.op("Asinh", simple), known], -1)
    y = graph.activate(context + dense(part / "step", known), "gelu")
    y = y + dense(part / "mixed", y, "gelu")
    base = graph.reduce("Sum", graph.softmax(dense(part / "weights", y)) * simple, -1, keepdims=True)
    out = dense(part / "head", y)
    median = base + graph.slice(out, 3, 0, 1)
    bounded = graph.op("Clip", simple, graph.constant(-_BOUND), graph.constant(_BOUND))
    distance = bounded - graph.reduce("Mean", bounded, -1, keepdims=True)
    size = graph.op("Sqrt", graph.reduce("Mean", distance * distance, -1, keepdims=True)) * 0.3 + 0.3
    gaps = graph.op("Softplus", graph.slice(out, 3, 1)) * size
    below, above = (graph.op("CumSum", gap, graph.constant(3, "int64")) for gap in graph.split(gaps, 2))
    turned = graph.slice(below, 3, -1, np.iinfo(np.int64).min, -1)
    return graph.concat([median - turned, median, median + above], -1)
