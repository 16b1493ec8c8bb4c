"""Batches of series without gaps."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rows:
    """A batch of series without gaps.

    Attributes:
        x: ``(batch, time)``.
        known: ``(batch, time)``, true at observed values.
        start: ``(batch,)``, first observed index.
        period: ``(batch,)``, at least 1.

    Example:
        >>> rows = Rows(np.array([[1.0, 2.0]]), np.ones((1, 2), bool), np.array([0]), np.array([1]))
        >>> rows.at(np.array([[1, 0]])).tolist()
        [[2.0, 1.0]]
    """

    x: np.ndarray
    known: np.ndarray
    start: np.ndarray
    period: np.ndarray

    def at(self, index: np.ndarray, array: np.ndarray | None = None) -> np.ndarray:
        """Returns values at ``index (batch, ...)``; indices below 0 read index 0."""
        array = self.x if array is None else array
        flat = np.maximum(index, 0).reshape(len(index), -1)
        return np.take_along_axis(array, flat, axis=1).reshape(index.shape)


def column(values: np.ndarray, rank: int) -> np.ndarray:
    """Returns ``(batch,)`` with axes of size 1 up to ``rank``."""
    return values.reshape(-1, *[1] * (rank - 1))
