"""Numeric series from a user's own file, read strictly: ``.ts``, or a table with a row a series or a row a step."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.data.examples import Examples
from zoo.data.lines import lines
from zoo.data.tables import SEPARATORS, cell, table_rows
from zoo.errors import InputError

MAX_LINE_BYTES = 10_000_000
"""Longest line of a file, in bytes: a whole series stands on one."""

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_FLAGS = ("timestamps", "missing", "univariate", "equallength", "targetlabel")


def read_ts(path: str | os.PathLike) -> Examples:
    """Reads labelled series in the ``.ts`` format of the UCR and UEA archives.

    Comments after ``#``, the header's ``@`` lines, then a series a line: the values of a dimension
    between commas, dimensions between colons, the label last (format:
    https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html). Series may differ in length,
    the dimensions of one may not.

    Returns:
        Examples whose inputs are float32 arrays ``(time, features)`` and whose targets are the labels.

    Raises:
        InputError: The file cannot be read or used, it has time stamps or no classes, or a value is
            missing or not finite; the message says where.
    """
    header = _Header()
    inputs, labels, locations = [], [], []
    for place, line in lines(path, MAX_LINE_BYTES):
        line = line.strip()
        if not line or (not header.complete and line.startswith("#")):
            continue
        if header.complete:
            series, label = _case(line, header, place)
            inputs.append(series)
            labels.append(label)
            locations.append(place)
        else:
            header.add(line, place)
    if not inputs:
        raise InputError(f"{path}: has no series: give at least one after a line @data")
    return Examples(inputs, labels, locations)


def read_wide(path: str | os.PathLike, label: str, header: bool = True) -> Examples:
    """Reads a table with a row a series: one column is the label, the others are the steps in order.

    Args:
        path: A ``.csv`` or ``.tsv`` file.
        label: Name of the column with the labels.
        header: Whether the first row names the columns; if it does not, their names are ``"1"``, ``"2"``
            and so on. The UCR archive's own ``.tsv`` files have no header and the label in column ``"1"``.

    Returns:
        Examples whose inputs are float32 arrays ``(time, 1)`` and whose targets are the labels.

    Raises:
        InputError: The file cannot be read or used, or a value is missing or not finite; the message
            says where.
    """
    return wide(_rows(path, header), label)


def wide(rows: Iterable[tuple[str, dict[str, str]]], label: str) -> Examples:
    """Returns the same from rows already read: the place of each and its cells by column."""
    inputs, labels, locations = [], [], []
    for place, row in rows:
        labels.append(cell(row, label, place))
        steps = [column for column in row if column != label]
        if not steps:
            raise InputError(f"{place}: no column but {label!r}: give a column for each step")
        inputs.append(np.array([[_number(row[step], place, f"column {step!r}")] for step in steps], np.float32))
        locations.append(place)
    return Examples(inputs, labels, locations)


def read_long(path: str | os.PathLike, series: str, time: str, values: Sequence[str], label: str) -> Examples:
    """Reads a table with a row a step: which series, when, its values, and the label of the series.

    The rows of a series stand in the order of time; those of another may stand between them.

    Args:
        path: A ``.csv`` or ``.tsv`` file whose first row names the columns.
        series: Name of the column that says which series a row belongs to.
        time: Name of the column with the time, a number; the steps between need not be equal.
        values: Names of the columns with the values, one a feature.
        label: Name of the column with the label, the same in all rows of a series.

    Returns:
        Examples whose inputs are float32 arrays ``(time, features)``, whose targets are the labels, and
        whose places are those of the first row of each series.

    Raises:
        InputError: The file cannot be read or used, a value is missing or not finite, time does not
            grow within a series, or its label changes; the message says where.
    """
    return long(_rows(path, header=True), series, time, values, label)


def long(
    rows: Iterable[tuple[str, dict[str, str]]], series: str, time: str, values: Sequence[str], label: str
) -> Examples:
    """Returns the same from rows already read: the place of each and its cells by column."""
    columns = [series, time, *values, label]
    if isinstance(values, str) or not values or len(set(columns)) < len(columns):
        raise InputError(
            f"the columns {', '.join(map(repr, columns))}: name at least one of values, and each column once"
        )
    found: dict[str, _Steps] = {}
    for place, row in rows:
        name, now = cell(row, series, place), _number(cell(row, time, place), place, f"column {time!r}")
        steps = [_number(cell(row, value, place), place, f"column {value!r}") for value in values]
        kind = cell(row, label, place)
        one = found.setdefault(name, _Steps(kind, place, now))
        if one.label != kind:
            raise InputError(
                f"{place}: series {name!r} is {kind!r} here and {one.label!r} at {one.location}: give it one label"
            )
        if one.steps and now <= one.now:
            raise InputError(
                f"{place}: time {now:g} of series {name!r} comes after {one.now:g}: sort its rows, each time once"
            )
        one.now = now
        one.steps.append(steps)
    return Examples(
        [np.array(one.steps, np.float32) for one in found.values()],
        [one.label for one in found.values()],
        [one.location for one in found.values()],
    )


@dataclasses.dataclass
class _Steps:
    """What has been read of a series: its label, the place of its first row, its last time, its values."""

    label: str
    location: str
    now: float
    steps: list[list[float]] = dataclasses.field(default_factory=list)


def _rows(path, header: bool) -> Iterator[tuple[str, dict[str, str]]]:
    kind = Path(path).suffix.lower()
    if kind not in SEPARATORS:
        raise InputError(f"{path}: unknown kind of file {kind!r}: give a .csv or .tsv file")
    empty = True
    for row in table_rows(path, SEPARATORS[kind], header, MAX_LINE_BYTES):
        empty = False
        yield row
    if empty:
        raise InputError(f"{path}: has no rows: give at least one")


class _Header:
    """What the ``@`` lines of a ``.ts`` file say.

    Attributes:
        labels: The classes.
        dimensions: How many each series has; ``None`` until a line or the first series says so.
        length: Steps of each series; ``None`` if they may differ, or until the first series says so.
        flags: The lines that say true or false, by name in lower case.
        complete: Whether ``@data`` has come.
    """

    def __init__(self):
        self.labels: list[str] = []
        self.dimensions: int | None = None
        self.length: int | None = None
        self.complete = False
        self.flags: dict[str, bool] = {}
        self._seen: set[str] = set()

    def add(self, line: str, place: str) -> None:
        """Takes in a line, or raises an ``InputError``."""
        name, *values = line.split()
        name = name.removeprefix("@").lower() if line.startswith("@") else ""
        if name in self._seen:
            raise InputError(f"{place}: a second line @{name}: leave one")
        self._seen.add(name)
        if name == "data":
            self._finish(place)
        elif name == "classlabel" and values and values[0].lower() in ("true", "false"):
            self.labels = values[1:] if values[0].lower() == "true" else []
        elif name in _FLAGS and len(values) == 1 and values[0].lower() in ("true", "false"):
            self.flags[name] = values[0].lower() == "true"
        elif name in ("dimension", "dimensions") and len(values) == 1 and values[0].isdecimal():
            self.dimensions = int(values[0])
        elif name == "serieslength" and len(values) == 1 and values[0].isdecimal():
            self.length = int(values[0])
        elif name != "problemname":
            raise InputError(
                f"{place}: {line[:60]!r} is not understood: write @problemName NAME; @timeStamps, @missing,"
                " @univariate, @equalLength true or false; @dimensions, @seriesLength NUMBER;"
                " @classLabel true LABEL LABEL ...; then @data"
            )

    def _finish(self, place: str) -> None:
        if self.flags.get("timestamps"):
            raise InputError(
                f"{place}: series with time stamps are not read: write the values alone, @timeStamps false"
            )
        if self.flags.get("targetlabel") or not self.labels:
            raise InputError(f"{place}: no classes are named above: write a line @classLabel true LABEL LABEL ...")
        if self.flags.get("univariate"):
            self.dimensions = 1
        self.complete = True


def _case(line: str, header: _Header, place: str) -> tuple[np.ndarray, str]:
    """Returns the series ``(time, features)`` and the label of a line of data."""
    *dimensions, label = (part.strip() for part in line.split(":"))
    if label not in header.labels:
        raise InputError(
            f"{place}: label {label[:40]!r} is none of @classLabel's: end the line with a colon and one of them"
        )
    header.dimensions = header.dimensions or len(dimensions)
    if len(dimensions) != header.dimensions:
        raise InputError(f"{place}: {len(dimensions)} dimensions, not {header.dimensions}: give each series as many")
    rows = [dimension.split(",") for dimension in dimensions]
    if header.flags.get("equallength"):
        header.length = header.length or len(rows[0])
    for i, row in enumerate(rows, 1):
        expected = header.length or len(rows[0])
        if len(row) != expected:
            raise InputError(f"{place}: dimension {i} has {len(row)} steps, not {expected}: give each as many")
    numbers = [
        [_number(text, place, f"step {j} of dimension {i}") for j, text in enumerate(row, 1)]
        for i, row in enumerate(rows, 1)
    ]
    return np.array(numbers, np.float32).T, label


def _number(text: str, location: str, what: str) -> float:
    try:
        number = float("nan") if "_" in text else float(text)  # float takes 1_000 for a number
    except ValueError:
        number = float("nan")
    if not abs(number) <= _MAX_FLOAT32:
        raise InputError(
            f"{location}: {what} is {text.strip()[:40]!r}, not a finite number: fill the gap or take the series out"
        )
    return number
