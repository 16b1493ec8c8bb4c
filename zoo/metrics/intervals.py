"""Metrics: means and ratios over examples, each with a 95 % confidence interval."""

import dataclasses
from collections.abc import Sequence

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
    # Group equal examples and draw counts of groups; counts of errors have few distinct values.
    kinds, counts = np.unique(np.stack([numerator, denominator]), axis=1, return_counts=True)
    return _interval(counts, lambda counts: counts @ kinds[0] / np.maximum(counts @ kinds[1], _EPSILON))


def _none_wrong(size: int) -> Interval:
    """Returns a share of 1 with its exact interval.

    Clopper & Pearson 1934, Biometrika 26. The bound also holds for metrics over parts of examples, because all parts of
    a wrong example may be wrong.
    """
    return Interval(1.0, float(0.025 ** (1 / size)), 1.0)


def difference(ours: Counts, others: Counts) -> Interval:
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
    if ours.name != others.name or len(ours.numerator) != len(others.numerator):
        raise InputError(
            f"{ours.name} of {len(ours.numerator)} and {others.name} of {len(others.numerator)} examples:"
            " only the same metric of the same examples can be compared"
        )
    stacked = np.stack([ours.numerator, ours.denominator, others.numerator, others.denominator])
    kinds, counts = np.unique(stacked, axis=1, return_counts=True)

    def value(counts: np.ndarray) -> np.ndarray:
        numerator, denominator, other_numerator, other_denominator = (counts @ kind for kind in kinds)
        return numerator / np.maximum(denominator, _EPSILON) - other_numerator / np.maximum(other_denominator, _EPSILON)

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
