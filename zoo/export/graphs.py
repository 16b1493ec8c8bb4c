"""ONNX models of a checkpoint's spec and tensors: whole sequences and steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.checkpoints.spec import ModelSpec
from zoo.export.backbones import is_causal, run_backbone, step_backbone
from zoo.export.files import DECODER_STEP, ENCODER, MODEL, STEP, NoExportError
from zoo.export.forecasting import forecaster
from zoo.export.graph import Graph, Value
from zoo.export.layers import attention_pooling, bidirectional, concat_pooling, dense, embed, lengths_of, ngrams
from zoo.export.seq2seq import find
from zoo.export.weights import Part

Tensors = Mapping[str, np.ndarray]


def build_graphs(spec: ModelSpec, tensors: Tensors) -> dict[str, Graph]:
    """Returns the graphs of a checkpoint by file name.

    Args:
        spec: The checkpoint's spec.
        tensors: Weights by variable path.

    Returns:
        ``model.onnx`` for whole sequences; ``step.onnx`` for a causal model; ``encoder.onnx`` and ``decoder_step.onnx``
        for a sequence-to-sequence model.

    Raises:
        NoExportError: The architecture or the task has no export.
        WeightsError: A tensor is missing.
    """
    if spec.task in ("sequence_to_sequence", "translation"):
        return _sequence_to_sequence(spec, tensors)
    if spec.task == "forecasting":
        return {MODEL: forecaster(spec, tensors)}
    exported = [*POOLED, "tagging", *STEPWISE]
    if spec.task not in exported:
        raise NoExportError(f"{spec.task}: has no export to ONNX; there are {', '.join(exported)}")
    graph = Graph(f"{spec.architecture}_{spec.task}")
    part = Part(graph, tensors)
    inputs = _inputs(graph, spec)
    _head(part, spec, inputs)
    graphs = {MODEL: graph}
    if has_step(spec):
        graphs[STEP] = _step(spec, tensors)
    return graphs


def has_step(spec: ModelSpec) -> bool:
    """Returns whether a model predicts step by step: a causal one with a head at every step."""
    return spec.task in STEPWISE and is_causal(spec.architecture, spec.config)


STEPWISE = ("language_modelling", "music_modelling", "regression", "copying")
"""Tasks with a head at every step."""
POOLED = ("classification", "series_classification", "text_regression", "series_regression")


def _inputs(graph: Graph, spec: ModelSpec) -> dict[str, Value]:
    features = spec.config.get("features")
    document = spec.architecture == "hierarchical_attention_network"
    axes = ["batch", "sentences", "words"] if document else ["batch", "time"]
    if features is None:
        inputs = {"tokens": graph.input("tokens", "int32", axes)}
    else:
        inputs = {"features": graph.input("features", "float32", [*axes, features])}
    if spec.task not in STEPWISE:  # padding is at the end, where no step reads it
        inputs["mask"] = graph.input("mask", "bool", axes)
    if spec.task == "tagging":
        inputs["first"] = graph.input("first", "int32", ["batch", "words"])
    return inputs


def _backbone(part: Part) -> Part:
    """Returns the backbone's weights, whose paths begin with its name."""
    return part / next(path.split("/")[0] for path in part.tensors if path.split("/")[1:2] == ["embed"])


def _head(part: Part, spec: ModelSpec, inputs: dict[str, Value]) -> None:
    """Add the backbone, the head and the outputs of a whole sequence."""
    graph, mask = part.graph, inputs.get("mask")
    x = inputs.get("tokens", inputs.get("features"))
    if spec.architecture == "hierarchical_attention_network":
        pooled, *weights = _document(_backbone(part), spec.config, inputs["tokens"], inputs["mask"])
        graph.output(dense(part / "head", pooled), "logits", ["batch", len(part.array("head/bias"))])
        for name, value, axes in zip(("sentence_weights", "word_weights"), weights, (2, 3), strict=True):
            graph.output(value, name, ["batch", "sentences", "words"][:axes])
        return
    y = run_backbone(_backbone(part), spec.architecture, spec.config, x, mask)  # pyright: ignore
    if spec.task in POOLED:
        logits = dense(part / "head", concat_pooling(graph, y, mask))  # pyright: ignore
        if "ngrams/kernel" in part:
            logits = logits + ngrams(part / "ngrams", spec.config["vocab_size"], inputs["tokens"], inputs["mask"])
        graph.output(logits, "logits", ["batch", len(part.array("head/bias"))])
    elif spec.task == "tagging":
        words = graph.rows_at(y, inputs["first"])
        if spec.preprocessor.get("lookahead"):
            words = graph.concat([words, graph.rows_at(y, _following(graph, inputs["first"]))], -1)
        graph.output(dense(part / "tag_head", words), "tags", ["batch", "words", len(part.array("tag_head/bias"))])
        if "label_head/bias" in part:
            label = dense(part / "label_head", concat_pooling(graph, y, mask))  # pyright: ignore
            graph.output(label, "label", ["batch", len(part.array("label_head/bias"))])
    else:
        graph.output(_each_step(part, y), "logits", ["batch", "time", len(part.array("head/bias"))])


