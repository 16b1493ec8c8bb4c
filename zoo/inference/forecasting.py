"""Forecasts of series by what runs a forecaster: Keras or ONNX Runtime. Needs NumPy only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import InputError, located
from zoo.limits import MAX_HORIZON
from zoo.preprocessing.patches import PATCH, ForecastPreprocessor, encode, right_aligned

QUANTILES = 9
"""Number of quantiles, from 0.1 to 0.9."""
BLOCK = 256
"""Most steps ahead of a run of the model; further ones take further runs."""
_PATCHES = (4, 16, 64)
"""Padded numbers of patches: each new shape costs a compilation."""

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Maps the inputs of a ``Forecaster`` to its output."""


def forecast_series(
    run: Run,
    preprocessor: ForecastPreprocessor,
    inputs: Sequence[Any],
    horizon: int,
    periods: Any,
    batch_size: int = 256,
    on_step: Callable[[int], None] = lambda count: None,
) -> list[np.ndarray]:
    """Returns the quantiles of the next values per series, ``(horizon, 9)`` float64, ascending per step.

    Args:
        run: The model.
        preprocessor: Its preprocessor.
        inputs: Series of numbers, NaN or None where missing.
        horizon: Number of steps ahead.
        periods: Steps of a season: one number for all, or one or None per series; None infers it from the values.
        batch_size: Series per batch.
        on_step: Called with the number of finished series.

    Raises:
        InputError: A series has no value or an infinite one, or an option is out of range.
    """
    if not 1 <= horizon <= MAX_HORIZON:
        raise InputError(f"horizon {horizon}: give 1 to {MAX_HORIZON:,} steps")
    rows = []
    for i, values in enumerate(inputs):
        with located(f"series {i + 1}"):
            rows.append(preprocessor.encode_input(values)[-preprocessor.context :])
    given = _one_per_series(periods, len(rows))
    chosen = [preprocessor.period(values, period) for values, period in zip(rows, given, strict=True)]
    results = [np.zeros((horizon, QUANTILES)) for _ in rows]
    varied = []
    for i, values in enumerate(rows):
        if np.nanmin(values) == np.nanmax(values):
            results[i][:] = np.nanmax(values)
            on_step(1)
        else:
            varied.append(i)
    for part, patches in _grouped([len(rows[i]) for i in varied], batch_size):
        indices = [varied[j] for j in part]
        values = right_aligned([rows[i] for i in indices], patches)
        quantiles = forecast(run, values, np.array([chosen[i] for i in indices]), horizon)
        for i, result in zip(indices, quantiles, strict=True):
            results[i] = result
        on_step(len(indices))
    return results


def forecast(run: Run, values: np.ndarray, periods: np.ndarray, horizon: int) -> np.ndarray:
    """Returns quantiles of the next values, ``(batch, horizon, 9)``, ascending per step.

    Args:
        run: The model.
        values: ``(batch, patches * PATCH)``, right-aligned, NaN where missing and before the start.
        periods: ``(batch,)``.
        horizon: Number of steps ahead.
    """
    batch, time = values.shape
    size = 1 << (batch - 1).bit_length()
    # Repeat rows up to a power of two, because each new shape costs a compilation.
    rows = np.minimum(np.arange(size), batch - 1)
    positions = np.full((size, 1), time // PATCH - 1)
    parts = []
    for start in range(0, horizon, BLOCK):
        count = min(BLOCK, horizon - start)
        padded = max(16, 1 << (count - 1).bit_length())
        encoded = encode(values[rows], periods[rows], positions, np.arange(start + 1, start + padded + 1))
        out = run(encoded.inputs())[:batch, 0, :count].astype("float64")
        parts.append(encoded.anchor[:batch, :, None] + encoded.scale[:batch, :, None] * out)
    # The sum with a large last value may round two quantiles in different directions.
    return np.maximum.accumulate(np.concatenate(parts, axis=1), axis=-1)


def _one_per_series(periods: Any, count: int) -> Sequence[Any]:
    if periods is None or isinstance(periods, int | np.integer | str | float):
        return [periods] * count
    if len(periods) != count:
        raise InputError(f"periods: {len(periods)} for {count} series: give one per series, or one for all")
    return list(periods)


def _grouped(lengths: Sequence[int], batch_size: int) -> Iterator[tuple[list[int], int]]:
    """Yield the indices of series of similar length, and their padded number of patches."""
    needed = [-(-length // PATCH) for length in lengths]
    padded = [next((edge for edge in _PATCHES if edge >= count), count) for count in needed]
    for patches in sorted(set(padded)):
        chosen = [i for i, edge in enumerate(padded) if edge == patches]
        for start in range(0, len(chosen), batch_size):
            yield chosen[start : start + batch_size], patches
