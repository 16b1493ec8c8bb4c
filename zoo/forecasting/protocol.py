"""The benchmark of forecasters: test sets that no checkpoint has trained on, and scores relative to seasonal naive."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import datasets
from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.forecasting import forecasters
from zoo.forecasting.forecasters import Forecaster
from zoo.forecasting.rolling import REFERENCE, Window
from zoo.metrics.forecasting import (
    MEDIAN,
    QUANTILES,
    forecast_counts,
    forecast_metrics,
    geometric_mean,
    joined,
    missing_steps,
    relative,
    seasonal_scale,
)
from zoo.metrics.intervals import Counts, Interval

RELATIVE = {"mase": "mase", "wql": "wql", "wql_band": "wql"}
"""Metrics that are divided by those of the reference, by the name of the quotient.

The published quotients of the weighted quantile loss have as divisor the loss of the points of seasonal naive, repeated
as all quantiles. ``wql_band`` has that of its own quantiles, which is lower.
"""

_HOURS = 30 * 24  # hours of a month, as the papers on ETT count
_CHRONOS = "https://github.com/amazon-science/chronos-forecasting, scripts/evaluation/results"
_LONG = "Zeng et al. 2023 (arXiv 2205.13504), trained on it"


@dataclasses.dataclass(frozen=True)
class BenchmarkSet:
    """A test set of the benchmark.

    Attributes:
        parts: Names in ``zoo.datasets.DATASETS``; the scores of several parts are those of all their series.
        description: Windows that are scored.
        choose: Whether a series belongs to the set.
        windows: Makes the windows of a series from the series and its number.
        metrics: Metrics that the set is known for.
        in_mean: Whether the set counts in the mean over sets. The others are parts or unions of sets that do.
        published: Published figures: system, source and values.
    """

    parts: tuple[str, ...]
    description: str
    choose: Callable[[Series], bool] = lambda series: True
    windows: Callable[[Series, int], list[Window]] = lambda series, group: last_window(series, group)
    metrics: tuple[str, ...] = ("mase", "wql", "coverage")
    in_mean: bool = True
    published: tuple[dict[str, Any], ...] = ()


def last_window(series: Series, group: int) -> list[Window]:
    """Returns the official test part of a series as its only window."""
    assert series.test is not None
    return [Window(dataclasses.replace(series, test=None), series.test, group)]


def month_windows(series: Series, group: int, horizon: int = 96) -> list[Window]:
    """Returns all windows of the last 4 of 20 months of hours, standardized by the first 12 months.

    This is the split of papers on long horizons: 12 months for training, 4 for validation, 4 for testing.
    """
    assert series.test is not None
    values = np.concatenate([series.values, series.test])
    train = values[: 12 * _HOURS]
    values = (values - train.mean()) / train.std()
    starts = range(16 * _HOURS, 20 * _HOURS - horizon + 1)
    return [
        Window(dataclasses.replace(series, values=values[:start], test=None), values[start : start + horizon], group)
        for start in starts
    ]


def whole_series(dataset: str) -> list[Series]:
    """Returns the series of a dataset with their test part at the end, to be scored on more windows than the last.

    Args:
        dataset: Name in ``zoo.datasets.DATASETS``.

    Raises:
        InputError: There is no such dataset, or it has no time series.
        DownloadError: The dataset's files could not be fetched.

    Example:
        >>> from zoo.forecasting import protocol  # doctest: +SKIP
        >>> protocol.whole_series("time_series/us_employment")[0].test is None  # doctest: +SKIP
        True
    """
    result = []
    for series in datasets.load_series(dataset):
        values = series.values if series.test is None else np.concatenate([series.values, series.test])
        result.append(dataclasses.replace(series, values=values, test=None))
    return result


def _published(system: str, source: str, **values: float) -> dict[str, Any]:
    return {"system": system, "source": source, "values": values}


def _chronos(naive: tuple[float, float], tiny: tuple[float, float], bolt: tuple[float, float]) -> tuple[dict, ...]:
    """Returns figures of three systems on a set of Chronos's zero-shot benchmark, each MASE and WQL."""
    systems = {
        "seasonal naive, its points": naive,
        "chronos-t5-tiny, 8 M parameters, zero-shot": tiny,
        "chronos-bolt-tiny, 9 M parameters, zero-shot": bolt,
    }
    return tuple(_published(system, _CHRONOS, mase=mase, wql=wql) for system, (mase, wql) in systems.items())


def _m1(name: str, period: int, steps: int, published: tuple[dict, ...]) -> BenchmarkSet:
    return BenchmarkSet(
        ("time_series/m1",),
        f"the {name} series, {steps} steps",
        lambda series: series.period == period,
        in_mean=False,
        published=published,
    )


