"""Evaluate a model on a dataset or a user's file, with confidence intervals."""

import os
from collections.abc import Callable
from typing import Any

from zoo import datasets
from zoo.backends.allocator import retain_freed_memory
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.languages import split_tag
from zoo.errors import InputError
from zoo.evaluation.forecasts import evaluate_forecaster
from zoo.evaluation.inputs import Folded, unknown_tokens
from zoo.evaluation.report import Report
from zoo.evaluation.sources import source
from zoo.evaluation.workers import workers
from zoo.forecasting.forecasters import BASELINES
from zoo.loading import load
from zoo.metrics.intervals import Interval, difference
from zoo.pipeline import Pipeline
from zoo.tasks import FORECASTERS
from zoo.tasks.task import Cases


@retain_freed_memory()
def evaluate(
    pipeline: Pipeline | str | os.PathLike,
    data: Any,
    *,
    split: str = "test",
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    symbols: str = "",
    strip_labels: bool = False,
    tag_names: str = "",
    dialect: str = "",
    language: str = "",
    allow_unknown: bool = False,
    skip_bad_rows: bool = False,
    limit: int | None = None,
    batch_size: int = 256,
    processes: int = 1,
    keep: bool = True,
    horizon: int | None = None,
    windows: int = 1,
    period: int | None = None,
    time_format: str = "",
    on_start: Callable[[int], None] = lambda size: None,
    on_step: Callable[[int], None] = lambda count: None,
    on_prediction: Callable[[Any, Any, Any], None] = lambda input, output, reference: None,
    on_message: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> Report:
    """Measure a model.

    A table of texts is read row by row, to count, to check and to predict, and never kept in memory.

    Args:
        pipeline: The model, or an argument of ``zoo.load``.
        data: Name of a dataset; or a file, a folder of sounds or arrays, as for ``zoo.data.read.examples``.
        split: Split of the dataset.
        input: Input column of a file.
        target: Target column of a file.
        header: Whether the first row of a CSV or TSV file names the columns.
        series: Column with the name of the series, in a table with one row per step.
        time: Column with the time, in a table with one row per step.
        symbols: See ``fine_tune``, also for the next four.
        strip_labels: Whether to merge labels that look alike.
        tag_names: Names of numbered tags.
        dialect: Format of a CSV or TSV.
        language: Language of the inputs, for a model of many languages; of a dataset, the inputs of this language.
        allow_unknown: Whether to accept more than half of the tokens as unknown.
        skip_bad_rows: Whether to leave out and count bad rows. Otherwise up to ten are named before the first
            prediction. Inputs of a dataset that a pronunciation or translation model cannot read count as wrong
            instead.
        limit: Evaluate this many inputs, sampled with a fixed seed.
        batch_size: Inputs per batch.
        processes: Number of processes that answer, each a part of the inputs at a time. The result is the same.
        keep: Whether the report keeps inputs, outputs and references.
        horizon: Steps of a window, for a forecaster only. It forecasts the last windows of each series, and the report
            also has its scores divided by those of seasonal naive. Not needed for a test set such as
            ``"time_series/m1"``. Forecasters may also be ``"seasonal_naive"``, ``"theta"`` or ``"ets"``.
        windows: Number of windows per series; they do not overlap.
        period: Steps of a season.
        time_format: Format of the dates.
        on_start: Called with the number of inputs.
        on_step: Called with the number of finished inputs.
        on_prediction: Called with the name (see ``Report``), output and reference of each input, in order.
        on_message: Called with notes on the data, one per line, before the first prediction.
        **options: Options of ``Pipeline.predict``, for example ``beam_size``.

    Raises:
        InputError: Unknown dataset, split, file or column, or a row that the model cannot read.

    Example:
        >>> import zoo
        >>> examples = zoo.Examples(["cat", "dog"], ["K AE1 T", "D AO1 G"], ["made:1", "made:2"])
        >>> zoo.evaluate(zoo.load("gru_small.cmudict"), examples).values["wer"].value
        0.0
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit {limit}: give at least 1")
    simple = isinstance(pipeline, str) and pipeline in BASELINES
    model = pipeline if simple or isinstance(pipeline, Pipeline) else load(os.fspath(pipeline))
    if not isinstance(model, Pipeline) or model.spec.task in FORECASTERS:
        columns = Columns(target=target, header=header, series=series, time=time, dialect=dialect)
        return evaluate_forecaster(
            model, data, columns, horizon, windows, period, time_format, on_start, on_step, on_message
        )
    if horizon is not None:
        raise InputError(f"horizon: {model.spec.task} does not forecast: leave it out")
    pipeline = model.with_language(language) if language else model
    task, preprocessor = pipeline.task, pipeline.preprocessor
    task.check_metrics()
    known = pipeline.document["training"]["recipe"].get("columns", {}) if pipeline.document else {}
    columns = Columns(input, target, header, series, time, "", symbols, strip_labels, tag_names, dialect)
    columns = columns.or_those_of(Columns.from_json(known), data)
    # A benchmark has a fixed size: a word with a letter that the model lacks is a wrong answer.
    benchmark = isinstance(data, str) and data in datasets.DATASETS
    unread = "" if benchmark and task.counts_unread and not skip_bad_rows else None
    bad = BadRows(skip_bad_rows or unread is not None)
    cases_of, name, split = source(pipeline, data, split, columns, limit, bad)
    bad.check()
    for note in cases_of.notes:
        on_message(note)
    first = next(cases_of.parts(), None)
    for note in unknown_tokens(pipeline, first.inputs, allow_unknown) if first else ():
        on_message(note)

    options = {**task.options, **asked(name), **options}
    states, kept = [], Cases([], [], [])
    predictions: list[Any] = []
    languages: dict[str, list[Any]] = {}
    has_languages = bool(getattr(preprocessor, "languages", ()))
    with workers(pipeline, cases_of, processes, batch_size, options, unread) as work:
        left_out: list[set[str]] = []  # locations, part by part
        folded = Folded(preprocessor)
        for errors, others in work.check():  # all rows before the first prediction
            for location, error in errors:
                bad(InputError(error), location)
            left_out.append({location for location, _ in errors})
            folded.merge(*others)
        bad.check()
        size = len(cases_of) - (sum(map(len, left_out)) if unread is None else 0)
        if not size:
            raise InputError(f"{name}: no row can be used: {bad.errors[0]}" if bad.errors else f"{name}: has no rows")
        for note in (*bad.notes("left out" if unread is None else "not read and count as wrong"), *folded.notes()):
            on_message(note)
        on_start(size)
        for cases, outputs, state in work.answer(left_out, on_step):
            states.append(state)
            for code, rows in _by_language(cases.inputs).items() if has_languages else ():
                part = cases.select(rows)
                counts = task.update_metrics(preprocessor, [outputs[i] for i in rows], part.references)
                languages.setdefault(code, []).append((len(rows), counts))
            for row in zip(_names(cases), outputs, cases.references, strict=True):
                on_prediction(*row)
            if keep:
                predictions += outputs
                kept.inputs.extend(cases.inputs)
                kept.references.extend(cases.references)
                kept.locations.extend(cases.locations)
    values = task.compute_metrics(preprocessor, states)
    names = _names(kept)
    by_language = {
        code: (sum(count for count, _ in parts), task.compute_metrics(preprocessor, [state for _, state in parts]))
        for code, parts in sorted(languages.items() if len(languages) > 1 else ())
    }
    rows = (kept.inputs, predictions, kept.references, names)
    return Report(
        name, split, size, options, values, *rows, bad.count if unread is None else 0, by_language, task.signatures()
    )


def _by_language(inputs: list[Any]) -> dict[str, list[int]]:
    """Returns the indices of the inputs that begin with a language, by language."""
    result: dict[str, list[int]] = {}
    for i, value in enumerate(inputs):
        code = split_tag(value)[0] if isinstance(value, str) else ""
        if code:
            result.setdefault(code, []).append(i)
    return result


def held_against(ours: Pipeline, report: Report, others: Pipeline, other: Report) -> tuple[str, Interval]:
    """Compare two models on the same inputs.

    Args:
        ours: A pipeline.
        report: Result of ``evaluate`` for it, with the answers kept.
        others: Another pipeline of the same task.
        other: Result of ``evaluate`` for ``others``, on the same data.

    Returns:
        Name of the task's main metric, and the difference ours minus others with its paired interval
        (``zoo.metrics.intervals.difference``).

    Raises:
        InputError: The tasks or the inputs differ, or outputs were not kept.
    """
    if ours.spec.task != others.spec.task:
        raise InputError(f"{others.spec.task} and {ours.spec.task}: tasks differ: compare models of one task")
    if not report.names or report.names != other.names:
        raise InputError("the reports differ in their inputs: evaluate both on the same data with keep=True")
    our_counts = ours.task.metric_counts(ours.preprocessor, report.outputs, report.references)
    other_counts = others.task.metric_counts(others.preprocessor, other.outputs, other.references)
    return our_counts.name, difference(our_counts, other_counts)


def _names(cases: Cases) -> list[str]:
    rows = zip(cases.inputs, cases.locations, strict=True)
    return [value if isinstance(value, str) else location for value, location in rows]


def asked(name: str) -> dict[str, Any]:
    """Returns the options that a dataset sets for all evaluations on it; none for other names."""
    return datasets.DATASETS[name].options if name in datasets.DATASETS else {}
