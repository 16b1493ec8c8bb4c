"""Bands of forecasts that cover what they say, by the errors of forecasts from earlier points of the same series.

This is split conformal prediction (Romano et al. 2019, arXiv 1905.03222) with errors in units of the forecast's own
distances (Lei et al. 2018, arXiv 1604.04173). A series has few errors and they depend on each other, so the factor is
shrunk towards 1.
"""

import numpy as np

_MEDIAN = 4
ORIGINS = 12
"""Patches before the last one, after which to forecast the known values that follow."""
_COVERAGE = 0.8
_SHRINKAGE = 4.0
"""Origins for which a factor of 1 counts."""
_RANGE = (0.3, 3.0)


def factors(quantiles: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Returns by how much to multiply the distances of quantiles from the median, ``(batch,)``.

    With the factor, four fifths of the known values would have been between the lowest and the highest quantile.

    Args:
        quantiles: Forecasts from earlier points, ``(batch, origins, steps, 9)``.
        actual: The values, ``(batch, origins, steps)``, in the same units; NaN where there is none.

    Example:
        >>> quantiles = np.broadcast_to(np.linspace(-1, 1, 9), (1, 12, 16, 9))
        >>> factors(quantiles, np.full((1, 12, 16), 0.5)).round(3).tolist()  # too wide
        [0.595]
    """
    error = actual - quantiles[..., _MEDIAN]
    edge = np.where(error > 0, quantiles[..., -1], quantiles[..., 0]) - quantiles[..., _MEDIAN]
    known = np.isfinite(error) & (edge != 0)
    ratio = np.where(known, np.abs(error) / np.where(known, np.abs(edge), 1.0), 0.0)
    # Each origin counts by the share of its steps that are known.
    weights = (known / known.shape[-1]).reshape(len(known), -1)
    ratio = ratio.reshape(weights.shape)
    order = np.argsort(ratio, axis=1)
    cumulated = np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    count = cumulated[:, -1]
    place = (cumulated < _COVERAGE * count[:, None]).sum(axis=1)
    needed = np.take_along_axis(ratio, np.take_along_axis(order, place[:, None], 1), 1)[:, 0]
    logs = np.log(np.clip(np.where(count > 0, needed, 1.0), 1e-3, 1e3)) * count / (count + _SHRINKAGE)
    return np.clip(np.exp(logs), *_RANGE)


def scaled(quantiles: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Returns quantiles ``(batch, steps, 9)``, their distances from the median multiplied by ``factor (batch,)``."""
    median = quantiles[..., _MEDIAN, None]
    return median + (quantiles - median) * factor[:, None, None]