SETS = {
    "m1": BenchmarkSet(("time_series/m1",), "M1 competition, its test part: 6 years, 8 quarters or 18 months"),
    "us_employment": BenchmarkSet(("time_series/us_employment",), "the last 24 months"),
    "ett_h1": BenchmarkSet(("time_series/ett_h1",), "the last 24 hours"),
    "ett_h2": BenchmarkSet(("time_series/ett_h2",), "the last 24 hours"),
    "exchange_rate": BenchmarkSet(
        ("time_series/exchange_rate",),
        "the last 30 days",
        published=_chronos((1.7402, 0.01298), (1.6621, 0.01085), (1.6857, 0.01148)),
    ),
    "m1_yearly": _m1("yearly", 1, 6, _chronos((4.8943, 0.2093), (4.8295, 0.1729), (5.1363, 0.1603))),
    "m1_quarterly": _m1("quarterly", 4, 8, _chronos((2.0775, 0.1495), (1.8969, 0.1103), (1.8942, 0.0997))),
    "m1_monthly": _m1("monthly", 12, 18, _chronos((1.3145, 0.1915), (1.2149, 0.1472), (1.1625, 0.1314))),
    "ett_hourly": BenchmarkSet(
        ("time_series/ett_h1", "time_series/ett_h2"),
        "ett_h1 and ett_h2 together",
        in_mean=False,
        published=_chronos((0.9316, 0.1221), (0.8184, 0.0858), (0.7941, 0.0748)),
    ),
    "ett_h1_96": BenchmarkSet(
        ("time_series/ett_h1",),
        "96 hours from each hour of the last 4 of 20 months, standardized",
        windows=month_windows,
        metrics=("mse", "mae", "coverage"),
        in_mean=False,
        published=(
            _published("NLinear", _LONG, mse=0.374, mae=0.394),
            _published("DLinear", _LONG, mse=0.375, mae=0.399),
            _published("TTM, zero-shot", "Ekambaram et al. 2024 (arXiv 2401.03955)", mse=0.364),
        ),
    ),
}
"""Test sets by name, in the order of the tables."""


@dataclasses.dataclass(frozen=True)
class SetScore:
    """Scores on one test set.

    Attributes:
        name: Name in ``SETS``.
        series: Number of series.
        windows: Number of windows.
        missing: Number of values that are missing, and not scored.
        unscaled: Number of series without a MASE, because their history does not vary.
        values: Metrics with their intervals over series.
        relative: Quotients of ``RELATIVE``, with paired intervals.
        seconds: Time of the forecasts.
        counts: Numerators and denominators per series.
        reference: The divisors of the quotients, by their names.
    """

    name: str
    series: int
    windows: int
    missing: int
    unscaled: int
    values: dict[str, Interval]
    relative: dict[str, Interval]
    seconds: float
    counts: dict[str, Counts]
    reference: dict[str, Counts]

    def to_json(self) -> dict[str, Any]:
        """Returns the scores as JSON values."""
        fields = {name: getattr(self, name) for name in ("series", "windows", "missing", "unscaled")}
        values = {name: dataclasses.asdict(value) for name, value in self.values.items()}
        relative = {name: dataclasses.asdict(value) for name, value in self.relative.items()}
        return {"set": self.name, **fields, "values": values, "relative": relative, "seconds": round(self.seconds, 1)}


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Scores of one forecaster on test sets.

    Attributes:
        model: Name of the forecaster.
        sets: A score per set.
        mean: Geometric means of the relative metrics over the sets with ``in_mean``, with intervals over sets and
            series; empty unless all of these sets were scored.
    """

    model: str
    sets: list[SetScore]
    mean: dict[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Returns the scores as JSON values, with the published figures of each set."""
        sets = [{**score.to_json(), "published": list(SETS[score.name].published)} for score in self.sets]
        mean = {name: dataclasses.asdict(value) for name, value in self.mean.items()}
        return {"model": self.model, "sets": sets, "mean": mean}


def select(dataset: str | None) -> tuple[str, ...]:
    """Returns the test sets of a dataset: ``time_series`` or None for all, ``time_series/m1`` for one.

    Raises:
        InputError: There is no such set.

    Example:
        >>> select("time_series/m1")
        ('m1',)
    """
    if dataset in (None, "time_series"):
        return tuple(SETS)
    name = str(dataset).removeprefix("time_series/")
    if name not in SETS:
        choices = ", ".join(f"time_series/{known}" for known in SETS)
        raise InputError(f"{dataset}: no test set of forecasters: choose time_series for all, or one of {choices}")
    return (name,)


