"""Evaluate a model on a dataset or a user's file, with confidence intervals."""

import dataclasses
import functools
import os
import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import datasets
from zoo.backends.allocator import retain_freed_memory
from zoo.data import read
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.labels import unify
from zoo.data.lines import ending
from zoo.data.tables import SEPARATORS, stream_examples
from zoo.errors import InputError
from zoo.metrics.intervals import Interval, difference
from zoo.pipeline import Pipeline, load
from zoo.tasks.task import Cases

STREAMED = (*SEPARATORS, ".jsonl")  # suffixes of tables that are read row by row
MANY_UNKNOWN, MAX_UNKNOWN = 0.05, 0.5  # shares of unknown tokens from which a line warns, and from which it is an error
PART = 4096  # cases per part; a file is never held whole


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
    source, name, split = _source(pipeline, data, split, columns, limit)
    for note in source.notes:
        on_message(note)
    first = next(source.parts(), None)
    for note in unknown_tokens(pipeline, first.inputs, allow_unknown) if first else ():
        on_message(note)
    on_start(len(source))
    bad = BadRows()
    for cases in source.parts():  # check all rows before the first prediction
        _check(pipeline, cases, bad)
    bad.check()
    options = {**task.options, **asked(name), **options}
    states, kept = [], Cases([], [], [])
    predictions: list[Any] = []
    for cases in source.parts():
        outputs = pipeline.predict_raw(cases.inputs, batch_size, on_step, **options)
        states.append(task.update_metrics(preprocessor, outputs, cases.references))
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


def _check(pipeline: Pipeline, cases: Cases, bad: BadRows) -> None:
    for value, reference, location in zip(cases.inputs, cases.references, cases.locations, strict=True):
        try:
            pipeline.task.check_example(pipeline.preprocessor, value, reference)
        except InputError as error:
            bad(InputError(f"{location}: {error}"))


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


def _source(pipeline, data, split, columns, limit) -> "tuple[_InMemory | _File, str, str]":
    """Returns the source of the cases, and the names of dataset and split."""
    task = pipeline.task
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if path and str(data) in datasets.DATASETS:
        return _InMemory(task.cases(datasets.load(str(data), split)), limit), str(data), split
    if path and not path.suffix and not path.is_dir():
        datasets.entry(str(data))  # raises: not a file name either
    named = columns.input and columns.target and not columns.series
    if (
        path
        and task.streamed
        and not columns.strip_labels
        and not columns.dialect
        and ending(path) in STREAMED
        and named
    ):
        rows = functools.partial(_composed, data, columns)
        return _File(rows, task.multi_reference, limit), path.name, "all"
    examples = read.examples(data, layout=task.layout, **vars(columns))
    if columns.strip_labels and task.has_labels:
        examples = dataclasses.replace(examples, targets=unify(examples.targets, pipeline.preprocessor.labels))
    examples = task.standardize(examples)
    return _InMemory(task.cases(examples), limit, examples.reading.notes), read.named(data), "all"


def _composed(path, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """Yield input, target and place of each row; inputs are composed, so that one text is one input."""
    for text, target, location in stream_examples(path, columns.input, columns.target, columns.header):
        yield unicodedata.normalize("NFC", text), target, location


def _drawn(size: int, limit: int | None) -> Sequence[int]:
    """Returns the indices of the evaluated cases: a random sample, because data are often sorted."""
    return range(size) if limit is None else sorted(random.Random(0).sample(range(size), min(limit, size)))


class _InMemory:
    """Cases in memory."""

    def __init__(self, cases: Cases, limit: int | None, notes: Sequence[str] = ()):
        self.notes = notes
        self.cases = cases.select(_drawn(len(cases), limit))

    def __len__(self) -> int:
        return len(self.cases)

    def parts(self) -> Iterator[Cases]:
        for start in range(0, len(self), PART):
            yield self.cases.select(range(start, min(start + PART, len(self))))


class _File:
    """Cases of a file that may be larger than the memory: it is read again for each pass over them.

    Args:
        rows: Yields input, target and location of each row, from the start on each call.
        multi_reference: Whether rows with the same input form one case.
        limit: Maximum number of cases.
    """

    notes: Sequence[str] = ()

    def __init__(self, rows: Callable[[], Iterator[tuple[str, str, str]]], multi_reference: bool, limit: int | None):
        self.rows, self.multi_reference = rows, multi_reference
        self.repeated: dict[str, list[str]] = {}
        if multi_reference:
            hashes = np.fromiter((hash(text) for text, _, _ in rows()), "int64")
            count = len(hashes)
            hashes.sort()
            duplicates = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
            del hashes
            for text, target, _ in rows() if duplicates else ():
                if hash(text) in duplicates:
                    count -= text in self.repeated
                    self.repeated.setdefault(text, []).append(target)
        else:
            count = sum(1 for _ in rows())
        self.chosen = _drawn(count, limit)

    def __len__(self) -> int:
        return len(self.chosen)

    def _cases(self) -> Iterator[tuple[str, Any, str]]:
        seen = set()
        for text, target, location in self.rows():
            if text not in self.repeated:
                yield text, [target] if self.multi_reference else target, location
            elif text not in seen:
                seen.add(text)
                yield text, self.repeated[text], location

    def parts(self) -> Iterator[Cases]:
        chosen = iter(self.chosen)
        wanted = next(chosen, None)
        part: list[tuple[str, Any, str]] = []
        for number, case in enumerate(self._cases()):
            if number == wanted:
                part.append(case)
                wanted = next(chosen, None)
            if len(part) == PART or (wanted is None and part):
                yield Cases(*map(list, zip(*part, strict=True)))
                part = []
            if wanted is None:
                return
