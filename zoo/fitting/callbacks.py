"""Callbacks of a training run."""

import dataclasses
from collections.abc import Callable
from typing import Any

from zoo.evaluation.report import Report


def _ignore(*arguments: Any) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class Callbacks:
    """Functions that a training run calls.

    Attributes:
        on_message: Called with a note for the user.
        on_epoch: Called with a dict after each epoch.
        on_step: Called with (step, total steps, loss) after each step.
        on_evaluated: Called with the report of the test part.

    Example:
        >>> import zoo
        >>> losses = []
        >>> callbacks = zoo.Callbacks(on_step=lambda step, total, loss: losses.append(loss))
        >>> callbacks.on_step(1, 10, 0.5)
        >>> losses
        [0.5]
    """

    on_message: Callable[[str], None] = _ignore
    on_epoch: Callable[[dict[str, Any]], None] = _ignore
    on_step: Callable[[int, int, float], None] = _ignore
    on_evaluated: Callable[[Report], None] = _ignore


SILENT = Callbacks()
"""Callbacks that do nothing."""