def benchmark(
    model: str,
    forecaster: Forecaster,
    names: Sequence[str] = tuple(SETS),
    on_start: Callable[[int], None] = lambda size: None,
    on_step: Callable[[int], None] = lambda count: None,
) -> Benchmark:
    """Score a forecaster on test sets, beside seasonal naive.

    Args:
        model: Name of the forecaster.
        forecaster: The forecaster. It is called once per part and horizon, so that it may forecast in batches.
        names: Names in ``SETS``. Series that several sets have are forecast once.
        on_start: Called with the number of windows.
        on_step: Called with the number of finished windows.

    Raises:
        InputError: A forecast has a wrong shape.
        DownloadError: A data set could not be fetched.

    Example:
        >>> from zoo.forecasting import forecasters, protocol  # doctest: +SKIP
        >>> name, forecaster = forecasters.find("tcn_small.forecasting")  # doctest: +SKIP
        >>> protocol.benchmark(name, forecaster, ["m1"]).sets[0].relative["mase"].value < 1  # doctest: +SKIP
        True
    """
    parts = {part for name in names for part in SETS[name].parts}
    loaded = {part: datasets.load_series(part) for part in sorted(parts)}
    made = {
        key: [window for i, series in enumerate(loaded[key[0]]) for window in key[1](series, i)]
        for key in dict.fromkeys((part, SETS[name].windows) for name in names for part in SETS[name].parts)
    }
    on_start(sum(map(len, made.values())))
    runs = {}
    for key, windows in made.items():
        started = time.monotonic()
        outputs = forecasts(forecaster, windows)
        seconds = time.monotonic() - started
        expected = outputs if model == REFERENCE else forecasts(forecasters.find(REFERENCE)[1], windows)
        runs[key] = windows, outputs, expected, seconds
        on_step(len(windows))
    scores = [_score(name, loaded, runs) for name in names]
    pairs = [score for score in scores if SETS[score.name].in_mean]
    complete = len(pairs) == sum(chosen.in_mean for chosen in SETS.values())
    mean = {
        name: geometric_mean([(score.counts[metric], score.reference[name]) for score in pairs])
        for name, metric in RELATIVE.items()
        if complete
    }
    return Benchmark(model, scores, mean)


def forecasts(forecaster: Forecaster, windows: Sequence[Window]) -> list[np.ndarray]:
    """Returns the quantiles of each window; the forecaster is called once per horizon."""
    result: dict[int, np.ndarray] = {}
    for horizon in dict.fromkeys(len(window.actual) for window in windows):
        chosen = [i for i, window in enumerate(windows) if len(window.actual) == horizon]
        outputs = forecasters.run(forecaster, [windows[i].series for i in chosen], horizon)
        result.update(zip(chosen, outputs, strict=True))
    return [result[i] for i in range(len(windows))]


def _score(name: str, loaded: dict[str, list[Series]], runs: dict[Any, Any]) -> SetScore:
    test_set = SETS[name]
    ours, points, bands, size, missing, seconds = [], [], [], 0, 0, 0.0
    for part in test_set.parts:
        windows, outputs, expected, time_taken = runs[part, test_set.windows]
        groups = [i for i, series in enumerate(loaded[part]) if test_set.choose(series)]
        numbers = {group: i for i, group in enumerate(groups)}
        used = [i for i, window in enumerate(windows) if window.index in numbers]
        actuals = [windows[i].actual for i in used]
        scales = [float("nan")] * len(used)
        if "mase" in test_set.metrics:
            scales = [seasonal_scale(windows[i].series.values, windows[i].series.period) for i in used]
        order = [numbers[windows[i].index] for i in used]
        repeated = [np.repeat(expected[i][:, MEDIAN, None], len(QUANTILES), axis=1) for i in used]
        ours.append(forecast_counts(actuals, [outputs[i] for i in used], scales, order))
        points.append(forecast_counts(actuals, repeated, scales, order))
        bands.append(forecast_counts(actuals, [expected[i] for i in used], scales, order))
        size += len(used)
        missing += missing_steps(actuals)
        seconds += time_taken * len(used) / len(windows)
    counts = joined(ours)
    reference = joined(points) | {"wql_band": joined(bands)["wql"]}
    scored = counts["mae"].denominator > 0
    unscaled = int((scored & (counts["mase"].denominator == 0)).sum()) if "mase" in test_set.metrics else 0
    values = {metric: value for metric, value in forecast_metrics(counts).items() if metric in test_set.metrics}
    quotients = {
        quotient: relative(counts[metric], reference[quotient])
        for quotient, metric in RELATIVE.items()
        if metric in test_set.metrics
    }
    return SetScore(name, len(scored), size, missing, unscaled, values, quotients, seconds, counts, reference)
