"""A model of a comparison."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from zoo.metrics.intervals import Interval

TIMED = 20  # inputs timed for the latency


@dataclasses.dataclass(frozen=True)
class Row:
    """One model of a comparison.

    Attributes:
        model: Name of the checkpoint or sized architecture.
        values: Scores on the common test part, with 95 % intervals.
        parameters: Number of weights.
        epochs: Trained epochs.
        seconds: Training time.
        latency: Median milliseconds for a single input, without the first.
        difference: Main score minus the best model's, with a paired bootstrap interval
            (``zoo.metrics.intervals.difference``); ``None`` for the best.
    """

    model: str
    values: dict[str, Interval]
    parameters: int
    epochs: int
    seconds: float
    latency: float
    difference: Interval | None


def median_time(answer: Callable[[Any], Any], inputs: list[Any]) -> float:
    """Returns the median time of a prediction in milliseconds, after the first."""
    times = []
    for value in (inputs * TIMED)[: TIMED + 1]:
        start = time.perf_counter()
        answer(value)
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times[1:])[len(times[1:]) // 2]
