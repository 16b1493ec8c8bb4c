"""A small builder of ONNX graphs: values with operators, weights by path, states and scans."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 9
"""ONNX Runtime 1.17 and later reads both."""
TYPES = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
}


class Value:
    """A tensor of a graph. Operators add nodes; numbers become constants.

    Args:
        graph: The graph.
        name: Name of the tensor.
        dtype: Name of its type; NumPy constants are converted to it.
    """

    def __init__(self, graph: "Graph", name: str, dtype: str = "float32"):
        self.graph, self.name, self.dtype = graph, name, dtype

    def _binary(self, kind: str, left: Any, right: Any, dtype: str | None = None) -> "Value":
        return self.graph.op(kind, *(self.graph.constant(x, self.dtype) for x in (left, right)), dtype=dtype)

    def __add__(self, other):
        return self._binary("Add", self, other)

    def __radd__(self, other):
        return self._binary("Add", other, self)

    def __sub__(self, other):
        return self._binary("Sub", self, other)

    def __rsub__(self, other):
        return self._binary("Sub", other, self)

    def __mul__(self, other):
        return self._binary("Mul", self, other)

    def __rmul__(self, other):
        return self._binary("Mul", other, self)

    def __truediv__(self, other):
        return self._binary("Div", self, other)

    def __floordiv__(self, other):
        return self._binary("Div", self, other)  # for non-negative whole numbers

    def __mod__(self, other):
        return self._binary("Mod", self, other)

    def __matmul__(self, other):
        return self._binary("MatMul", self, other)

    def __neg__(self):
        return self.graph.op("Neg", self)

    def __lt__(self, other):
        return self._binary("Less", self, other, "bool")

    def __le__(self, other):
        return self._binary("LessOrEqual", self, other, "bool")

    def __gt__(self, other):
        return self._binary("Greater", self, other, "bool")

    def __ge__(self, other):
        return self._binary("GreaterOrEqual", self, other, "bool")

    def equals(self, other) -> "Value":
        """Returns where both are equal."""
        return self._binary("Equal", self, other, "bool")

    def __and__(self, other):
        return self._binary("And", self, other)

    def __or__(self, other):
        return self._binary("Or", self, other)

    def __invert__(self):
        return self.graph.op("Not", self)


class Graph:
    """A graph under construction.

    Args:
        name: Name of the graph.
    """

    def __init__(self, name: str):
        self.name = name
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.states: dict[str, dict[str, Any]] = {}
        self._bodies: list[list[Any]] = [[]]  # bodies of the graph and of open scans
        self._constants: dict[Any, Value] = {}
        self._initializers: list[Any] = []
        self._scope: list[str] = []
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Add a prefix to the names of nodes added in the block."""
        self._scope.append(name)
        yield
        self._scope.pop()

    def fresh(self, kind: str) -> str:
        """Returns an unused tensor name."""
        name = "/".join([*self._scope, kind])
        self._counts[name] += 1
        return f"{name}_{self._counts[name]}"

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> Value:
        """Add an input; texts in the shape are dynamic axes."""
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[dtype], list(shape)))
        return Value(self, name, dtype)

    def output(self, value: Value, name: str, shape: Sequence[int | str]) -> None:
        """Add an output."""
        self._bodies[-1].append(helper.make_node("Identity", [value.name], [name], f"output/{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[value.dtype], list(shape)))

    def state(self, name: str, shape: Sequence[int | str], dtype: str = "float32") -> Value:
        """Add a state that a step reads and writes; ``shape`` is without the batch axis. It starts at zeros."""
        self.states[name] = {"input": f"state/{name}", "output": f"next/{name}", "shape": list(shape), "dtype": dtype}
        return self.input(f"state/{name}", dtype, ["batch", *shape])

    def set_state(self, name: str, value: Value, shape: Sequence[int | str] | None = None) -> None:
        """Add the output of the next state."""
        self.output(value, f"next/{name}", ["batch", *(shape or self.states[name]["shape"])])

    def constant(self, value: Any, dtype: str = "float32", name: str | None = None) -> Value:
        """Returns values unchanged, and numbers as constants, each stored once in the file."""
        if isinstance(value, Value):
            return value
        array = np.array(value, dtype, order="C")
        key = name or (dtype, array.shape, array.tobytes())
        if key not in self._constants:
            text = name or self.fresh("constant")
            self._initializers.append(numpy_helper.from_array(array, text))
            self._constants[key] = Value(self, text, dtype)
        return self._constants[key]

    def ints(self, *values: int) -> Value:
        """Returns whole numbers as a constant vector, for axes and shapes."""
        return self.constant(np.array(values), "int64")

    def op(self, kind: str, *inputs: Any, dtype: str | None = None, **attributes: Any) -> Value:
        """Add a node with one output; its type is that of the first input unless ``dtype`` is given."""
        return self.ops(kind, 1, *inputs, dtype=dtype, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: Any, dtype: str | None = None, **attributes: Any) -> list[Value]:
        """Add a node with several outputs; inputs of ``None`` are left out."""
        given = [None if x is None else self.constant(x) for x in inputs]
        names = [self.fresh(kind) for _ in range(outputs)]
        self._bodies[-1].append(
            helper.make_node(kind, ["" if x is None else x.name for x in given], names, names[0], **attributes)
        )
        return [Value(self, name, dtype or given[0].dtype) for name in names]  # pyright: ignore

    # The operations of the models. Negative starts of slices count from the end.

    def cast(self, x: Value, dtype: str) -> Value:
        """Returns ``x`` converted to a type."""
        return x if x.dtype == dtype else self.op("Cast", x, to=TYPES[dtype], dtype=dtype)

    def where(self, condition: Value, yes: Any, no: Any) -> Value:
        """Select between two by a condition; at least one must be a value."""
        dtype = yes.dtype if isinstance(yes, Value) else no.dtype
        return self.op("Where", condition, self.constant(yes, dtype), self.constant(no, dtype), dtype=dtype)

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Join values along an axis."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def split(self, x: Value, count: int) -> list[Value]:
        """Split the last axis into equal parts."""
        return self.ops("Split", count, x, axis=-1, num_outputs=count)

    def reshape(self, x: Value, *shape: Any) -> Value:
        """Reshape; 0 keeps an axis, -1 is inferred, and a value of one element is a size."""
        if any(isinstance(size, Value) for size in shape):
            sizes = [size if isinstance(size, Value) else self.ints(size) for size in shape]
            return self.op("Reshape", x, self.concat(sizes, 0))
        return self.op("Reshape", x, self.ints(*shape))

    def transpose(self, x: Value, *order: int) -> Value:
        """Reorder the axes."""
        return self.op("Transpose", x, perm=list(order))

    def unsqueeze(self, x: Value, *axes: int) -> Value:
        """Add axes of size 1."""
        return self.op("Unsqueeze", x, self.ints(*axes))

    def squeeze(self, x: Value, *axes: int) -> Value:
        """Drop axes of size 1."""
        return self.op("Squeeze", x, self.ints(*axes))

    def slice(self, x: Value, axis: int, start: Any = 0, end: Any = None, step: int = 1) -> Value:
        """Returns ``x[start:end:step]`` along an axis; ends may be values of one element."""
        end = np.iinfo(np.int64).max if end is None else end
        bounds = [bound if isinstance(bound, Value) else self.ints(bound) for bound in (start, end)]
        return self.op("Slice", x, *bounds, self.ints(axis), self.ints(step))

    def at(self, x: Value, axis: int, place: int) -> Value:
        """Returns the slice at a fixed index of an axis, without the axis."""
        return self.op("Gather", x, self.constant(place, "int64"), axis=axis)

    def gather(self, x: Value, places: Value, axis: int = 0) -> Value:
        """Returns the slices at indices of an axis."""
        return self.op("Gather", x, places, axis=axis)

    def rows_at(self, x: Value, places: Value) -> Value:
        """Returns, for each row of ``x (batch, time, ...)``, the values at its ``places (batch, n)``."""
        return self.op("GatherND", x, self.unsqueeze(self.cast(places, "int64"), -1), batch_dims=1)

    def size(self, x: Value, axis: int) -> Value:
        """Returns the size of an axis, as a vector of one element."""
        return self.op("Shape", x, start=axis, end=axis + 1, dtype="int64")

    def arange(self, stop: Value, start: Any = 0) -> Value:
        """Returns whole numbers from ``start`` to below ``stop``, which are values of one element."""
        start = self.squeeze(start, 0) if isinstance(start, Value) else self.constant(start, "int64")
        return self.op("Range", start, self.squeeze(stop, 0), self.constant(1, "int64"), dtype="int64")

    def full(self, value: Any, dtype: str, *sizes: Any) -> Value:
        """Returns a constant-filled tensor; sizes are numbers or values of one element."""
        shape = self.concat([size if isinstance(size, Value) else self.ints(size) for size in sizes], 0)
        filled = helper.make_tensor("value", TYPES[dtype], [1], [value])
        return self.op("ConstantOfShape", shape, value=filled, dtype=dtype)

    def reduce(self, kind: str, x: Value, axis: int, keepdims: bool = False) -> Value:
        """Returns a reduction over one axis: ``"Sum"``, ``"Mean"``, ``"Max"`` or another one."""
        return self.op(f"Reduce{kind}", x, self.ints(axis), keepdims=int(keepdims))

    def pad(self, x: Value, axis: int, before: Any, after: Any, rank: int, value: Any = 0) -> Value:
        """Pad an axis with ``value`` at both ends; counts are numbers or values of one element."""
        counts = [n if isinstance(n, Value) else self.ints(n) for n in (before, after)]
        pads = self.concat(counts, 0)
        return self.op("Pad", x, pads, self.constant(value, x.dtype), self.ints(axis % rank))

    def softmax(self, x: Value) -> Value:
        """Returns the softmax over the last axis."""
        return self.op("Softmax", x, axis=-1)

    def activate(self, x: Value, name: str | None) -> Value:
        """Apply ``tanh``, ``relu``, ``sigmoid``, the tanh form of ``gelu``, or nothing."""
        if name == "gelu":
            return self.op("Gelu", x, approximate="tanh")
        return self.op(name.capitalize(), x) if name else x

    def scan(
        self, advance: Callable, initial: Sequence[Value], steps: Sequence[Value], outputs: int, axis: int = 1
    ) -> list[Value]:
        """Run a body over an axis.

        Args:
            advance: Maps lists of states and of one step's values, all without the axis, to the next states and to a
                list of outputs.
            initial: States before the first step.
            steps: Inputs of the steps, with the axis.
            outputs: Number of outputs.
            axis: Axis of the steps and of the outputs.

        Returns:
            The outputs of all steps.
        """
        self._bodies.append([])
        read = [[Value(self, self.fresh("scan"), x.dtype) for x in group] for group in (initial, steps)]
        after, result = advance(*read)
        # An output of a body must be the output of one of its own nodes, and only once.
        written = [self.op("Identity", x) for x in [*after, *result]]
        described = [
            [helper.make_tensor_value_info(x.name, TYPES[x.dtype], None) for x in group]
            for group in ([*read[0], *read[1]], written)
        ]
        body = helper.make_graph(self._bodies.pop(), self.fresh("body"), *described)
        results = self.ops(
            "Scan",
            len(written),
            *initial,
            *steps,
            body=body,
            num_scan_inputs=len(steps),
            scan_input_axes=[axis] * len(steps),
            scan_output_axes=[axis] * outputs,
        )
        for value, x in zip(results, written, strict=True):
            value.dtype = x.dtype
        return results[len(initial) :]

    def model(self, metadata: Mapping[str, str]) -> Any:
        """Returns the checked model with metadata."""
        self._bodies[0] = _without_copies(self._bodies[0])
        graph = helper.make_graph(self._bodies[0], self.name, self.inputs, self.outputs, self._initializers)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="seqzoo",
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model


def _without_copies(nodes: Sequence[Any]) -> list[Any]:
    """Returns nodes that write the outputs themselves, without nodes that copy. The nodes are changed in place."""
    made = {name for node in nodes for name in node.output}
    bodies = [attribute.g for node in nodes for attribute in node.attribute]
    made -= {name for body in bodies for node in body.node for name in node.input}  # a body keeps the names it reads
    names: dict[str, str] = {}
    kept = []
    for node in nodes:
        is_copy = node.op_type == "Identity" and node.name.startswith("output/")
        if is_copy and node.input[0] in made and node.input[0] not in names:
            names[node.input[0]] = node.output[0]
        else:
            kept.append(node)
    for node in kept:
        for field in (node.input, node.output):
            field[:] = [names.get(name, name) for name in field]
    return kept
