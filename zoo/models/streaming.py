"""Streams: a causal model that reads one step at a time, at a cost that does not grow with what it has read."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from zoo.backends.compile import compiled, program
from zoo.errors import InputError

STEPS = "steps"
"""Name of the number of steps taken, among the arrays of a state."""
CHUNK = 64
"""Most steps that one compiled call of ``Stream.prefill`` takes."""


class Stream:
    """Some rows of input that go on and on, and what a causal model says at each of their steps.

    Args:
        model: A causal ``Backbone`` or ``NextStepModel``. Its ``step`` is compiled once, for all streams.
        batch_size: Rows that are read side by side.

    Attributes:
        state: All that the model keeps of what it has read: nested tuples of tensors, the rows first.
        steps: Steps that each row has taken, ``(batch,)``.

    Raises:
        InputError: The model is not causal, or there is no row.

    Example:
        >>> import zoo
        >>> from zoo.models.streaming import Stream
        >>> stream = Stream(zoo.create_model("gru_tiny", vocab_size=9), 2)
        >>> output = stream.step([3, 7])
        >>> stream.steps.tolist()
        [1, 1]
    """

    def __init__(self, model: Any, batch_size: int):
        if batch_size < 1:
            raise InputError(f"a stream of {batch_size} rows: give at least 1")
        self.model = model
        self.backbone = getattr(model, "backbone", model)
        self.batch_size = batch_size
        try:
            self.state = model.initial_state(batch_size)
        except ValueError as error:
            raise InputError(f"{error}: build the model causal, or in one direction") from None
        self.steps = np.zeros(batch_size, "int64")
        self._step, self._prefill = program(model, _compiled_steps)

    def step(self, x: Any) -> np.ndarray:
        """Read one step of every row.

        Args:
            x: Token ids ``(batch,)``, or features ``(batch, features)``.

        Returns:
            What the model gives for this step, ``(batch, outputs)``: the same as it would give at
            this place of the whole sequence.

        Raises:
            InputError: Another shape, another number of rows, an id that there is not, a number that is not finite;
                or a row is at the end of learned positions. The state stays as it was.
        """
        x = self._checked(x)
        y, self.state = self._step(x, self.state)
        self.steps += 1
        return ops.convert_to_numpy(y)

    def prefill(self, x: Any) -> np.ndarray:
        """Read several steps of every row: what as many calls of ``step`` would, with a call for each 64 of them.

        A call of its own costs several times what a step computes; and all models but the recurrent ones and those
        with a gate compute the steps of a call side by side. The first reading of a length compiles for its chunks
        of 64, 32, 16, ... 1 steps; there are no others.

        Args:
            x: Token ids ``(batch, time)``, or features ``(batch, time, features)``; at least one step.

        Returns:
            What the model gives for these steps, ``(batch, time, outputs)``.

        Raises:
            InputError: As for ``step``, or there is no step. The state stays as it was.
        """
        x = self._checked(x, several=True)
        outputs = []
        while x.shape[1]:
            count = min(CHUNK, 1 << (x.shape[1].bit_length() - 1))
            y, self.state = self._prefill(x[:, :count], self.state)
            self.steps += count
            outputs.append(ops.convert_to_numpy(y))
            x = x[:, count:]
        return np.concatenate(outputs, axis=1)

    def _checked(self, x: Any, several: bool = False) -> np.ndarray:
        """Returns a step, or several, as the model takes it, or raises an InputError."""
        x = np.asarray(ops.convert_to_numpy(x))
        features, vocab_size = self.backbone.features, self.backbone.vocab_size
        given = "steps of" if several else "a step of"
        last = () if features is None else (features,)
        if (
            x.shape != (self.batch_size, *x.shape[1 : 1 + several], *last)
            or x.ndim != 1 + several + len(last)
            or not x.size
        ):
            what = "token ids" if features is None else "features"
            shape = str((self.batch_size, *["time"] * several, *last)).replace("'", "")
            raise InputError(f"{given} shape {x.shape}: this stream takes {what} {shape}")
        count, max_length = x.shape[1] if several else 1, self.backbone.max_length
        if max_length is not None and self.steps.max() + count > max_length:
            row = int(self.steps.argmax())
            raise InputError(
                f"row {row} has taken {self.steps[row]} steps, and the model's learned positions end at {max_length}:"
                " reset it, or build with a larger context or rotary positions"
            )
        if features is not None:
            if x.dtype.kind not in "fiub":
                raise InputError(f"{given} {x.dtype}: give numbers")
            x = x.astype("float32")
            if not np.isfinite(x).all():
                raise InputError(f"{given} numbers that are not finite: what is kept of the row would stay so")
            return x
        if x.dtype.kind not in "iu":
            raise InputError(f"{given} {x.dtype}: give token ids, whole numbers")
        # Of the few ids of a step Python finds the least sooner than NumPy: that was a tenth of a small model's step.
        ids = x.ravel().tolist()
        low, high = min(ids), max(ids)
        if low < 0 or high >= vocab_size:
            raise InputError(f"token id {low if low < 0 else high}: give 0 to {vocab_size - 1}")
        return x.astype("int32")

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Let rows begin again, as if they had read nothing.

        Args:
            rows: Numbers of the rows; ``None`` means all.

        Raises:
            InputError: There is no such row.
        """
        chosen = np.arange(self.batch_size) if rows is None else np.array([operator.index(row) for row in rows], int)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < self.batch_size):
            raise InputError(f"rows {list(chosen)}: give numbers from 0 to {self.batch_size - 1}")
        fresh = self.model.initial_state(self.batch_size)

        def renewed(now, new):
            values = np.array(ops.convert_to_numpy(now))
            values[chosen] = ops.convert_to_numpy(new)[chosen]
            return ops.convert_to_tensor(values)

        self.state = tree.map_structure(renewed, self.state, fresh)
        self.steps[chosen] = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns copies of state and steps by name, as ``safetensors.numpy.save_file`` takes them."""
        named = {f"state/{i}": np.array(ops.convert_to_numpy(x)) for i, x in enumerate(tree.flatten(self.state))}
        return {**named, STEPS: self.steps.copy()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up what ``arrays`` returned, of this stream or of another with as many rows of the same model.

        Raises:
            InputError: An array is missing, of another shape or dtype, or unknown. The state stays as it was.
        """
        mine = self.arrays()
        for name in sorted({*mine, *arrays}):
            if name not in arrays or name not in mine:
                wrong = "missing" if name in mine else "unknown"
                raise InputError(f"{name}: {wrong}: give what a stream of the same model returned as arrays")
            found, due = (f"{x.dtype} {x.shape}" for x in (arrays[name], mine[name]))
            if found != due:
                raise InputError(f"{name} is {found}, not {due}: it is of another model or number of rows")
        leaves = [ops.convert_to_tensor(arrays[f"state/{i}"]) for i in range(len(mine) - 1)]
        self.state = tree.pack_sequence_as(self.state, leaves)
        self.steps = np.array(arrays[STEPS])


