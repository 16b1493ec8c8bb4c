"""Forecasts of series by what runs a forecaster: Keras or ONNX Runtime. Needs NumPy only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import InputError, located
from zoo.inference.bands import ORIGINS, factors, scaled
from zoo.limits import MAX_HORIZON
from zoo.preprocessing.patches import PATCH, ForecastPreprocessor, encode, right_aligned

QUANTILES = 9
"""Number of quantiles, from 0.1 to 0.9."""
_CHUNK = 16
"""Steps ahead per position."""
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

    The model also forecasts from earlier patches of each series. How well these bands covered what followed scales the
    band (``zoo.inference.bands``).

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
    last = time // PATCH - 1
    earlier = np.arange(last - 1, max(last - 1 - ORIGINS, -1), -1)
    checked = np.linspace(1, min(horizon, BLOCK), _CHUNK).round().astype(int)
    parts, factor = [], np.ones(batch)
    for start in range(0, horizon, BLOCK):
        count = min(BLOCK, horizon - start)
        padded = max(_CHUNK, 1 << (count - 1).bit_length())
        steps = np.arange(start + 1, start + padded + 1).reshape(-1, _CHUNK)
        chunks = len(steps)
        places = np.full(chunks, last)
        if not start:
            steps = np.concatenate([steps, np.broadcast_to(checked, (len(earlier), _CHUNK))])
            places = np.concatenate([places, earlier])
        encoded = encode(values[rows], periods[rows], np.broadcast_to(places, (size, len(places))), steps)
        out = run(encoded.inputs())[:batch].astype("float64")
        if not start and len(earlier):
            actual = _followed(values, earlier, checked)
            scale = encoded.scale[:batch, chunks:, None]
            distance = (actual - encoded.anchor[:batch, chunks:, None]) / np.where(scale > 0, scale, np.nan)
            factor = factors(out[:, chunks:], distance)
        quantiles = scaled(out[:, :chunks].reshape(batch, padded, QUANTILES)[:, :count], factor)
        parts.append(encoded.anchor[:batch, :1, None] + encoded.scale[:batch, :1, None] * quantiles)
    # The sum with a large last value may round two quantiles in different directions.
    return np.maximum.accumulate(np.concatenate(parts, axis=1), axis=-1)


def _followed(values: np.ndarray, patches: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns the values some steps after patches, ``(batch, patches, steps)``; NaN where there is none.

    A patch before which a series has fewer than ``PATCH`` values has none.
    """
    ends = patches * PATCH + PATCH - 1
    index = ends[:, None] + steps
    result = np.where(index < values.shape[1], values[:, np.minimum(index, values.shape[1] - 1)], np.nan)
    known = np.cumsum(np.isfinite(values), axis=1)[:, ends]
    return np.where((known >= PATCH)[..., None], result, np.nan)


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
