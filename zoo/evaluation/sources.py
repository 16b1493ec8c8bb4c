"""The cases of an evaluation, in parts: those in memory, and those of a file that is never held whole."""

import copy
import dataclasses
import os
import random
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import datasets
from zoo.data import read
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.data.labels import unify
from zoo.data.languages import split_tag
from zoo.data.lines import OnBad, Part, ending, line_offsets
from zoo.data.sound import Sound
from zoo.data.tables import SEPARATORS, column_names, stream_examples
from zoo.errors import InputError
from zoo.preprocessing.signals import Numbers
from zoo.tasks.task import Cases

STREAMED = (*SEPARATORS, ".jsonl")  # suffixes of tables that are read row by row
PART = 4096  # cases per part; a file is never held whole


def source(
    pipeline: Any, data: Any, split: str, columns: Columns, limit: int | None, bad: BadRows
) -> "tuple[InMemory | File, str, str]":
    """Returns the source of the cases, and the names of dataset and split.

    Args:
        pipeline: The model.
        data: Name of a dataset, a file, a folder, or data in memory.
        split: Split of a dataset.
        columns: Columns of a table.
        limit: Maximum number of cases.
        bad: Called with the error of each bad row.

    Raises:
        InputError: The data cannot be read.
    """
    task = pipeline.task
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if path and str(data) in datasets.DATASETS:
        name = str(data)
        entry = datasets.entry(name)
        if entry.task != task.name:
            known = [other for other, dataset in datasets.DATASETS.items() if dataset.task == task.name]
            raise InputError(f"dataset {name} is for {entry.task}, and the model for {task.name}: {_choice(known)}")
        _check_direction(name, entry, pipeline)
        examples = datasets.load(name, split)
        _check_sounds(name, examples, pipeline)
        cases = _of_languages(task.cases(examples), entry, pipeline)
        return InMemory(cases, limit), name, split
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
        return File(data, columns, task.multi_reference, limit, bad), path.name, "all"
    examples = read.examples(data, layout=task.layout, on_bad=bad, **vars(columns))
    if columns.strip_labels and task.has_labels:
        examples = dataclasses.replace(examples, targets=unify(examples.targets, pipeline.preprocessor.labels))
    examples = task.standardize(examples)
    return InMemory(task.cases(examples), limit, examples.reading.notes), read.named(data), "all"


def _choice(names: list[str]) -> str:
    """Returns what to do, with some of the datasets that the model can be evaluated on."""
    return f"choose another one, such as {', '.join(names[:3])}" if names else "give a file"


def _check_direction(name: str, entry: Any, pipeline: Any) -> None:
    """Raise InputError if a dataset of translations has other languages than the dataset of a model's training."""
    trained = pipeline.document["data"]["name"] if pipeline.document else ""
    if entry.task != "translation" or trained not in datasets.DATASETS:
        return
    direction = trained.rpartition("/")[2]
    if name.rpartition("/")[2] != direction:
        known = [other for other in datasets.DATASETS if other.endswith(f"/{direction}")]
        raise InputError(f"dataset {name} has other languages than the model, {direction}: {_choice(known)}")


def _check_sounds(name: str, examples: Examples, pipeline: Any) -> None:
    """Raise InputError if a dataset has sounds and a model reads series of numbers, or the other way round."""
    front_end = getattr(pipeline.preprocessor, "front_end", None)
    sounds = isinstance(examples.inputs[0], Sound)
    if front_end is not None and sounds == isinstance(front_end, Numbers):
        has, reads = ("sounds", "series of numbers") if sounds else ("series of numbers", "sounds")
        raise InputError(f"dataset {name} has {has}, and the model reads {reads}: choose another one, or give a file")


def _of_languages(cases: Cases, dataset: Any, pipeline: Any) -> Cases:
    """Returns the cases of the pipeline's language, or all cases; without languages if the model has none.

    Raises:
        InputError: The dataset has languages, but not that of the pipeline.
    """
    if not dataset.language:
        return cases
    languages = [split_tag(value)[0] for value in cases.inputs]
    if not pipeline.preprocessor.languages:
        return dataclasses.replace(cases, inputs=[split_tag(value)[1] for value in cases.inputs])
    language = pipeline.preprocessor.language
    if not language:
        return cases
    chosen = [i for i, own in enumerate(languages) if own == language]
    if not chosen:
        raise InputError(f"language {language}: the dataset has only {', '.join(sorted(set(languages)))}: choose one")
    return cases.select(chosen)


def _drawn(size: int, limit: int | None) -> Sequence[int]:
    """Returns the indices of the evaluated cases: a random sample, because data are often sorted."""
    return range(size) if limit is None else sorted(random.Random(0).sample(range(size), min(limit, size)))


