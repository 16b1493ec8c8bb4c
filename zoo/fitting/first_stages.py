"""What a pretrained model of texts does before its training: read the domain's texts, and fit a linear head.

The weights and choices that result are part of the run's state, so that a resumed run does not repeat them.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from zoo.backends.seeding import seed_everything
from zoo.errors import InputError
from zoo.fitting import transfer
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.few_rows import VERY_FEW_ROWS, FewRows, cross_validate
from zoo.fitting.start import Start
from zoo.training.state import STATE, read_state, write_state

LANGUAGE_MODEL, LINEAR_HEAD = "language_model", "linear_head"  # folders in that of an unfinished run


@dataclasses.dataclass(frozen=True)
class FirstStages:
    """The result of the stages before the training.

    Attributes:
        weights: Weights by path with which the training starts.
        few_rows: How to train on few rows; ``None`` for many.
    """

    weights: dict[str, np.ndarray]
    few_rows: FewRows | None


def run(
    start: Start, unlabelled: Any, folder: Path | None, resume: bool, ngrams: bool, callbacks: Callbacks
) -> FirstStages:
    """Run the stages, which set the weights of the pipeline.

    Args:
        start: The prepared start, with a pretrained model of texts.
        unlabelled: More texts for a language model; see ``transfer.read_unlabelled``.
        folder: Folder of the unfinished run, if any.
        resume: Whether to resume the reading of the language model.
        ngrams: Whether a linear model on n-grams may be added after the training.
        callbacks: Functions to call.

    Raises:
        InputError: The unlabelled texts cannot be read.
    """
    pipeline, (train, validation, _), config = start.pipeline, start.parts, start.training_config
    source, few_rows = pipeline, None
    if start.language_model is not None:
        source, domain = transfer.domain_trainer(
            start.language_model,
            start.parts,
            unlabelled,
            config,
            folder and folder / LANGUAGE_MODEL,
            callbacks.on_message,
        )
        domain.on_epoch, domain.on_step = callbacks.on_epoch, callbacks.on_step
        if resume:
            domain.load()
        domain.run()
    transfer.start_from(source, pipeline, train, config.seed)
    if start.few_rows:
        few_rows = FewRows()
        if len(train) >= VERY_FEW_ROWS:
            few_rows = cross_validate(source, pipeline, train, validation, config, ngrams)
            callbacks.on_message(few_rows.line())
    seed_everything(config.seed)
    result = FirstStages(pipeline.tensors(), few_rows)
    if folder:
        write_state(folder / LINEAR_HEAD, result.weights, {"losses": few_rows and few_rows.losses})
    return result


def read(folder: Path) -> FirstStages:
    """Returns the result of the stages of an interrupted run.

    Raises:
        InputError: The folder does not have it.
    """
    state = read_state(folder / LINEAR_HEAD)
    if state is None:
        raise InputError(f"{folder}: {LINEAR_HEAD}/{STATE} is missing: delete the folder to start over")
    losses = state[1]["losses"]
    return FirstStages(state[0], None if losses is None else FewRows(tuple(losses)))