def _compiled_steps(model):
    """Returns ``model.step`` and ``model.extend``, both compiled."""
    if keras.backend.backend() == "tensorflow":
        return _graphs(model.step), _graphs(model.prefill)
    return compiled(model, model.step, rank=None), compiled(model, model.prefill, rank=None)


def _graphs(function):
    """Returns a function of steps and a state as TensorFlow's graphs, one for each shape of the steps.

    ``tf.function`` compares each tensor of a nested state with what the graph takes, every time: that took up to
    three times as long as the step itself. Here the graph gets one flat list.
    """
    import tensorflow as tf

    graphs = {}

    def run(x, state):
        leaves = tree.flatten(state)
        if x.shape not in graphs:
            flat = tf.function(lambda x, *leaves: tree.flatten(function(x, tree.pack_sequence_as(state, list(leaves)))))
            graph = flat.get_concrete_function(*(tf.TensorSpec(value.shape, value.dtype) for value in (x, *leaves)))
            graphs[x.shape] = graph, graph.captured_inputs, [output.dtype for output in graph.outputs]
        graph, weights, dtypes = graphs[x.shape]
        y, *leaves = tf.raw_ops.StatefulPartitionedCall(args=[x, *leaves, *weights], Tout=dtypes, f=graph)
        return y, tree.pack_sequence_as(state, leaves)

    return run
