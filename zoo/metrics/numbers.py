"""Metrics of predicted numbers: mean absolute error, and the share of explained variance."""

from collections.abc import Sequence

import numpy as np

from zoo.errors import InputError
from zoo.metrics.intervals import Interval, _interval, mean_per_step

_LEAST = 1e-12  # lower bound of a variance in a division


def regression_metrics(outputs: Sequence[float], references: Sequence[float]) -> dict[str, Interval]:
    """Compute the errors of predicted numbers.

    Args:
        outputs: Predicted number per example.
        references: True number per example.

    Returns:
        ``mae``, the mean absolute error, in the unit of the numbers; ``rmse``, the root of the mean squared error; and
        ``r2``, the coefficient of determination: 1 minus the squared error divided by that of the mean of the
        references. ``r2`` is 0 for a model that always predicts this mean, and has no lower bound.

    Raises:
        InputError: There is no example, or the lengths differ.

    Example:
        >>> values = regression_metrics([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
        >>> round(values["mae"].value, 3), round(values["r2"].value, 3)
        (0.667, 0.538)
    """
    if len(outputs) != len(references) or not len(outputs):
        raise InputError(f"{len(outputs)} answers for {len(references)} examples: give one per example, at least one")
    predicted, true = np.array(outputs, float), np.array(references, float)
    errors = predicted - true
    ones = np.ones(len(errors))
    squares = errors**2
    centred = true - true.mean()  # sums of squares lose digits far from zero

    def r2(counts: np.ndarray) -> np.ndarray:
        size = counts.sum(axis=-1)
        spread = counts @ centred**2 - (counts @ centred) ** 2 / size
        return 1 - (counts @ squares) / np.maximum(spread, _LEAST)

    def rmse(counts: np.ndarray) -> np.ndarray:
        return np.sqrt(counts @ squares / counts.sum(axis=-1))

    values = {"mae": mean_per_step(np.abs(errors), ones), "rmse": _interval(ones, rmse)}
    # Equal references have no variance to explain.
    return values | ({"r2": _interval(ones, r2)} if centred.any() else {})
