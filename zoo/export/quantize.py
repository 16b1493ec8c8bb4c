"""Quantise exported graphs to 8 bits: products and LSTMs dynamically, other weights as rescaled int8.

ONNX Runtime has no 8-bit GRU, RNN or causal convolution. For these, a node of the graph scales the weights back.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

MIN_SIZE = 1_024  # minimum size of a weight to quantise
CHANNELS = {"Conv": 0, "GRU": 1, "RNN": 1, "LSTM": 1}
"""Axis of the output channels in the weights of an operator; the default is the last."""


def quantize(model: Any) -> Any:
    """Returns a model with 8-bit weights.

    Args:
        model: An exported ``onnx.ModelProto``, which does not change.
    """
    model = weights_only(_dynamic(model))
    _shorten(model.graph)
    onnx.checker.check_model(model)
    return model


def _dynamic(model: Any) -> Any:
    """Returns the model with products and LSTMs in 8-bit arithmetic."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    matrices = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    constants = {tensor.name for tensor in model.graph.initializer}
    # ONNX Runtime multiplies by several 8-bit matrices at once only if they share their scales.
    stacked = [
        node.name for node in _nodes(model.graph) if node.op_type == "MatMul" and node.input[1] in constants - matrices
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        logging.disable(logging.WARNING)  # silences advice that does not apply to these graphs
        try:
            quantize_dynamic(
                model,
                file,
                op_types_to_quantize=["MatMul", "LSTM"],
                nodes_to_exclude=stacked,
                per_channel=True,
                reduce_range=True,  # 7 bits: sums of two products of 8 exceed 16 bits on processors without VNNI
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
        finally:
            logging.disable(logging.NOTSET)
        quantized = onnx.load(file)
    if not quantized.metadata_props:
        quantized.metadata_props.extend(model.metadata_props)
    return quantized


def weights_only(model: Any) -> Any:
    """Returns the model with its large float weights as int8, and with nodes that scale them back."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph, nodes = model.graph, []
    uses: dict[str, list[tuple[Any, int]]] = {}
    for node in _nodes(graph):
        for place, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, place))
    for tensor in [*graph.initializer]:
        array, name = numpy_helper.to_array(tensor), tensor.name
        if array.dtype != np.float32 or array.ndim < 2 or array.size < MIN_SIZE or name not in uses:
            continue
        readers = uses[name]
        axis = CHANNELS.get(readers[0][0].op_type, array.ndim - 1)
        others = tuple(i for i in range(array.ndim) if i != axis)
        scale = np.maximum(np.abs(array).max(others), 1e-12).astype("float32") / 127
        shape = [-1 if i == axis else 1 for i in range(array.ndim)]
        stored = np.round(array / scale.reshape(shape)).astype("int8")
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(stored, f"{name}/int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}/scale"))
        scaled = [f"{name}/int8", f"{name}/scale"]
        node = readers[0][0]
        if len(readers) == 1 and node.op_type == "Gather" and array.ndim == 2 and _is_top(graph, node):
            # Look up rows before scaling; scaling the whole table would take longer than the model.
            result = node.output[0]
            node.input[0], node.output[0] = f"{name}/int8", f"{result}/int8"
            place = [*graph.node].index(node)
            back = helper.make_node("DequantizeLinear", [f"{result}/int8", f"{name}/scale"], [result], axis=-1)
            graph.node.insert(place + 1, back)
        else:
            nodes.append(helper.make_node("DequantizeLinear", scaled, [name], f"{name}/scaled", axis=axis))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    return model


def _shorten(graph: Any) -> None:
    """Give every tensor inside a graph a short name: in small models long ones would be much of the file."""
    kept = {value.name for value in [*graph.input, *graph.output]}
    short: dict[str, str] = {}

    def renamed(name: str) -> str:
        return name if not name or name in kept else short.setdefault(name, f"t{len(short)}")

    for node in _nodes(graph):
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [renamed(name) for name in names]
        for attribute in node.attribute:
            for value in [*attribute.g.input, *attribute.g.output]:
                value.name = renamed(value.name)
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph, including those of scans."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _is_top(graph: Any, node: Any) -> bool:
    return any(node is one for one in graph.node)
