"""Pretraining of forecasters on synthetic and real series; every family reads the same ones in the same order."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from zoo import datasets
from zoo.backends.seeding import seed_everything
from zoo.data.synthetic_series import draw
from zoo.forecasting import forecasters, protocol
from zoo.metrics.forecasting import forecast_counts, geometric_mean, seasonal_scale
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import ForecastPreprocessor
from zoo.preprocessing.periods import MAX_PERIOD, infer_period
from zoo.recipes.recipe import Recipe, SeriesMix
from zoo.tasks.forecasting import FORECASTING
from zoo.training import distributed
from zoo.training.series_windows import SeriesWindows
from zoo.training.trainer import Trainer

_VALIDATED = 60
"""Series per source whose last values are kept for validation."""
_EXPONENT = 0.35
"""A source is drawn in proportion to this power of its number of values, so that no source hides the others."""


@dataclasses.dataclass(frozen=True)
class Sources:
    """Real series for training, and windows for validation.

    Attributes:
        values: Training part of each series, ``(time,)``, NaN where missing.
        periods: Period of each.
        weights: Probability of each, up to a factor.
        windows: Per source, histories with their period and the values that follow.
        fingerprint: SHA-256 of all values.
    """

    values: list[np.ndarray]
    periods: list[int]
    weights: list[float]
    windows: dict[str, list[tuple[np.ndarray, int, np.ndarray]]]
    fingerprint: str


def read_sources(names: tuple[str, ...]) -> Sources:
    """Returns the series of datasets; of some series the last values are kept for validation.

    Raises:
        DownloadError: Files of a dataset could not be fetched.
    """
    values, periods, weights, windows, digest = [], [], [], {}, hashlib.sha256()
    for name in names:
        loaded = datasets.load_series(name)
        series, given = [one.values for one in loaded], [one.period for one in loaded]
        for one in series:
            digest.update(np.ascontiguousarray(one, "float64").tobytes())
        usable = [i for i, one in enumerate(series) if np.isfinite(one).sum() >= 8]
        chosen = set(np.random.default_rng(0).permutation(usable)[:_VALIDATED].tolist())
        roots = np.sqrt([len(series[i]) for i in usable])
        share = sum(len(series[i]) for i in usable) ** _EXPONENT / roots.sum()
        windows[name] = []
        for i, root in zip(usable, roots, strict=True):
            one, period = series[i], _period(series[i], given[i])
            if i in chosen:
                ahead = _horizon(period, len(one))
                windows[name].append((one[:-ahead], period, one[-ahead:]))
                one = one[:-ahead]
            values.append(one)
            periods.append(period)
            weights.append(float(root * share))
    return Sources(values, periods, weights, windows, digest.hexdigest())


def _period(values: np.ndarray, given: int | None) -> int:
    """Returns the given period; that of the values if there is none or it is too long to be seen, as a year of days."""
    if given is not None and 1 < given < MAX_PERIOD - 1:
        return given
    return infer_period(values[-ForecastPreprocessor().context :])


def _horizon(period: int, length: int) -> int:
    """Returns the number of values to keep: two short seasons or a long one, and at most a fifth of a series."""
    ahead = 2 * period if 1 < period <= 24 else 13 if period == 52 else 24
    return max(2, min(ahead, length // 5))


def describe(mix: SeriesMix, sources: Sources) -> dict[str, Any]:
    """Returns the facts of the data for a record."""
    entries = [datasets.entry(name) for name in mix.sources]
    licences = dict.fromkeys(entry.licence for entry in entries)
    return {
        "source": "synthetic series, " + ", ".join(mix.sources),
        "licence": "; ".join(["synthetic series: none needed", *licences]),
        "fingerprint": sources.fingerprint,
        "splits": {"train": len(sources.values), "validation": sum(map(len, sources.windows.values()))},
    }


def setup(recipe: Recipe, sources: Sources, folder: Path, resume_command: str) -> tuple[Pipeline, Trainer]:
    """Returns a model with random weights and a trainer for it.

    Args:
        recipe: A recipe with a mix of series.
        sources: Result of ``read_sources``.
        folder: Folder of the state.
        resume_command: Command that resumes the run.
    """
    mix, training_config = recipe.series, recipe.training_config
    assert mix is not None
    family = FORECASTING.architecture(recipe.architecture)
    fields = {**family.sizes[recipe.size], **FORECASTING.prefers(family), **recipe.config}
    seed_everything(training_config.seed)
    spec = FORECASTING.spec(family, recipe.size, ForecastPreprocessor(), fields)
    pipeline = Pipeline(spec, dtype=training_config.precision)
    batches: Any = SeriesWindows(
        sources.values,
        sources.periods,
        training_config.batch_size,
        training_config.seed,
        per_epoch=max(1, mix.steps // training_config.epochs),
        weights=sources.weights,
        synthetic=mix.synthetic,
        draw=draw,
        regroup=True,
    )

    def validate() -> dict[str, float]:
        return validation_scores(pipeline, sources)

    trainer = distributed.make_trainer(
        pipeline.model,
        batches,
        validate,
        "relative_wql",
        training_config,
        FORECASTING.loss(training_config),
        folder,
        resume_command,
    )
    trainer.data = sources.fingerprint
    return pipeline, trainer


def benchmark_scores(pipeline: Pipeline, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Returns the metrics of a record: scores on benchmarks, alone and relative to seasonal naive.

    Args:
        pipeline: A forecaster.
        names: Names of datasets, each the name of a test set of ``zoo.forecasting.protocol``.
    """
    forecaster = forecasters.find(pipeline)[1]
    sets = [protocol.select(name)[0] for name in names]
    scores = protocol.benchmark("", forecaster, sets).sets
    return [
        {
            "dataset": name,
            "split": "test",
            "size": score.windows,
            "values": {
                key: dataclasses.asdict(value)
                for key, value in {
                    **score.values,
                    **{f"relative_{key}": score.relative[key] for key in ("mase", "wql")},
                }.items()
            },
        }
        for name, score in zip(names, scores, strict=True)
    ]


