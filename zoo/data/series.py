"""Numeric series from a user's file, read strictly: a table with one row per series or one row per step."""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from zoo.data.columns import DEFAULT, Columns
from zoo.data.examples import Examples, Reading
from zoo.data.lines import OnBad, ending, refuse
from zoo.data.tables import SEPARATORS, cell, table_rows
from zoo.errors import InputError

_MAX_FLOAT32 = float(np.finfo(np.float32).max)


def read_wide(path: str | os.PathLike, label: str, header: bool = True, columns: Columns = DEFAULT) -> Examples:
    """Read a table with one row per series: one column has the label, the others are the steps in order.

    Args:
        path: A ``.csv`` or ``.tsv`` file.
        label: Label column.
        header: Whether the first row names the columns; otherwise their names are ``"1"``, ``"2"`` and so on. The UCR
            archive's ``.tsv`` files have no header and the label in column ``"1"``.
        columns: See ``wide``.

    Returns:
        Examples whose inputs are float32 arrays ``(time, 1)`` and whose targets are the labels.

    Raises:
        InputError: The file cannot be used, or a value is missing or not finite; the message gives the location.
    """
    return wide(_rows(path, header), label, columns)


def wide(
    rows: Iterable[tuple[str, dict[str, str]]], label: str, columns: Columns = DEFAULT, on_bad: OnBad = refuse
) -> Examples:
    """Returns the same as ``read_wide`` from the location and the cells of each row.

    Columns that number or name the rows are not steps: columns without a name, columns called ``id`` or ``index``, and
    a first column of increasing whole numbers. They are left out, with a note.

    Args:
        rows: The rows.
        label: Label column; ``""`` if the rows have none.
        columns: Columns in its ``input`` are the steps in any case; columns in its ``left_out`` are not.
        on_bad: Called with the error of each bad row; the other rows are returned.
    """
    inputs, labels, locations = [], [], []
    chosen, left_out, first = columns.input_names, columns.left_out, []
    steps: list[str] = []
    for place, row in rows:
        if not steps:
            left_out = left_out or tuple(name for name in row if name != label and _ROW_NAME.fullmatch(name.strip()))
            steps = chosen or [name for name in row if name != label and name not in left_out]
            if not steps:
                raise InputError(f"{place}: no column but {label!r}: give a column for each step")
            for name in filter(None, (label, *steps)):
                if name not in row:
                    cell(row, name, place)  # raises because the column is missing, not a cell
        try:
            kind = cell(row, label, place) if label else ""
            values = [number_in(_value(row, step, place), place, f"column {step!r}") for step in steps]
        except InputError as error:
            on_bad(error)
            continue
        labels.append(kind)
        inputs.append(np.array(values, np.float32)[:, None])
        first.append(values[0])
        locations.append(place)
    if not chosen and not columns.left_out and len(steps) > 1 and _numbers_rows(first):
        left_out = (*left_out, steps[0])
        inputs = [series[1:] for series in inputs]
    notes = []
    if left_out and not columns.left_out:
        names = ", ".join(map(repr, left_out))
        notes.append(f"column {names} numbers or names the rows and is not read: name it in --input if it is a step")
    return Examples(inputs, labels, locations, reading=Reading(notes=tuple(notes), left_out=left_out))


_ROW_NAME = re.compile(r"|unnamed: \d+|(row|sample|series|case)?[ _-]?(id|index|idx|uuid)", re.IGNORECASE)


def _numbers_rows(values: list[float]) -> bool:
    """Returns whether numbers count rows: whole and increasing; for few rows, increasing by one."""
    steps = np.diff(values)
    all_whole = all(value.is_integer() for value in values)
    return len(values) > 2 and all_whole and bool((steps > 0).all() if len(values) >= 10 else (steps == 1).all())


def _value(row: dict[str, str], column: str, place: str) -> str:
    return row[column] if isinstance(row.get(column), str) else cell(row, column, place)


def read_long(path: str | os.PathLike, series: str, time: str, values: Sequence[str], label: str) -> Examples:
    """Read a table with one row per step: series, time, values, and the label of the series.

    Rows of a series must be in the order of time; rows of other series may be between them.

    Args:
        path: A ``.csv`` or ``.tsv`` file whose first row names the columns.
        series: Column with the name of the series.
        time: Column with the time, a number; intervals may differ.
        values: Columns with the values, one per feature.
        label: Label column, equal in all rows of a series.

    Returns:
        Examples with float32 arrays ``(time, features)`` as inputs and labels as targets. The location of a series is
        that of its first row.

    Raises:
        InputError: The file cannot be used, a value is missing or not finite, time does not increase within a series,
            or its label changes; the message gives the location.
    """
    return long(_rows(path, header=True), series, time, values, label)


def long(
    rows: Iterable[tuple[str, dict[str, str]]], series: str, time: str, values: Sequence[str], label: str
) -> Examples:
    """Returns the same as ``read_long`` from the location and the cells of each row."""
    columns = [series, time, *values, *([label] if label else [])]
    if isinstance(values, str) or not values or len(set(columns)) < len(columns):
        raise InputError(
            f"the columns {', '.join(map(repr, columns))}: name at least one of values, and each column once"
        )
    by_name: dict[str, _Steps] = {}
    for place, row in rows:
        name, now = cell(row, series, place), number_in(cell(row, time, place), place, f"column {time!r}")
        steps = [number_in(cell(row, value, place), place, f"column {value!r}") for value in values]
        kind = cell(row, label, place) if label else ""
        current = by_name.setdefault(name, _Steps(kind, place, now))
        if current.label != kind:
            raise InputError(
                f"{place}: series {name!r} is {kind!r} here and {current.label!r} at {current.location}:"
                " give it one label"
            )
        if current.steps and now <= current.now:
            raise InputError(
                f"{place}: time {now:g} of series {name!r} comes after {current.now:g}: sort its rows, each time once"
            )
        current.now = now
        current.steps.append(steps)
    return Examples(
        [np.array(current.steps, np.float32) for current in by_name.values()],
        [current.label for current in by_name.values()],
        [current.location for current in by_name.values()],
    )


@dataclasses.dataclass
class _Steps:
    """State of a series: its label, the location of its first row, its last time, its values."""

    label: str
    location: str
    now: float
    steps: list[list[float]] = dataclasses.field(default_factory=list)


def _rows(path, header: bool) -> Iterator[tuple[str, dict[str, str]]]:
    kind = ending(path)
    if kind not in SEPARATORS:
        raise InputError(f"{path}: unknown kind of file {kind!r}: give a .csv or .tsv file")
    empty = True
    for row in table_rows(path, SEPARATORS[kind], header):
        empty = False
        yield row
    if empty:
        raise InputError(f"{path}: has no rows: give at least one")


def number_in(text: str, location: str, what: str) -> float:
    """Returns the finite number in a cell (raises InputError with its location)."""
    try:
        number = float("nan") if "_" in text else float(text)  # float accepts 1_000
    except ValueError:
        number = float("nan")
    if not abs(number) <= _MAX_FLOAT32:
        raise InputError(
            f"{location}: {what} is {text.strip()[:40]!r}, not a finite number: fill the gap or remove the series"
        )
    return number
