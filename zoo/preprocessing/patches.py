"""Series as patches of 16 points for a forecaster, each scaled by its own past.

The last patch ends at the last point. Every number of a patch depends on that patch and on earlier ones only, so a
model can learn at every patch without a look ahead. Differences and scales make all numbers independent of the
series' unit, and of its origin but for the candidates of positive series in logarithms.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.candidates import CANDIDATES, Past, candidates, lag_differences, window_mean
from zoo.preprocessing.fields import expect_fields
from zoo.preprocessing.periods import infer_period
from zoo.preprocessing.rows import Rows, column

PATCH = 16
"""Points of a patch."""
CONTEXT = 1_024
"""Points of the history that a model reads."""
MAX_AHEAD = 512
"""Steps ahead, beyond which the step itself is no longer told apart."""
MAX_PERIOD = 10_000
MAX_VALUE = 1e30
_LAGS = (1, 2, 4, 8, 16, 32, 64)
_STATISTICS = 27
STEP_FEATURES = 4
FEATURES = 3 * PATCH + _STATISTICS
"""Numbers of a patch."""
STEP_INPUTS = CANDIDATES + STEP_FEATURES
"""Numbers of a step ahead: the candidates first."""


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Model inputs of a batch, and how to read the outputs.

    Attributes:
        features: ``(batch, patches, FEATURES)``; each row begins with its first patch, with zeros behind its last.
        positions: ``(batch, positions)``, indices of patches.
        steps: ``(batch, positions, steps, STEP_INPUTS)``.
        anchor: ``(batch, positions)``, the last value at each position.
        scale: ``(batch, positions)``, the unit of the outputs at each position; 0 for a constant past.

    Example:
        >>> history = right_aligned([np.arange(20.0)], patches=2)
        >>> encoded = encode(history, np.array([1]), np.array([[1]]), np.array([1, 2, 3]))
        >>> encoded.anchor.tolist(), encoded.steps.shape[2]
        ([[19.0]], 3)
    """

    features: np.ndarray
    positions: np.ndarray
    steps: np.ndarray
    anchor: np.ndarray
    scale: np.ndarray

    def inputs(self) -> dict[str, np.ndarray]:
        """Returns the inputs of the model by name."""
        return {
            "features": self.features.astype("float32"),
            "positions": self.positions.astype("int32"),
            "steps": self.steps.astype("float32"),
        }


def fill(values: np.ndarray, period: np.ndarray) -> Rows:
    """Returns right-aligned series with each gap filled by the value one period before, or else by the last value.

    Args:
        values: ``(batch, time)``, NaN where missing and before the start.
        period: ``(batch,)``.
    """
    known = np.isfinite(values)
    start = np.where(known.any(axis=1), known.argmax(axis=1), values.shape[1])
    x = np.where(known, values, 0.0)
    for row in np.flatnonzero(~(known | (np.arange(values.shape[1]) < start[:, None])).all(axis=1)):
        begin, back = int(start[row]), int(period[row])
        for t in np.flatnonzero(~known[row, begin:]) + begin:
            x[row, t] = x[row, t - back] if t - back >= begin else x[row, t - 1]
    first = np.take_along_axis(x, np.minimum(start, values.shape[1] - 1)[:, None], axis=1)
    return Rows(np.where(np.arange(values.shape[1]) < start[:, None], first, x), known, start, period)