def _following(graph: Graph, places: Value) -> Value:
    """Returns the place of each next word, and for the last word its own; padding has place 0."""
    following = graph.concat([graph.slice(places, 1, 1), graph.slice(places, 1, -1)], 1)
    return graph.op("Max", following, places)


def _each_step(part: Part, x: Value) -> Value:
    """Apply the head at every step: a dense layer, or one whose kernel is the embedding."""
    if "head/kernel" in part:
        return dense(part / "head", x)
    kernel = part.constant("head/kernel", _backbone(part).array("embed/embeddings").T)
    return x @ kernel + (part / "head").weight("bias")


def _document(part: Part, config: Mapping[str, Any], tokens: Value, mask: Value) -> tuple[Value, Value, Value]:
    """Map documents ``(batch, sentences, words)`` to vectors, sentence weights and word weights."""
    graph, units = part.graph, 2 * config["units"]
    sizes = [graph.size(tokens, axis) for axis in range(3)]
    words = graph.reshape(mask, -1, sizes[2])
    x = embed(part / "embed", graph.reshape(tokens, -1, sizes[2]))

    def level(name: str, x: Value, real: Value) -> tuple[Value, Value]:
        # Padding sentences get length 1, because the operator needs a step; the pooling masks them.
        lengths = graph.op("Max", lengths_of(graph, real), graph.constant(1, "int32"))
        y = bidirectional(part / name / "both", "gru", x, lengths, inner="gru")
        return attention_pooling(part / name / "pool", y, real)

    x, word_weights = level("words", x, words)
    x = graph.reshape(x, sizes[0], sizes[1], units)
    real = graph.reduce("Max", graph.cast(mask, "int32"), -1) > 0
    x, sentence_weights = level("sentences", x, real)
    return x, sentence_weights, graph.reshape(word_weights, *sizes)


def _step(spec: ModelSpec, tensors: Tensors) -> Graph:
    graph = Graph(f"{spec.architecture}_{spec.task}_step")
    part, features = Part(graph, tensors), spec.config.get("features")
    if features is None:
        x = graph.input("tokens", "int32", ["batch"])
    else:
        x = graph.input("features", "float32", ["batch", features])
    y = _each_step(part, step_backbone(_backbone(part), spec.architecture, spec.config, x))
    graph.output(y, "logits", ["batch", len(part.array("head/bias"))])
    return graph


def _sequence_to_sequence(spec: ModelSpec, tensors: Tensors) -> dict[str, Graph]:
    family, config, names = find(spec.architecture), spec.config, (MODEL, ENCODER, DECODER_STEP)
    graphs = {name: Graph(f"{spec.architecture}_{name.removesuffix('.onnx')}") for name in names}
    full, encoder, decoder = (Part(graph, tensors) for graph in graphs.values())
    symbols = config["target_vocab_size"]

    def read(part: Part) -> dict[str, Value]:
        source = part.graph.input("source", "int32", ["batch", "source_time"])
        mask = part.graph.input("source_mask", "bool", ["batch", "source_time"])
        return family.encode(part, config, source, mask)

    memory = read(full)
    target = full.graph.input("target", "int32", ["batch", "target_time"])
    logits, weights = family.align(full, config, target, memory)
    full.graph.output(logits, "logits", ["batch", "target_time", symbols])
    full.graph.output(weights, "alignment", ["batch", "target_time", "source_time"])

    memory = read(encoder)
    states = family.initial(encoder, config, memory)
    target = decoder.graph.input("target", "int32", ["batch"])
    given = {name: decoder.graph.input(f"memory/{name}", value.dtype, shape) for name, value, shape in _shapes(memory)}
    logits, weights = family.step(decoder, config, target, given)
    decoder.graph.output(logits, "logits", ["batch", symbols])
    decoder.graph.output(weights, "alignment", ["batch", "source_time"])
    for name, value, shape in _shapes(memory):
        encoder.graph.output(value, f"memory/{name}", shape)
    for name, value in states.items():
        encoder.graph.output(value, f"state/{name}", ["batch", *decoder.graph.states[name]["shape"]])
    return graphs


def _shapes(memory: Mapping[str, Value]):
    """Yield name, value and shape of each part of a memory; sizes known only to the graph are dynamic."""
    for name, value in memory.items():
        rank = {"mask": 2, "scale": 3}.get(name, 4 if name.startswith(("keys_", "values_")) else 3)
        yield name, value, ["batch", *(f"{name}_{axis}" for axis in range(1, rank))]
