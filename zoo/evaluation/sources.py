"""Sources of an evaluation: the cases of a dataset, of data in memory, or of a file that is read row by row."""

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
from zoo.data import read
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.labels import unify
from zoo.data.lines import ending
from zoo.data.tables import SEPARATORS, stream_examples
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
        return InMemory(task.cases(datasets.load(str(data), split)), limit), str(data), split
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
        rows = functools.partial(_composed, data, columns, bad)
        return File(rows, task.multi_reference, limit), path.name, "all"
    examples = read.examples(data, layout=task.layout, on_bad=bad, **vars(columns))
    if columns.strip_labels and task.has_labels:
        examples = dataclasses.replace(examples, targets=unify(examples.targets, pipeline.preprocessor.labels))
    examples = task.standardize(examples)
    return InMemory(task.cases(examples), limit, examples.reading.notes), read.named(data), "all"


def _composed(path, columns: Columns, bad: BadRows) -> Iterator[tuple[str, str, str]]:
    """Yield input, target and location of each row; inputs are normalised, so that equal texts are one input."""
    for text, target, location in stream_examples(path, columns.input, columns.target, columns.header, bad):
        yield unicodedata.normalize("NFC", text), target, location


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
        for start in range(0, len(self), PART):
            yield self.cases.select(range(start, min(start + PART, len(self))))


class File:
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
