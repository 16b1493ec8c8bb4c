"""Evaluate a model on a dataset or a user's file, with confidence intervals."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

from zoo import datasets
from zoo.backends.allocator import retain_freed_memory
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.evaluation.sources import find_source
from zoo.evaluation.workers import workers
from zoo.metrics.intervals import Interval, difference
from zoo.pipeline import Pipeline, load
from zoo.tasks.task import Cases

MANY_UNKNOWN, MAX_UNKNOWN = 0.05, 0.5  # shares of unknown tokens from which a line warns, and from which it is an error


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of an evaluation.

    Attributes:
        dataset: Name of the dataset or file.
        split: Name of the split; ``"all"`` for a file.
        size: Number of inputs.
        options: Options of ``predict``, for example ``beam_size``.
        values: Metrics with their 95 % intervals, as shares.
        inputs: The unique inputs; empty if not kept, as are the next three.
        outputs: The model's output for each.
        references: The targets of each.
        names: The input itself if it is a text, otherwise its location.

    Example:
        >>> import zoo
        >>> examples = zoo.Examples(["cat", "dog"], ["K AE1 T", "D AO1 G"], ["made:1", "made:2"])
        >>> report = zoo.evaluate(zoo.load("gru_small.cmudict"), examples)
        >>> report.size, sorted(report.values)
        (2, ['per', 'per_no_stress', 'wer', 'wer_no_stress'])
    """

    dataset: str
    split: str
    size: int
    options: dict[str, Any]
    values: dict[str, Interval]
    inputs: list[Any]
    outputs: list[Any]
    references: list[Any]
    names: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics for a record, without the examples."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "size": self.size,
            **({"beam": self.options["beam_size"]} if "beam_size" in self.options else {}),
            "values": {name: dataclasses.asdict(value) for name, value in self.values.items()},
        }


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
    allow_unknown: bool = False,
    limit: int | None = None,
    batch_size: int = 256,
    processes: int = 1,
    keep: bool = True,
    on_start: Callable[[int], None] = lambda size: None,
    on_step: Callable[[int], None] = lambda count: None,
    on_prediction: Callable[[Any, Any, Any], None] = lambda input, output, reference: None,
    on_message: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> Report:
    """Measure a model.

    A table of texts is read row by row, to count, to check and to answer, and never held whole.

    Args:
        pipeline: The model, or what ``zoo.load`` takes.
        data: Name of a dataset; or a file, a folder of sounds or arrays, as for ``zoo.data.read.examples``.
        split: Split of the dataset.
        input: Input column of a file.
        target: Column of a file with the targets.
        header: Whether the first row of a CSV or TSV file names the columns.
        series: In a table with one row per step, the column that says which series a row belongs to.
        time: Column with the time, in such a table.
        symbols: As ``fine_tune`` takes it, and so are the next four.
        strip_labels: Whether labels that look alike are one label.
        tag_names: Names of tags that the data number.
        dialect: How a CSV or TSV is written.
        allow_unknown: Whether to go on if the model knows less than half of the tokens.
        limit: Evaluate this many inputs, sampled with a fixed seed.
        batch_size: Inputs per batch.
        processes: Number of processes that answer, each a part of the inputs at a time. The result is the same.
        keep: Whether the report keeps inputs, outputs and references.
        on_start: Called with the number of inputs.
        on_step: Called with the number of inputs just done.
        on_prediction: Called with the name (see ``Report``), output and reference of each input, in order.
        on_message: Called with a line for users, before the first answer: what a user should know of the data.
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
    pipeline = pipeline if isinstance(pipeline, Pipeline) else load(os.fspath(pipeline))
    task, preprocessor = pipeline.task, pipeline.preprocessor
    known = pipeline.document["training"]["recipe"].get("columns", {}) if pipeline.document else {}
    columns = Columns(input, target, header, series, time, "", symbols, strip_labels, tag_names, dialect)
    columns = columns.or_those_of(Columns.from_json(known), data)
    source, name, split = find_source(pipeline, data, split, columns, limit)
    for note in source.notes:
        on_message(note)
    first = next(source.parts(), None)
    for note in unknown_tokens(pipeline, first.inputs, allow_unknown) if first else ():
        on_message(note)
    on_start(len(source))
    options = {**task.options, **asked(name), **options}
    states, kept = [], Cases([], [], [])
    predictions: list[Any] = []
    with workers(pipeline, source, processes, batch_size, options) as work:
        bad = BadRows()
        for count, errors in work.check():  # all rows before the first prediction
            bad.add(count, errors)
        bad.check()
        for cases, outputs, state in work.answer(on_step):
            states.append(state)
            for row in zip(_names(cases), outputs, cases.references, strict=True):
                on_prediction(*row)
            if keep:
                predictions += outputs
                kept.inputs.extend(cases.inputs)
                kept.references.extend(cases.references)
                kept.locations.extend(cases.locations)
    values = task.compute_metrics(preprocessor, states)
    return Report(name, split, len(source), options, values, kept.inputs, predictions, kept.references, _names(kept))


def held_against(ours: Pipeline, report: Report, others: Pipeline, other: Report) -> tuple[str, Interval]:
    """Compare two models on the same inputs.

    Args:
        ours: A pipeline.
        report: Result of ``evaluate`` for it, with the answers kept.
        others: Another pipeline of the same task.
        other: Result of ``evaluate`` for that, on the same data.

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


def unknown_tokens(pipeline: Pipeline, inputs: Sequence[Any], allowed: bool = False) -> list[str]:
    """Returns a line about the tokens that a model does not know, if it reads tokens.

    Args:
        pipeline: The pipeline.
        inputs: Texts.
        allowed: Whether it may be most of them.

    Raises:
        InputError: More than half are unknown, and it is not allowed.
    """
    share = pipeline.task.unknown_share(pipeline.preprocessor, inputs)
    if share is None:
        return []
    known = f"{100 * share:.1f} % of the tokens are unknown to the model"
    if share > MAX_UNKNOWN and not allowed:
        raise InputError(
            f"{known}, which knows the language or the script of other texts: train one from fresh weights"
            f" ({pipeline.spec.architecture}_{pipeline.spec.size}), or go on with --allow-unknown"
        )
    fresh = f": {pipeline.spec.architecture}_{pipeline.spec.size} with fresh weights would learn them"
    return [f"{known}{fresh if share > MANY_UNKNOWN else ''}"]