class InMemory:
    """Cases in memory."""

    def __init__(self, cases: Cases, limit: int | None, notes: Sequence[str] = ()):
        self.notes = notes
        self.cases = cases.select(_drawn(len(cases), limit))

    def __len__(self) -> int:
        return len(self.cases)

    def parts(self) -> Iterator[Cases]:
        """Yield the cases, ``PART`` at a time."""
        yield from self.spans()

    def spans(self) -> list[Cases]:
        """Returns what another process needs for each part: the cases."""
        return [self.cases.select(range(i, min(i + PART, len(self)))) for i in range(0, len(self), PART)]

    def read(self, span: Cases) -> Cases:
        """Returns the cases of a part."""
        return span

    def without_lines(self) -> "InMemory":
        """Returns what reads spans: without the cases."""
        return InMemory(Cases([], [], []), None)


class File:
    """Cases of a file that may be larger than the memory: it is read again for each pass over them.

    Args:
        path: The file.
        columns: What of it is read.
        multi_reference: Whether rows with the same input form one case.
        limit: Maximum number of cases.
        bad: Called with the error of each row that cannot be read.
    """

    notes: Sequence[str] = ()

    def __init__(self, path: str | os.PathLike, columns: Columns, multi_reference: bool, limit: int | None, bad: OnBad):
        self.path, self.columns, self.multi_reference, self.bad = path, columns, multi_reference, bad
        self.repeated: dict[str, list[str]] = {}
        rows = ((hash(text) if multi_reference else 0, line_of(location)) for text, _, location in self.rows())
        table = np.fromiter(rows, np.dtype([("hash", "int64"), ("line", "int64")]))
        self.lines = table["line"]  # of the first row of each case
        if multi_reference:
            hashes = np.sort(table["hash"])
            duplicates = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
            again = []
            for number, (text, target, _) in enumerate(self.rows() if duplicates else ()):
                if hash(text) in duplicates:
                    if text in self.repeated:
                        again.append(number)
                    self.repeated.setdefault(text, []).append(target)
            self.lines = np.delete(self.lines, again)
        self.chosen = _drawn(len(self.lines), limit)

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, part: Part | None = None) -> Iterator[tuple[str, str, str]]:
        """Yield input, target and location of each row; inputs are composed, so that one text is one input."""
        names = (self.columns.input, self.columns.target, self.columns.header)
        for text, target, location in stream_examples(self.path, *names, self.bad, part):
            yield unicodedata.normalize("NFC", text), target, location

    def parts(self) -> Iterator[Cases]:
        """Yield the cases, ``PART`` at a time."""
        yield from self._cases(self.rows(), self._chosen_lines())

    def _chosen_lines(self) -> np.ndarray:
        return self.lines if len(self.chosen) == len(self.lines) else self.lines[list(self.chosen)]

    def _cases(self, rows: Iterator[tuple[str, str, str]], lines: np.ndarray) -> Iterator[Cases]:
        """Yield the cases that begin at the given lines."""
        wanted = iter(lines.tolist())
        line = next(wanted, None)
        result: list[tuple[str, Any, str]] = []
        for text, target, location in rows:
            if line_of(location) != line:
                continue
            references = self.repeated.get(text, [target]) if self.multi_reference else target
            result.append((text, references, location))
            line = next(wanted, None)
            if len(result) == PART or line is None:
                yield Cases(*map(list, zip(*result, strict=True)))
                result = []
            if line is None:
                return

    def spans(self) -> "Iterator[Span | Cases]":
        """Yield what another process needs for each part: where to read, or of a packed file the cases."""
        if os.fspath(self.path).lower().endswith(".gz"):
            yield from self.parts()
            return
        lines, names = self._chosen_lines(), column_names(self.path, self.columns.header)
        offsets = line_offsets(self.path, lines[::PART].tolist())
        for offset, start in zip(offsets, range(0, len(lines), PART), strict=True):
            yield Span(Part(offset, int(lines[start]), names), lines[start : start + PART])

    def read(self, span: "Span | Cases") -> Cases:
        """Returns the cases of a part."""
        return span if isinstance(span, Cases) else next(self._cases(self.rows(span.part), span.lines))

    def without_lines(self) -> "File":
        """Returns what reads spans, without the numbers of all lines."""
        copied = copy.copy(self)
        copied.lines, copied.chosen, copied.bad = np.zeros(0, "int64"), (), _ignore
        return copied


@dataclasses.dataclass(frozen=True)
class Span:
    """A part of a file: where reading begins, and the line at which each case begins."""

    part: Part
    lines: np.ndarray


def _ignore(error: InputError) -> None:
    """Do nothing: the first pass over the file has told of the row."""


def line_of(location: str) -> int:
    """Returns the number of the line of a location ``file:line``."""
    return int(location.rpartition(":")[2])
