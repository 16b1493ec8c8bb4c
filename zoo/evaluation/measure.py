"""How good a model is on a whole dataset or on one's own file, with intervals."""

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

STREAMED = (*SEPARATORS, ".jsonl")  # endings of tables that are read row by row
MANY_UNKNOWN, MAX_UNKNOWN = 0.05, 0.5  # shares of unknown tokens from which a line warns, and from which it is an error
PART = 4096  # cases answered and counted before the next are read


@dataclasses.dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        dataset: Name of the dataset, or the file.
        split: Name of the split; ``"all"`` for a file.
        size: Number of inputs.
        options: How the answers were made: ``beam_size`` for sequence_to_sequence.
        values: Metrics with their 95 % intervals, as shares.
        inputs: The inputs, each once; empty if they were not to be kept, as are the next three.
        outputs: The model's output for each.
        references: The right outputs of each.
        names: What each input is called: a text by itself, anything else by its place.

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
        """Returns the metrics as a record keeps them: without the examples."""
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
    """Measures a model.

    A table of texts is read row by row, to count, to check and to answer, and never held whole.

    Args:
        pipeline: The model, or what ``zoo.load`` takes.
        data: Name of a dataset, or what ``zoo.data.read.examples`` takes: a file, a folder of sounds, arrays.
        split: Split of a dataset.
        input: Column of a file with the inputs.
        target: Column of a file with the right outputs.
        header: Whether the first row of a CSV or TSV file names the columns.
        series: In a table with a row a step, the column that says which series a row belongs to.
        time: And the one with its time.
        symbols: As ``fine_tune`` takes it, and so are the next four.
        strip_labels: Whether labels that look alike are one label.
        tag_names: Names of tags that the data number.
        dialect: How a CSV or TSV is written.
        allow_unknown: Whether to go on if the model knows less than half of the tokens.
        limit: Only so many inputs, drawn at random but the same each time; the report's size says so.
        batch_size: Inputs answered at once.
        keep: Whether the report has all inputs, outputs and references.
        on_start: Called with the number of inputs once it is known.
        on_step: Called with the number of inputs just done.
        on_prediction: Called with the name of each input (see ``Report``), its output and the right one, in order.
        on_message: Called with a line for people, before the first answer: what a user should know of the data.
        **options: As ``Pipeline.predict`` takes them: ``beam_size`` for sequence_to_sequence.

    Raises:
        InputError: No such dataset, split, file or column, or a row that the model cannot read.

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
    left_out = Columns.from_json(known).left_out
    columns = Columns(input, target, header, series, time, "", symbols, strip_labels, tag_names, dialect, left_out)
    source, name, split = _source(pipeline, data, split, columns, limit)
    for note in source.notes:
        on_message(note)
    first = next(source.parts(), None)
    for note in unknown_tokens(pipeline, first.inputs, allow_unknown) if first else ():
        on_message(note)
    on_start(len(source))
    bad = BadRows()
    for cases in source.parts():  # all rows are looked at before time is spent on the first answers
        _check(pipeline, cases, bad)
    bad.check()
    options = {**task.options, **asked(name), **options}
    states, kept = [], Cases([], [], [])
    said: list[Any] = []
    for cases in source.parts():
        outputs = pipeline.predict_raw(cases.inputs, batch_size, on_step, **options)
        states.append(task.update_metrics(preprocessor, outputs, cases.references))
        for row in zip(_names(cases), outputs, cases.references, strict=True):
            on_prediction(*row)
        if keep:
            said += outputs
            kept.inputs.extend(cases.inputs)
            kept.references.extend(cases.references)
            kept.locations.extend(cases.locations)
    values = task.compute_metrics(preprocessor, states)
    return Report(name, split, len(source), options, values, kept.inputs, said, kept.references, _names(kept))


def held_against(ours: Pipeline, report: Report, others: Pipeline, other: Report) -> tuple[str, Interval]:
    """Returns how two models differ on the same inputs.

    Args:
        ours: A model.
        report: What ``evaluate`` returned for it, with the answers kept.
        others: Another model of the same task.
        other: What ``evaluate`` returned for that, on the same data.

    Returns:
        The name of the task's main metric, and ours less theirs, with its paired interval
        (``zoo.metrics.intervals.difference``).

    Raises:
        InputError: The tasks or the inputs differ, or the answers were not kept.
    """
    if ours.spec.task != others.spec.task:
        raise InputError(f"{others.spec.task} and {ours.spec.task}: only models of the same task can be compared")
    if not report.names or report.names != other.names:
        raise InputError("give two reports on the same inputs, with the answers kept")
    mine = ours.task.metric_counts(ours.preprocessor, report.outputs, report.references)
    theirs = others.task.metric_counts(others.preprocessor, other.outputs, other.references)
    return mine.name, difference(mine, theirs)


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
    """Returns the options that a dataset sets for all models measured on it; none for other names."""
    return datasets.DATASETS[name].options if name in datasets.DATASETS else {}


def unknown_tokens(pipeline: Pipeline, inputs: Sequence[Any], allowed: bool = False) -> list[str]:
    """Returns a line about the tokens that a model does not know, if it reads tokens.

    Args:
        pipeline: The model.
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
    """Returns where the cases come from, and the names of dataset and split that they go by."""
    task = pipeline.task
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if path and str(data) in datasets.DATASETS:
        return _InMemory(task.cases(datasets.load(str(data), split)), limit), str(data), split
    if path and not path.suffix and not path.is_dir():
        datasets.entry(str(data))  # not a file's name either: says which datasets there are
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
    examples = read.examples(data, task=task.name, **vars(columns))
    if columns.strip_labels and task.has_labels:
        examples = dataclasses.replace(examples, targets=unify(examples.targets, pipeline.preprocessor.labels))
    examples = task.standardize(examples)
    return _InMemory(task.cases(examples), limit, examples.reading.notes), read.named(data), "all"


def _composed(path, columns: Columns) -> Iterator[tuple[str, str, str]]:
    """Yields input, target and place of each row; inputs are composed, so that one text is one input."""
    for text, target, location in stream_examples(path, columns.input, columns.target, columns.header):
        yield unicodedata.normalize("NFC", text), target, location


def _drawn(size: int, limit: int | None) -> Sequence[int]:
    """Returns the numbers of the cases measured; the first ones would not do, for data often are in some order."""
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
    """Cases of a file that may be larger than the memory: it is read anew for each pass over them.

    Args:
        rows: Gives input, target and place of each row, each time from the start.
        multi_reference: Whether rows of the same input are one case.
        limit: Only so many cases.
    """

    notes: Sequence[str] = ()

    def __init__(self, rows: Callable[[], Iterator[tuple[str, str, str]]], multi_reference: bool, limit: int | None):
        self.rows, self.multi_reference = rows, multi_reference
        self.repeated: dict[str, list[str]] = {}
        if multi_reference:
            hashes = np.fromiter((hash(text) for text, _, _ in rows()), "int64")
            count = len(hashes)
            hashes.sort()
            twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
            del hashes
            for text, target, _ in rows() if twice else ():
                if hash(text) in twice:
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
