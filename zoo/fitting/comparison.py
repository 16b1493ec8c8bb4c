"""Compare models: fine-tune each on the same rows with the same budget."""

import dataclasses
import fnmatch
import os
import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.save import check_folder
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.evaluation.report import Report
from zoo.fitting import baselines
from zoo.fitting.callbacks import SILENT, Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.forecast_comparison import compare_forecasters
from zoo.fitting.row import Row, median_time
from zoo.fitting.start import Start, prepare
from zoo.forecasting import forecasters
from zoo.metrics.intervals import Interval, difference
from zoo.models import registry
from zoo.training.config import TrainingConfig, override

TFIDF = "tfidf"  # a model to compare with: logistic regression on TF-IDF, by scikit-learn


def compare(
    data: Any,
    models: Sequence[str],
    *,
    input: str = "",
    target: str = "",
    series: str = "",
    time: str = "",
    task: str | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    skip_bad_rows: bool = False,
    output: str | os.PathLike | None = None,
    allow_unknown: bool = False,
    horizon: int | None = None,
    windows: int = 1,
    period: int | None = None,
    time_format: str = "",
    callbacks: Callbacks = SILENT,
    **more: Any,
) -> list[Row]:
    """Fine-tune several models on the same rows, with the same splits, budget and seed.

    With a ``horizon``, forecasters are compared on the last windows of the series, as they are; and also fine-tuned if
    ``epochs`` or ``minutes`` are given.

    Args:
        data: A file, a folder of sounds, a DataFrame or arrays, as for ``zoo.data.read.examples``.
        models: Names as for ``fine_tune``. Wildcards match checkpoints and sized architectures (``"*_tiny"``).
            ``"tfidf"`` is logistic regression on TF-IDF, for texts with labels. Forecasters may also be
            ``"seasonal_naive"``, ``"theta"`` or ``"ets"``.
        input: Input column.
        target: Target column.
        series: Column with the name of the series, in a table with one row per step.
        time: Column with the time, in a table with one row per step.
        task: Overrides the inferred task.
        training_config: Training config of each model. Default: that of ``fine_tune``.
        epochs: Maximum epochs per model; overrides the training config.
        minutes: Maximum minutes per model; overrides the training config.
        seed: Random seed; overrides the training config.
        skip_bad_rows: See ``fine_tune``.
        output: Folder for one checkpoint folder per model.
        allow_unknown: See ``fine_tune``.
        horizon: Steps of a window, for forecasters only.
        windows: Number of windows per series.
        period: Steps of a season.
        time_format: Format of the dates.
        callbacks: Functions to call; ``on_message`` also gets the name of each model before its training.
        **more: Further fields of ``zoo.data.columns.Columns``: ``symbols``, ``dialect`` and so on.

    Returns:
        One row per model, the best first.

    Raises:
        InputError: A name matches nothing, or the data are unusable.

    Example:
        >>> import numpy as np, zoo
        >>> x, y = np.random.default_rng(0).normal(size=(40, 10, 2)), ["up", "down"] * 20
        >>> rows = zoo.compare((x, y), ["gru_tiny", "tcn_tiny"], epochs=1)
        >>> sorted(row.model for row in rows)
        ['gru_tiny', 'tcn_tiny']
    """
    rows = []
    reports: list[Report] = []
    least = None if epochs is None else 0
    budget = {"epochs": epochs, "min_steps": least, "minutes": minutes, "seed": seed}
    budget = {field: value for field, value in budget.items() if value is not None}
    if horizon is not None:
        names = forecasters.expand(models)
        trained = [name for name in names if name not in forecasters.BASELINES]
        folders = dict(zip(trained, _folders(trained, output), strict=True)) if output is not None else {}
        columns = Columns(input, target, series=series, time=time, **more)
        if training_config is not None:
            budget = dataclasses.asdict(override(training_config, budget))
        return compare_forecasters(
            data, names, columns, horizon, windows, period, time_format, budget, folders, callbacks
        )
    names = expand([name for name in models if name != TFIDF])
    if not names:
        raise InputError("models: give at least one checkpoint or architecture")
    folders = _folders(names, output)
    training_config = override(training_config, budget)
    columns = Columns(input, target, series=series, time=time, **more)
    start = None
    for name in names:
        # Prepare all models before training the first, so that bad data or models fail early.
        start = prepare(
            name,
            data,
            columns,
            task=task,
            training_config=training_config,
            skip_bad_rows=skip_bad_rows,
            allow_unknown=allow_unknown,
        )
    assert start is not None
    if TFIDF in models:
        callbacks.on_message(f"{TFIDF}:")
        rows.append(_tfidf(start))
    for name, folder in zip(names, folders, strict=True):
        callbacks.on_message(f"{name}:")
        tuned = fine_tune(
            name,
            data,
            input=input,
            target=target,
            series=series,
            time=time,
            task=task,
            training_config=training_config,
            skip_bad_rows=skip_bad_rows,
            output=folder,
            allow_unknown=allow_unknown,
            ngrams=False,
            **more,
            callbacks=dataclasses.replace(callbacks, on_evaluated=reports.append),
        )
        assert tuned.document is not None
        values = {key: Interval(**value) for key, value in tuned.document["metrics"][0]["values"].items()}
        training = tuned.document["training"]
        cost = tuned.model.count_params(), len(training["curve"]), training["seconds"], _latency(tuned)
        evaluation = reports.pop()
        counts = tuned.task.metric_counts(tuned.preprocessor, evaluation.outputs, evaluation.references)
        rows.append((values[tuned.task.monitor].value, counts, Row(name, values, *cost, difference=None)))
    (_, best, first), *others = sorted(rows, key=lambda row: row[0])
    return [first, *(dataclasses.replace(row, difference=difference(counts, best)) for _, counts, row in others)]


