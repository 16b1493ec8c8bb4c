"""Common parts of tasks that predict the next step of a sequence."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import InputError, located
from zoo.models import registry
from zoo.models.heads import NextStepModel
from zoo.tasks.task import Task
from zoo.training.batching import by_length

STEPS = 8_192  # maximum steps of a batch, including padding, because memory of attention is quadratic in the length


@dataclasses.dataclass(frozen=True)
class Steps:
    """Inputs and targets of sequences, step by step.

    Attributes:
        name: Name of the backbone's input, ``"tokens"`` or ``"features"``.
        inputs: Ids ``(time,)`` or features ``(time, features)`` per sequence.
        targets: Target per step, ``(time, ...)``, in the form of the task's loss.
        places: Scored steps, if not all are scored.
        start: Input before the first step of a sequence, if any.
    """

    name: str
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    places: list[np.ndarray]
    start: Any = None


class NextStep(Task):
    """A causal backbone with a head that predicts the next step.

    Padding is at the end of sequences, where no causal position reads it, so no mask is needed.
    """

    options = {"probabilities": False}
    validation = {}
    has_correct_answer = False
    layout = "inputs"
    head_dropout: float

    def architecture(self, name):
        return registry.find_backbone(name)

    @abc.abstractmethod
    def outputs(self, preprocessor) -> int:
        """Returns the number of logits per step."""

    @property
    def head(self):
        return {"output_dim": None, "head_dropout": self.head_dropout}

    def head_sizes(self, preprocessor):
        return {"output_dim": self.outputs(preprocessor)}

    def create(self, architecture, config, *, output_dim, head_dropout, tied=False):
        if not config.causal:
            field = "bidirectional=false" if hasattr(config, "bidirectional") else "causal=true"
            raise InputError(f"{self.name} needs a causal {architecture.name}: set {field}")
        backbone = architecture.build(config)
        if tied and backbone.embedding_dim != backbone.hidden_dim:
            raise InputError(f"{architecture.name}: a tied output layer needs an embedding as wide as the output")
        return NextStepModel.around(backbone, output_dim, head_dropout, tied)

    def encode(self, preprocessor, examples, min_length: int) -> list[np.ndarray]:
        """Returns every input encoded (raises InputError with the location of an invalid or too short one)."""
        rows = []
        for sequence, location in zip(examples.inputs, examples.locations, strict=True):
            with located(location):
                rows.append(preprocessor.encode_input(sequence))
            if len(rows[-1]) < min_length:
                raise InputError(
                    f"{location}: {len(rows[-1])} steps, too few to predict one from another: give {min_length}"
                )
        return rows

    @abc.abstractmethod
    def steps(self, preprocessor, examples) -> Steps:
        """Returns examples for the memory probe (raises InputError as ``encode`` does)."""

    def transfer_weights(self, base, fresh):
        return base.tensors()


def in_batches(
    rows: list[np.ndarray],
    batch_size: int,
    function: Callable,
    on_step: Callable[[int], None] = lambda count: None,
    dtype: str = "int32",
) -> list[np.ndarray]:
    """Run a compiled function over rows of similar length, padded to few shapes.

    Args:
        rows: Arrays ``(time, ...)``.
        batch_size: Maximum rows per batch; batches of long rows are smaller.
        function: Maps ``(batch, padded time, ...)`` to a NumPy array ``(batch, ...)``.
        on_step: Called with the number of finished rows.
        dtype: Dtype of the function's input.

    Returns:
        The function's output per row, in the order of the rows.
    """
    results: list[np.ndarray] = [np.zeros(0)] * len(rows)
    for chosen, length, padded_batch_size in by_length([len(row) for row in rows], batch_size, STEPS):
        batch = np.zeros((padded_batch_size, length, *rows[0].shape[1:]), dtype)
        for place, i in enumerate(chosen):
            batch[place, : len(rows[i])] = rows[i]
        for i, result in zip(chosen, function(batch), strict=False):
            results[i] = result
        on_step(len(chosen))
    return results
