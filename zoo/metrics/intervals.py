"""Metrics: means and ratios over examples, each with a 95 % confidence interval."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from zoo.errors import InputError

_RESAMPLES = 1000
_DRAWN_AT_ONCE = 10_000_000  # maximum counts in memory at once
_EPSILON = 1e-9  # divides where there is nothing to count, for example in a resample without spans


@dataclasses.dataclass(frozen=True)
class Interval:
    """A metric and its 95 % bootstrap interval.

    Attributes:
        value: The metric over all examples. It is a share (0.2 is 20 %) unless it is in
            ``zoo.checkpoints.scores.NO_SHARES``.
        low: The 2.5th percentile of the metric over resamples; the exact bound if all examples are correct, or all
            wrong.
        high: The 97.5th percentile, or the exact bound.

    Example:
        >>> interval = Interval(0.2, 0.1, 0.3)
        >>> interval.low <= interval.value <= interval.high
        True
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Counts:
    """Numerators and denominators of a metric per example, for paired comparisons of two models.

    Attributes:
        name: Name of the metric, ``sum(numerator) / sum(denominator)``.
        numerator: ``(examples,)``.
        denominator: ``(examples,)``.

    Example:
        >>> import numpy as np
        >>> counts = Counts("accuracy", np.array([1, 0, 1]), np.array([1, 1, 1]))
        >>> counts.name
        'accuracy'
    """

    name: str
    numerator: np.ndarray
    denominator: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Both per example, ``(examples, 2)``."""
        return np.stack([self.numerator, self.denominator], axis=1)

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Returns the metric of each row of sums, ``(rows, 2)``."""
        return sums[:, 0] / np.maximum(sums[:, 1], _EPSILON)


@dataclasses.dataclass(frozen=True)
class SummedCounts:
    """Counts per example of a metric that is a function of their sums, for example of matching n-grams.

    Attributes:
        name: Name of the metric.
        values: ``(examples, counts)``.
        compute: Maps sums ``(rows, counts)`` to the metric of each row.

    Example:
        >>> import numpy as np
        >>> counts = SummedCounts("range", np.array([[3, 1], [2, 1]]), lambda sums: sums[:, 0] - sums[:, 1])
        >>> interval(counts).value
        3.0
    """

    name: str
    values: np.ndarray
    compute: Callable[[np.ndarray], np.ndarray]


def mean_per_step(sums: Sequence[float] | np.ndarray, steps: Sequence[int] | np.ndarray) -> Interval:
    """Returns ``sum(sums) / sum(steps)`` with the bootstrap interval over sequences, or over blocks of a long one.

    Args:
        sums: Sums per sequence, for example of nats.
        steps: Number of steps per sequence.

    Raises:
        InputError: There is no step.

    Example:
        >>> mean_per_step([2.0, 4.0], [1, 2]).value
        2.0
    """
    if not sum(steps):
        raise InputError("no steps: a mean needs at least one")
    return _resampled(np.array(sums), np.array(steps))


def ratio(errors: np.ndarray, lengths: np.ndarray) -> Interval:
    """Returns ``sum(errors) / sum(lengths)`` for counts per example, ``(examples,)`` each.

    If no example has an error, or every example is wrong, all resamples are equal and the bootstrap interval is empty.
    ``_none_wrong`` then bounds the share of such examples.

    Example:
        >>> import numpy as np
        >>> ratio(np.array([1, 0, 0, 1]), np.ones(4)).value
        0.5
    """
    counted = int(np.count_nonzero(lengths))
    if counted and not errors.any():
        return Interval(0.0, 0.0, 1 - _none_wrong(counted).low)
    if counted and np.array_equal(errors, lengths):
        return _none_wrong(counted)
    return _resampled(errors, lengths)


def _resampled(numerator: np.ndarray, denominator: np.ndarray) -> Interval:
    return interval(Counts("", numerator, denominator))


def interval(counts: Counts | SummedCounts) -> Interval:
    """Returns a metric with its bootstrap interval over examples.

    Example:
        >>> import numpy as np
        >>> interval(Counts("accuracy", np.array([1, 0, 1, 1]), np.ones(4))).value
        0.75
    """
    # Group equal examples and draw counts of groups; counts of errors have few distinct values.
    kinds, sizes = np.unique(counts.values, axis=0, return_counts=True)
    return _interval(sizes, lambda sizes: counts.compute(sizes @ kinds))


def _none_wrong(size: int) -> Interval:
    """Returns a share of 1 with its exact interval.

    Clopper & Pearson 1934, Biometrika 26. The bound also holds for metrics over parts of examples, because all parts of
    a wrong example may be wrong.
    """
    return Interval(1.0, float(0.025 ** (1 / size)), 1.0)


def difference(ours: Counts | SummedCounts, others: Counts | SummedCounts) -> Interval:
    """Returns our metric minus the other model's on the same examples, with its interval.

    Both are computed from the same resamples (Koehn 2004, "Statistical Significance Tests for Machine Translation
    Evaluation", section 4). If the same examples are hard for both models, this interval is narrower than the two
    separate intervals suggest.

    Raises:
        InputError: The metrics or the numbers of examples differ.

    Example:
        >>> import numpy as np
        >>> ones = np.ones(4)
        >>> difference(Counts("wer", np.array([1, 0, 0, 0]), ones), Counts("wer", np.array([1, 1, 0, 0]), ones)).value
        -0.25
    """
    if ours.name != others.name or len(ours.values) != len(others.values):
        raise InputError(
            f"{ours.name} of {len(ours.values)} and {others.name} of {len(others.values)} examples:"
            " only the same metric of the same examples can be compared"
        )
    kinds, counts = np.unique(np.concatenate([ours.values, others.values], axis=1), axis=0, return_counts=True)
    ours_end = ours.values.shape[1]

    def value(counts: np.ndarray) -> np.ndarray:
        sums = counts @ kinds
        return ours.compute(sums[:, :ours_end]) - others.compute(sums[:, ours_end:])

    return _interval(counts, value)


def _interval(counts: np.ndarray, value) -> Interval:
    """Returns a metric and its interval by resampling the examples, given as counts of each kind.

    It is the percentile bootstrap of Efron and Tibshirani (1993, chapter 13), with 1,000 resamples and a fixed seed.
    Drawing n examples with replacement draws the counts from a multinomial distribution.

    Args:
        counts: ``(kinds,)``.
        value: Maps ``(resamples, kinds)`` to the metric of each resample.
    """
    size = int(counts.sum())
    generator = np.random.default_rng(0)
    at_once = max(1, _DRAWN_AT_ONCE // len(counts))
    drawn = [
        value(generator.multinomial(size, counts / size, min(at_once, _RESAMPLES - start)))
        for start in range(0, _RESAMPLES, at_once)
    ]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(float(value(counts[None])[0]), float(low), float(high))
