"""Series to forecast, from a table with a row per step, a data frame, or arrays."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from zoo.data import objects, read
from zoo.data.columns import Columns
from zoo.data.dates import read_dates
from zoo.data.dialects import Dialect, read_table
from zoo.data.forecast_series import Series
from zoo.data.frequency import MAX_GRID, Frequency, common_distance, infer
from zoo.data.lines import ending, text_of
from zoo.data.number_cells import MAX_VALUE, read_numbers
from zoo.data.tables import file_rows, value_at
from zoo.errors import InputError

MAX_PERIOD = 10_000


def read_series(
    data: Any, columns: Columns, time_format: str = "", period: int | None = None
) -> tuple[list[Series], list[str]]:
    """Read the series of a table, or of arrays.

    Rows may stand in any order. Steps without a row, and empty cells, become missing values. Missing values before the
    first value and after the last one are left out. All dates of a series lie on one frequency, which is inferred.

    Args:
        data: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file, a data frame or another table object with
            ``columns``; or a list of numbers, an array ``(time,)`` or ``(series, time)``, a list of arrays, or a pandas
            Series.
        columns: Columns of a table: ``target`` has the numbers, ``time`` the dates, ``series`` the names. Without
            ``time``, rows are steps in their order.
        time_format: Format of the dates for ``datetime.strptime``; detected by default.
        period: Steps of a season. By default the frequency suggests it, for example 12 for months.

    Returns:
        The series in the order of the table, and notes for the user.

    Raises:
        InputError: The data cannot be read, or can be read in two ways; the message gives the location.
    """
    if period is not None and not 1 <= period <= MAX_PERIOD:
        raise InputError(f"period {period}: give 1 to {MAX_PERIOD:,} steps")
    if (table := _with_dates(data)) is not data:
        data, columns = table, Columns(target="value", time="time")
    rows, notes, name = _rows(data, columns)
    if rows is None:
        if columns.series or columns.time or columns.target:
            raise InputError(f"data of type {type(data).__name__}: has no columns: leave their names out")
        parsed = _arrays(data)
    else:
        parsed, more = _from_table(rows, columns, time_format, name)
        notes += more
    notes += _short(parsed)
    unnamed = columns.target or "1"
    series = [dataclasses.replace(one, name=one.name or unnamed, period=period or one.period) for one in parsed]
    return series, notes


def _with_dates(data: Any) -> Any:
    """Returns a pandas Series with dates in its index as a data frame; other objects as they are."""
    if hasattr(data, "to_frame") and getattr(getattr(data, "index", None), "dtype", np.dtype("O")).kind == "M":
        return data.to_frame("value").rename_axis("time").reset_index()
    return data


def _rows(data: Any, columns: Columns) -> tuple[Iterable[tuple[str, dict]] | None, list[str], str]:
    """Returns the rows of a table, notes and its name; no rows if the data are arrays."""
    if hasattr(data, "itertuples") or objects.as_table(data) is not None:
        return read.frame_rows(data, "DataFrame"), [], "DataFrame"
    if not isinstance(data, str | os.PathLike):
        return None, [], ""
    path = os.fspath(data)
    if ending(path) == ".parquet":
        return read.frame_rows(read.read_parquet(path), path), [], path
    if columns.dialect:
        rows, notes = read_table(path, columns.header, Dialect.parse(columns.dialect))
        return rows, notes, path
    return file_rows(path, columns.header), [], path


def _arrays(data: Any) -> list[Series]:
    """Returns the series of an array, a list of numbers or a list of arrays."""
    try:
        single = np.ndim(data) == 1 and len(data) > 0 and not any(np.ndim(value) for value in data)
    except (TypeError, ValueError):  # a list of arrays of different lengths; or something else
        single = False
    try:
        items = [data] if single else list(data)
        arrays = [np.asarray(item, np.float64) for item in items]
    except (TypeError, ValueError):
        raise InputError(
            f"data of type {type(data).__name__}: give a file, a DataFrame, an array or a list of arrays of numbers"
        ) from None
    if not arrays:
        raise InputError("no series: give at least one")
    series = []
    for i, values in enumerate(arrays):
        location = "the series" if single else f"series {i + 1}"
        if values.ndim != 1:
            raise InputError(f"{location}: an array of shape {values.shape}: give the values of one series, (time,)")
        if (bad := np.flatnonzero(np.abs(values) > MAX_VALUE)).size:
            raise InputError(
                f"{location}: value {bad[0] + 1} is {values[bad[0]]}: correct it, or give NaN if it is missing"
            )
        known = np.flatnonzero(~np.isnan(values))
        if not known.size:
            raise InputError(f"{location}: has no value: give at least one number")
        values = values[known[0] : known[-1] + 1]
        series.append(Series("" if single else str(i + 1), values, location=location))
    return series


def _from_table(
    rows: Iterable[tuple[str, dict]], columns: Columns, time_format: str, name: str
) -> tuple[list[Series], list[str]]:
    if not columns.target:
        raise InputError(f"{name}: name the column with the numbers: --target COLUMN")
    if time_format and not columns.time:
        raise InputError("--time-format: needs --time COLUMN: add it")
    named = [columns.target, *filter(None, (columns.time, columns.series))]
    if len(set(named)) < len(named):
        raise InputError(f"{name}: column {named[0]!r} is named twice: give each option its own column")
    locations: list[str] = []
    cells: list[str] = []
    dates: list[str] = []
    names: list[str] = []
    for location, row in rows:
        locations.append(location)
        cells.append(_cell(value_at(row, columns.target, location)))
        dates.append(_cell(value_at(row, columns.time, location)) if columns.time else "")
        names.append(_name(row, columns.series, location) if columns.series else "")
    decimal = Dialect.parse(columns.dialect).decimal if any("," in text for text in cells) else None
    values, notes = read_numbers(cells, locations, columns.target, decimal)
    times = None
    if columns.time:
        times, more = read_dates(dates, locations, columns.time, time_format)
        notes += more
    members: dict[str, list[int]] = {}
    for i, one in enumerate(names):
        members.setdefault(one, []).append(i)
    empty = int(np.isnan(values).sum())
    if empty:
        notes.append(f"column {columns.target!r}: missing values: {empty:,} of {len(values):,}")
    table = _Table(values, times, dates, locations, columns)
    return _series(table, {one: np.array(indices) for one, indices in members.items()}, notes), notes


@dataclasses.dataclass(frozen=True)
class _Table:
    """Columns of a table: numbers, dates and their texts, locations, and the names of the columns."""

    values: np.ndarray
    times: np.ndarray | None
    dates: list[str]
    locations: Sequence[str]
    columns: Columns


def _series(table: _Table, members: dict[str, np.ndarray], notes: list[str]) -> list[Series]:
    """Returns the series of a table; adds notes."""
    if table.times is None:
        pairs = [(name, rows, table.values[rows]) for name, rows in members.items()]
        return [_trimmed(Series(name, values, location=_place(table, name, rows[0]))) for name, rows, values in pairs]
    unsorted = 0
    for name, rows in members.items():
        order = np.argsort(table.times[rows], kind="stable")
        unsorted += int((np.diff(table.times[rows]).astype(np.int64) < 0).any())
        members[name] = rows[order]
        _check_once(table, name, members[name])
    if unsorted:
        of = f" of {unsorted:,} series" if table.columns.series else ""
        notes.append(f"the rows{of} are not in the order of time: they are sorted by column {table.columns.time!r}")
    common = _common(table, members)
    series, missing, holed, unknown = [], 0, 0, 0
    for name, rows in members.items():
        frequency, steps = _frequency(table, name, rows, common)
        values = np.full(steps[-1] + 1, np.nan)
        values[steps] = table.values[rows]
        holes = len(values) - len(steps)
        missing, holed, unknown = missing + holes, holed + bool(holes), unknown + bool(np.isnan(values[-1]))
        times = _times(table.times[rows], steps, frequency)
        place = _place(table, name, rows[0])
        series.append(_trimmed(Series(name, values, times, frequency.name, frequency.period, place)))
    if missing:
        of = f", in {holed:,} series" if table.columns.series else ""
        notes.append(f"steps without a row: {missing:,}{of}; they are read as missing values")
    if unknown:
        of = f"{unknown:,} of {len(series):,} series end" if table.columns.series else "the table ends"
        notes.append(f"{of} with rows that have no value: the forecast begins after the last value")
    notes += _ends(series, table.columns.series)
    return series


def _place(table: _Table, name: str, row: int) -> str:
    return f"{table.locations[row]}: series {name!r}" if name else table.locations[row]


def _check_once(table: _Table, name: str, rows: np.ndarray) -> None:
    """Raise InputError if two rows of a series have one date."""
    assert table.times is not None
    same = np.flatnonzero(np.diff(table.times[rows]).astype(np.int64) == 0)
    if not same.size:
        return
    first, second = sorted(rows[same[0] : same[0] + 2])
    of = f" of series {name!r}" if name else ""
    remedy = "remove one of the rows" if name else "remove one, or name the column with the series: --series COLUMN"
    text = table.dates[second].strip()[:40]
    raise InputError(f"{table.locations[second]}: {text!r}{of} is at {table.locations[first]} too: {remedy}")


def _common(table: _Table, members: dict[str, np.ndarray]) -> Frequency | None:
    """Returns the most common frequency of the series, weighted by their rows; a longer series is more certain."""
    assert table.times is not None
    votes: Counter[Frequency] = Counter()
    for rows in members.values():
        if frequency := infer(table.times[rows]):
            votes[frequency] += len(rows)
    return votes.most_common(1)[0][0] if votes else None


def _frequency(table: _Table, name: str, rows: np.ndarray, common: Frequency | None) -> tuple[Frequency, np.ndarray]:
    """Returns the frequency of a series and the step of each of its rows.

    The frequency is the common one if the dates lie on it without large gaps, otherwise their own.
    """
    assert table.times is not None
    times = table.times[rows]
    for frequency in (common, infer(times)):
        steps = frequency.index(times) if frequency else None
        if frequency and steps is not None and (np.diff(steps) > 0).all() and steps[-1] < MAX_GRID * (len(times) + 1):
            return frequency, steps
    place = _place(table, name, rows[0])
    if len(times) == 1:
        if times.dtype.kind == "i":
            return Frequency("1", "step", 1), np.zeros(1, np.int64)
        raise InputError(f"{place}: one date shows no frequency: give at least two rows")
    distance = common_distance(times)
    steps = (times - times[0]).astype(np.int64)
    bad = rows[int(np.flatnonzero(steps % distance)[0])] if (steps % distance).any() else rows[-1]
    shown = f"steps of {distance}" if times.dtype.kind == "i" else f"steps of {_duration(distance)}"
    raise InputError(
        f"{table.locations[bad]}: {table.dates[bad].strip()[:40]!r} is not on the {shown} that most rows have: round"
        " the dates, or add the rows up per day, week or month"
    )


def _duration(microseconds: int) -> str:
    seconds = microseconds / 1_000_000
    unit, size = next(
        ((u, s) for u, s in (("days", 86_400), ("hours", 3600), ("minutes", 60)) if seconds >= s), ("s", 1)
    )
    return f"{seconds / size:g} {unit}"


def _times(times: np.ndarray, steps: np.ndarray, frequency: Frequency) -> np.ndarray:
    """Returns the dates of all steps; those of the table where it has them."""
    length = int(steps[-1]) + 1
    if length == len(steps):
        return times
    full = np.concatenate([times[:1], frequency.after(times[:1], length - 1)])
    full[steps] = times
    return full


def _trimmed(series: Series) -> Series:
    """Returns a series from its first to its last value."""
    known = np.flatnonzero(~np.isnan(series.values))
    if not known.size:
        raise InputError(f"{series.location}: has no value: give at least one number, or remove the series")
    chosen = slice(int(known[0]), int(known[-1]) + 1)
    times = None if series.times is None else series.times[chosen]
    return dataclasses.replace(series, values=series.values[chosen], times=times)


def _ends(series: Sequence[Series], column: str) -> list[str]:
    """Returns a note on series that end before others of their frequency."""
    latest: dict[str | None, Any] = {}
    for one in series:
        if one.times is not None:
            latest[one.frequency] = max(latest.get(one.frequency, one.times[-1]), one.times[-1])
    early = [one for one in series if one.times is not None and one.times[-1] < latest[one.frequency]]
    if not early or not column:
        return []
    shown = ", ".join(f"{one.name!r} at {date_text(one.times[-1])}" for one in early[:3] if one.times is not None)
    more = ", ..." if len(early) > 3 else ""
    return [
        f"{len(early):,} of {len(series):,} series end before the others ({shown}{more}): each is forecast from its end"
    ]


def _short(series: Sequence[Series]) -> list[str]:
    """Returns notes on series that say little: one value, or zeros only."""
    notes = []
    for what, affected in (
        ("has one value: its forecast can only repeat it", [one for one in series if len(one.values) == 1]),
        ("has only zeros", [one for one in series if len(one.values) > 1 and not np.nan_to_num(one.values).any()]),
    ):
        if len(affected) == 1:
            notes.append(f"series {affected[0].name!r} {what}" if affected[0].name else f"the series {what}")
        elif affected:
            notes.append(f"{len(affected):,} series, such as {affected[0].name!r}: each {what}")
    return notes


def date_text(time: Any) -> str:
    """Returns a date as text, without a time of day at midnight; a number as it is."""
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time.astype("datetime64[us]"))
    day, _, clock = text.partition("T")
    clock = clock.removesuffix(".000000")
    return day if clock in ("", "00:00:00") else f"{day} {clock}"


def _name(row: dict, column: str, location: str) -> str:
    return text_of(_cell(value_at(row, column, location)), location, f"column {column!r}")


def _cell(value: Any) -> str:
    """Returns a cell as text; a missing value is empty."""
    if isinstance(value, str):
        return value
    return "" if objects.is_missing(value) else str(value)