def _tfidf(start: Start) -> tuple:
    """Returns the main score, its counts and the row of TF-IDF (raises InputError if the task does not suit)."""
    pipeline, (train, _, test) = start.pipeline, start.parts
    if not pipeline.task.has_labels or not isinstance(train.inputs[0], str):
        raise InputError(f"{TFIDF} classifies texts, and the task is {pipeline.spec.task}: leave it out")
    to_iob2 = clock.monotonic()
    model = baselines.tfidf(train.inputs, train.targets)
    seconds = clock.monotonic() - to_iob2
    cases = pipeline.task.cases(test)
    outputs = list(map(str, model.predict(cases.inputs)))
    values = pipeline.task.score(pipeline.preprocessor, outputs, cases.references)
    counts = pipeline.task.metric_counts(pipeline.preprocessor, outputs, cases.references)
    latency = median_time(lambda text: model.predict([text]), cases.inputs[:3])
    row = Row(TFIDF, values, int(model[-1].coef_.size), 0, seconds, latency, difference=None)
    return values[pipeline.task.monitor].value, counts, row


def _folders(names: Sequence[str], output: str | os.PathLike | None) -> list[Path | None]:
    """Returns the folder of each model (raises InputError if one is not empty, or two have the same name)."""
    if output is None:
        return [None] * len(names)
    # For a model given by its path use the last part, because the rest could lead out of the output.
    folders = [check_folder(Path(output) / Path(os.path.abspath(name)).name) for name in names]
    for i, folder in enumerate(folders):
        if folder in folders[:i]:
            raise InputError(f"{folder}: of two models: give the models folders with different names")
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: exists already: choose another output")
    return [*folders]


def expand(patterns: Sequence[str]) -> list[str]:
    """Returns the names that match patterns, without duplicates, in the order of the patterns.

    Raises:
        InputError: A pattern matches nothing.
    """
    known = [*locate.list_models(), *registry.sizes()]
    names: list[str] = []
    for pattern in patterns:
        matches = fnmatch.filter(known, pattern) or ([pattern] if Path(pattern).is_dir() else [])
        if not matches:
            raise InputError(f"{pattern}: no checkpoint or architecture matches: see zoo list [--architectures]")
        names += [name for name in matches if name not in names]
    return names


def _latency(pipeline) -> float:
    return median_time(lambda value: pipeline.predict([value]), pipeline.document["golden"]["inputs"])