def validation_scores(pipeline: Pipeline, sources: Sources) -> dict[str, float]:
    """Returns scores on the windows of the sources, relative to the seasonal naive forecast."""
    scores, others, coverage = [], [], []
    for windows in sources.windows.values():
        if not windows:
            continue
        histories, periods, actuals = ([window[i] for window in windows] for i in range(3))
        forecasts = pipeline.predict(histories, horizon=max(map(len, actuals)), periods=periods)
        forecasts = [forecast[: len(actual)] for forecast, actual in zip(forecasts, actuals, strict=True)]
        simple = [
            np.repeat(_seasonal_naive(history, period, len(actual))[:, None], forecasts[0].shape[1], axis=1)
            for history, period, actual in windows
        ]
        scales = [seasonal_scale(history, period) for history, period, _ in windows]
        scores.append(forecast_counts(actuals, forecasts, scales))
        others.append(forecast_counts(actuals, simple, scales))
        coverage.append(scores[-1]["coverage"].numerator.sum() / scores[-1]["coverage"].denominator.sum())
    means = {
        f"relative_{name}": geometric_mean(
            [(ours[name], naive[name]) for ours, naive in zip(scores, others, strict=True)]
        ).value
        for name in ("wql", "mase")
    }
    return {**means, "coverage": float(np.mean(coverage))}


def _seasonal_naive(history: np.ndarray, period: int, horizon: int) -> np.ndarray:
    """Returns the last season again and again; the last value for a gap, and for a history shorter than a season."""
    last = history[np.isfinite(history)][-1]
    season = history[-period:] if period <= len(history) else history[-1:]
    return np.where(np.isfinite(season), season, last)[np.arange(horizon) % len(season)]
