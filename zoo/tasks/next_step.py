"""What tasks share that ask, at every step of a sequence, what comes next."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import InputError
from zoo.models import registry
from zoo.models.heads import NextStepModel
from zoo.tasks.task import Task
from zoo.training.batching import by_length

STEPS = 8_192  # of a batch that is scored, including padding: attention takes memory for the square of a length


@dataclasses.dataclass(frozen=True)
class Steps:
    """Sequences step by step: what a model reads, and what it should say there.

    Attributes:
        name: ``"tokens"`` or ``"features"``, as the backbone's inputs are called.
        inputs: For each sequence ids ``(time,)`` or features ``(time, features)``.
        targets: What should be said at each step, ``(time, ...)``, as the task's loss takes it.
        places: The steps that count, where not all do.
        start: What the model reads before the first step that it sees of a sequence, if it does.
    """

    name: str
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    places: list[np.ndarray]
    start: Any = None


class NextStep(Task):
    """A causal backbone and a head that says what comes next.

    Sequences are padded behind their end only, where no causal position looks: no mask is needed.
    """

    options = {"probabilities": False}
    validation = {}
    has_correct_answer = False
    head_dropout: float

    def architecture(self, name):
        return registry.find_backbone(name)

    @abc.abstractmethod
    def outputs(self, preprocessor) -> int:
        """Returns the number of logits of a step."""

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
        """Returns every input encoded (raises InputError with the location of one that is no good or too short)."""
        rows = []
        for sequence, location in zip(examples.inputs, examples.locations, strict=True):
            try:
                rows.append(preprocessor.encode_input(sequence))
            except InputError as error:
                raise InputError(f"{location}: {error}") from None
            if len(rows[-1]) < min_length:
                raise InputError(
                    f"{location}: {len(rows[-1])} steps, too few to predict one from another: give {min_length}"
                )
        return rows

    @abc.abstractmethod
    def steps(self, preprocessor, examples) -> Steps:
        """Returns examples as they are probed (raises InputError as ``encode`` does)."""

    def transfer_weights(self, base, fresh):
        return base.tensors()


def in_batches(
    rows: list[np.ndarray],
    batch_size: int,
    function: Callable,
    on_step: Callable[[int], None] = lambda count: None,
    dtype: str = "int32",
) -> list[np.ndarray]:
    """Run a compiled function over rows of about the same length, padded to few shapes.

    Args:
        rows: Each ``(time, ...)``.
        batch_size: Maximum rows of a batch; long rows make smaller ones.
        function: Maps ``(batch, padded time, ...)`` to a NumPy array ``(batch, ...)``.
        on_step: Called with the number of rows just done.
        dtype: Type of what the function takes.

    Returns:
        What the function made of each row, in the order of the rows.
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
