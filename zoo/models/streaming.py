"""Streams: run a causal model one step at a time, at a cost that does not grow with the number of steps."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from zoo.backends.compile import compiled, program
from zoo.errors import InputError

STEPS = "steps"
"""Name of the step counts among the arrays of a state."""
CHUNK = 64
"""Maximum steps per compiled call of ``Stream.prefill``."""


class Stream:
    """A batch of streams, and the outputs of a causal model at each step.

    Args:
        model: A causal ``Backbone`` or ``NextStepModel``. Its ``step`` is compiled once, for all streams.
        batch_size: Number of rows that are read in parallel.

    Attributes:
        state: The model's state: nested tuples of tensors, batch first.
        steps: Number of steps that each row has read, ``(batch,)``.

    Raises:
        InputError: The model is not causal, or ``batch_size`` is below 1.

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
            The model's output for this step, ``(batch, outputs)``. It equals the output at this position of the whole
            sequence.

        Raises:
            InputError: The shape or the number of rows is wrong, an id is unknown, a number is not finite, or a row is
                at the end of learned positions. The state does not change.
        """
        x = self._checked(x)
        y, self.state = self._step(x, self.state)
        self.steps += 1
        return ops.convert_to_numpy(y)

    def prefill(self, x: Any) -> np.ndarray:
        """Read several steps of every row, as that many calls of ``step`` do, with one call per 64 steps.

        A call costs several times the computation of a step. All models except the recurrent ones and those with a gate
        compute the steps of a call in parallel. The first use of a length compiles for its chunks of 64, 32, 16, ... 1
        steps; there are no other chunk sizes.

        Args:
            x: Token ids ``(batch, time)``, or features ``(batch, time, features)``; at least one step.

        Returns:
            The model's outputs for these steps, ``(batch, time, outputs)``.

        Raises:
            InputError: As for ``step``, or there is no step. The state does not change.
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
        """Returns one or several steps in the form that the model takes, or raises an InputError."""
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
                raise InputError(f"{given} numbers that are not finite: they would stay in the state of the row")
            return x
        if x.dtype.kind not in "iu":
            raise InputError(f"{given} {x.dtype}: give token ids, whole numbers")
        # For the few ids of a step, Python finds the minimum faster than NumPy: a tenth of a small model's step.
        ids = x.ravel().tolist()
        low, high = min(ids), max(ids)
        if low < 0 or high >= vocab_size:
            raise InputError(f"token id {low if low < 0 else high}: give 0 to {vocab_size - 1}")
        return x.astype("int32")

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Start rows anew, as if they had read nothing.

        Args:
            rows: Indices of the rows; ``None`` means all.

        Raises:
            InputError: A row does not exist.
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
        """Returns copies of state and steps by name, in the form of ``safetensors.numpy.save_file``."""
        named = {f"state/{i}": np.array(ops.convert_to_numpy(x)) for i, x in enumerate(tree.flatten(self.state))}
        return {**named, STEPS: self.steps.copy()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what ``arrays`` returned, of this stream or of another one with the same model and batch size.

        Raises:
            InputError: An array is missing, unknown, or has another shape or dtype. The state does not change.
        """
        ours = self.arrays()
        for name in sorted({*ours, *arrays}):
            if name not in arrays or name not in ours:
                wrong = "missing" if name in ours else "unknown"
                raise InputError(f"{name}: {wrong}: give what a stream of the same model returned as arrays")
            shape, expected = (f"{x.dtype} {x.shape}" for x in (arrays[name], ours[name]))
            if shape != expected:
                raise InputError(f"{name} is {shape}, not {expected}: it is of another model or number of rows")
        leaves = [ops.convert_to_tensor(arrays[f"state/{i}"]) for i in range(len(ours) - 1)]
        self.state = tree.pack_sequence_as(self.state, leaves)
        self.steps = np.array(arrays[STEPS])


def _compiled_steps(model):
    """Returns ``model.step`` and ``model.prefill``, both compiled."""
    if keras.backend.backend() == "tensorflow":
        return _graphs(model.step), _graphs(model.prefill)
    return compiled(model, model.step, rank=None), compiled(model, model.prefill, rank=None)


def _graphs(function):
    """Returns a function of steps and a state that runs a TensorFlow graph per shape of the steps.

    ``tf.function`` compares each tensor of a nested state with the signature of the graph in every call. This took up
    to three times as long as the step itself. Here the graph takes one flat list.
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
