"""Read the files that the time series are published in."""

import csv
import datetime
import gzip
import json
import lzma
import statistics
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import InputError


class Row(NamedTuple):
    """One series of a file.

    Attributes:
        name: Name of the series.
        values: Numbers in order of time, float64; NaN marks a missing value.
        test: Values that follow, where the file has an official test part; otherwise empty.
        period: Steps of a season; 0 if unknown.
    """

    name: str
    values: np.ndarray
    test: np.ndarray
    period: int


_NO_TEST = np.zeros(0)


def steps_of_season(frequency: float) -> int:
    """Returns the steps of a season, where R's ``frequency`` counts observations per year or per cycle.

    Observations that are hourly on part of the day have a frequency like 7,305, which is 20 hours times 365.25 days.
    Their season is the day.
    """
    return max(1, round(frequency if frequency < 1_000 else frequency / 365.25))


def _load_r(path: str) -> Any:
    """Returns the object of an ``.rda`` file; a time series is a pair of values ``(time, ...)`` and frequency.

    Raises:
        InputError: The library ``rdata`` is not installed.
    """
    try:
        import rdata
    except ImportError as error:
        raise InputError(f"{path}: reading R files needs rdata: pip install 'seqzoo[forecasting]'") from error

    def series(values: Any, attributes: dict) -> tuple[np.ndarray, float]:
        return np.asarray(values, np.float64), float(attributes["tsp"][2])

    classes = {**rdata.conversion.DEFAULT_CLASS_MAP, "ts": series, "mts": series}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it names every class of R that it leaves as it is
        (loaded,) = rdata.read_rda(path, constructor_dict=classes).values()
    return loaded


def read_m1(paths: dict[str, str]) -> Iterator[Row]:
    """Yield the series of the M1 competition, with their official test part."""
    for name, entry in _load_r(paths["M1.rda"]).items():
        (values, frequency), (test, _) = entry["x"], entry["xx"]
        yield Row(str(name), values, test, steps_of_season(frequency))


def read_list(paths: dict[str, str]) -> Iterator[Row]:
    """Yield the series of a list in R, named by their position or name; each column of a matrix is a series."""
    (path,) = paths.values()
    loaded = _load_r(path)
    for name, (values, frequency) in loaded.items() if isinstance(loaded, dict) else enumerate(loaded):
        period = steps_of_season(frequency)
        if values.ndim == 1:
            yield Row(str(name), values, _NO_TEST, period)
        else:
            for i, column in enumerate(values.T):
                yield Row(f"{name}.{i}", column, _NO_TEST, period)


def read_table(paths: dict[str, str], keys: tuple[str, ...], measures: tuple[str, ...]) -> Iterator[Row]:
    """Yield the series of a table in R with one row per series and date: one per combination of keys and measure.

    Args:
        paths: The file.
        keys: Columns that name a series.
        measures: Columns with numbers.
    """
    (path,) = paths.values()
    table = _load_r(path)
    groups = [((), table)] if not keys else table.groupby(list(keys), sort=False, observed=True)
    for names, rows in groups:
        for measure in measures:
            name = "/".join([*map(str, names or ("all",)), measure])
            yield Row(name, rows[measure].to_numpy(np.float64), _NO_TEST, 0)


def read_m4(paths: dict[str, str]) -> Iterator[Row]:
    """Yield the series of two tables of the M4 competition, one series per row, with their official test part."""
    parts = {}
    for part in ("train", "test"):
        with open(paths[part], newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            parts[part] = {name: np.array([float(cell) for cell in cells if cell]) for name, *cells in rows}
    for name, values in parts["train"].items():
        yield Row(name, values, parts["test"][name], 0)


def read_nab(paths: dict[str, str]) -> Iterator[Row]:
    """Yield one series per file with the columns ``timestamp`` and ``value``; the season is a day."""
    for name, path in paths.items():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        times = [datetime.datetime.fromisoformat(row["timestamp"]) for row in rows]
        step = statistics.median(after - before for before, after in zip(times, times[1:], strict=False))
        values = np.array([float(row["value"]) for row in rows])
        yield Row(name, values, _NO_TEST, _steps_of_day(step))


def _steps_of_day(step: datetime.timedelta) -> int:
    return datetime.timedelta(days=1) // step


def read_columns(paths: dict[str, str]) -> Iterator[Row]:
    """Yield one series per column of a comma-separated table; a column ``date`` is no series."""
    (path,) = paths.values()
    content = Path(path).read_bytes()
    if content.startswith(b"\x1f\x8b"):  # gzip; a local copy may have any name
        content = gzip.decompress(content)
    rows = list(csv.reader(content.decode("utf-8").splitlines()))
    names = rows.pop(0) if "date" in rows[0] else [str(i) for i in range(len(rows[0]))]
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        if name != "date":
            yield Row(name, np.array(cells, np.float64), _NO_TEST, 0)


def read_json_lines(path: str) -> Iterator[Row]:
    """Yield the series of the JSON-lines form: ``id``, ``train``, ``test``, and ``m`` or ``step``.

    Args:
        path: An ``.xz`` file. ``m`` is R's frequency. ``step`` is the distance of two values, for example
            ``0 days 00:05:00``. ``null`` is a missing value.
    """
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            period = steps_of_season(row.get("m") or 0) if "step" not in row else _steps_of_day(_step(row["step"]))
            values, test = (np.array(row[part] or [], np.float64) for part in ("train", "test"))
            yield Row(row["id"], values, test, period)


def _step(text: str) -> datetime.timedelta:
    days, _, clock = text.split()
    hours, minutes, seconds = map(int, clock.split(":"))
    return datetime.timedelta(days=int(days), hours=hours, minutes=minutes, seconds=seconds)