def _log_ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns ``log(a / b)``, in -5..5, and 0 where one is missing."""
    good = np.isfinite(a) & np.isfinite(b) & (b > 0)
    return np.where(good, np.clip(np.log(np.maximum(np.where(good, a / np.where(good, b, 1), 1), 1e-3)), -5, 5), 0.0)


def _describe(rows: Rows, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of every patch, ``(batch, patches, FEATURES)``, and its scale, ``(batch, patches)``.

    Args:
        rows: Series.
        origin: ``(batch,)``, what has been subtracted from each.
    """
    x, start, period = rows.x, rows.start, rows.period
    batch, time = x.shape
    patches = time // PATCH
    ends = np.broadcast_to(np.arange(1, patches + 1) * PATCH - 1, (batch, patches))
    everything = np.full(batch, time)
    width = np.maximum(4 * period, 64)
    sizes = []
    for lag in (*(np.full(batch, lag) for lag in _LAGS), period, 2 * period):
        difference, real = lag_differences(rows, lag)
        sizes.append((np.abs(difference), real))
    lags = [window_mean(size, real, ends, width) for size, real in sizes]
    recent = [window_mean(size, real, ends, np.full(batch, 16)) for size, real in (sizes[0], sizes[len(_LAGS)])]
    step, seasonal = lags[0], lags[len(_LAGS)]
    scale = np.fmin(step, seasonal)
    floor = 1e-3 * np.nan_to_num(np.fmax(step, seasonal))
    mean = window_mean(x, rows.known, ends, everything)
    # Rounding leaves differences where there are none.
    size = np.abs(np.nan_to_num(mean) + origin[:, None])
    scale = np.where(np.nan_to_num(step) > 1e-9 * size, np.maximum(scale, floor), 0.0)
    scale = np.nan_to_num(scale)
    unit = np.where(scale > 0, scale, 1.0)

    last = rows.at(ends)
    low = np.minimum.accumulate(np.where(rows.known, x, np.inf), axis=1)
    high = np.maximum.accumulate(np.where(rows.known, x, -np.inf), axis=1)
    low, high = (np.where(np.isfinite(rows.at(ends, a)), rows.at(ends, a), last) for a in (low, high))
    at_low = window_mean((x <= np.repeat(low, PATCH, axis=1)).astype(float), rows.known, ends, np.full(batch, 64))
    centred = np.where(np.isfinite(mean), mean, last)
    spread = np.sqrt(np.nan_to_num(window_mean((x - np.repeat(centred, PATCH, 1)) ** 2, rows.known, ends, width)))
    patch_mean = window_mean(x, rows.known, ends, np.full(batch, PATCH))
    patch_mean = np.where(np.isfinite(patch_mean), patch_mean, last)
    observed = np.maximum(ends + 1 - start[:, None], 0)
    before = np.concatenate([patch_mean[:, :1], patch_mean[:, :-1]], axis=1)
    before = np.where(observed > PATCH, before, patch_mean)
    scale_before = np.concatenate([scale[:, :1], scale[:, :-1]], axis=1)
    started = np.arange(time) >= start[:, None]
    given = window_mean(rows.known.astype(float), started, ends, np.full(batch, 64))
    moves = [(a - last) / unit for a in (patch_mean, before, centred, low, high)]
    statistics = [
        np.log1p(observed) - 4,
        np.log1p(observed / period[:, None]) - 2,
        np.broadcast_to(np.log(period)[:, None] - 2, ends.shape),
        (period == 1)[:, None] * np.ones(ends.shape),
        *(_log_ratio(size, unit) for size in (*lags, *recent)),
        _log_ratio(spread, unit),
        *(np.arcsinh(move) for move in moves),
        np.nan_to_num(at_low),
        np.nan_to_num(given),
        _log_ratio(np.where(scale > 0, scale, np.nan), scale_before),
        np.arcsinh((before - patch_mean) / unit),
        (scale == 0).astype(float),
        (period[:, None] > observed).astype(float),
    ]
    assert len(statistics) == _STATISTICS
    change = lag_differences(rows, period)[0]
    per_patch = (batch, patches, PATCH)
    real = started & rows.known
    values = np.arcsinh((x.reshape(per_patch) - last[..., None]) / unit[..., None]) * real.reshape(per_patch)
    changes = np.arcsinh(change.reshape(per_patch) / unit[..., None])
    return np.concatenate([values, real.reshape(per_patch), changes, np.stack(statistics, -1)], axis=-1), scale


def encode(values: np.ndarray, period: np.ndarray, positions: np.ndarray, steps: np.ndarray) -> Encoded:
    """Returns model inputs of right-aligned series.

    Args:
        values: ``(batch, patches * PATCH)``, NaN where missing and before the start.
        period: ``(batch,)``, at least 1.
        positions: ``(batch, positions)``, indices of the patches after which to forecast.
        steps: ``(steps,)``, steps ahead, from 1; or ``(positions, steps)``.
    """
    rows = fill(values, period)
    # Sums of values far from 0 would lose digits.
    origin = rows.x[:, -1]
    rows = dataclasses.replace(rows, x=rows.x - origin[:, None])
    features, scale = _describe(rows, origin)
    ends = positions * PATCH + PATCH - 1
    scale, anchor = np.take_along_axis(scale, positions, axis=1), rows.at(ends)
    unit = np.where(scale > 0, scale, 1.0)[..., None]
    simple = (candidates(Past.of(rows, origin), ends, steps) - anchor[..., None, None]) / unit[..., None]
    history = np.maximum(ends + 1 - rows.start[:, None], 1)[..., None]
    seen = np.minimum(steps, MAX_AHEAD)
    of_step = [
        np.log(seen) - 2,
        np.arcsinh(seen / column(period, 3)) - 1,
        np.minimum(seen / history, 4.0),
        ((steps - 1) % column(period, 3)) / column(period, 3),
    ]
    wide = simple.shape[:3]
    inputs = np.concatenate([simple, np.stack([np.broadcast_to(a, wide) for a in of_step], axis=-1)], axis=-1)
    # Begin each row with its first patch.
    patches = features.shape[1]
    empty = np.minimum(rows.start // PATCH, patches - 1)
    index = np.arange(patches) + empty[:, None]
    inside = index < patches
    features = np.take_along_axis(features, np.minimum(index, patches - 1)[..., None], axis=1) * inside[..., None]
    places = np.maximum(positions - empty[:, None], 0)
    return Encoded(features, places, np.clip(inputs, -1e6, 1e6), anchor + origin[:, None], scale)


def right_aligned(series: Sequence[np.ndarray], patches: int) -> np.ndarray:
    """Returns the ends of series as ``(batch, patches * PATCH)``, with NaN before their start."""
    out = np.full((len(series), patches * PATCH), np.nan)
    for row, values in zip(out, series, strict=True):
        values = values[-len(row) :]
        row[len(row) - len(values) :] = values
    return out


@dataclasses.dataclass(frozen=True)
class ForecastPreprocessor:
    """Series of numbers with gaps, for a forecaster.

    Attributes:
        context: Points of the history that a model reads, a multiple of ``PATCH``.

    Example:
        >>> ForecastPreprocessor().encode_input([1, 2, float("nan"), 4]).tolist()
        [1.0, 2.0, nan, 4.0]
    """

    context: int = CONTEXT

    def encode_input(self, series: Any) -> np.ndarray:
        """Returns a series as float64 from its first value on (raises InputError if it is none).

        Values are numbers, NaN or None where missing.
        """
        if isinstance(series, str):
            raise InputError(f"{series[:40]!r}: a text: a forecaster reads numbers: use zoo forecast with a table")
        try:
            array = np.asarray(series)
            array = array if array.dtype.kind in "fiu" else np.array([_number(value) for value in series], "float64")
        except (TypeError, ValueError):
            raise InputError(f"{str(series)[:40]!r}: not a series: give a list of numbers") from None
        array = array.astype("float64")
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise InputError(f"a series of shape {array.shape}: give one number per step")
        large = np.flatnonzero(np.abs(array) > MAX_VALUE)
        if len(large):
            raise InputError(f"step {large[0] + 1} of a series is {array[large[0]]}: give finite numbers up to 1e30")
        known = np.flatnonzero(np.isfinite(array))
        if not len(known):
            raise InputError("a series without a value: give at least one number")
        return array[known[0] :]

    def encode_target(self, target: Any) -> np.ndarray:
        """Returns future values as float64 (raises InputError if they are not numbers)."""
        return self.encode_input(target)

    def period(self, values: np.ndarray, given: int | None) -> int:
        """Returns the given period, or that of the last ``context`` values (raises InputError for an invalid one)."""
        if given is None:
            return infer_period(values[-self.context :])
        if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 1 <= given <= MAX_PERIOD:
            raise InputError(f"period {given!r}: give a whole number of steps from 1 to {MAX_PERIOD:,}")
        return int(given)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "ForecastPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        expect_fields({"context": int}, value, location)
        if value["context"] % PATCH or not PATCH <= value["context"] <= 64 * CONTEXT:
            raise WeightsError(f"{location}.context: expected a multiple of {PATCH}, up to {64 * CONTEXT}")
        return cls(**value)


def _number(value: Any) -> float:
    if isinstance(value, str | bool):
        raise ValueError
    return np.nan if value is None else float(value)
