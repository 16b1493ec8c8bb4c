"""Series in the ``.ts`` format of the UCR, UEA and TSER archives."""

import os
import re

import numpy as np

from zoo.data.examples import Examples, Reading
from zoo.data.lines import lines
from zoo.data.series import number_in
from zoo.errors import InputError

_FLAGS = ("timestamps", "missing", "univariate", "equallength", "targetlabel")
_STAMPED = re.compile(r"\(\s*([^,()]*?)\s*,\s*([^()]*?)\s*\)")


def read_ts(path: str | os.PathLike) -> Examples:
    """Read labelled series.

    A file has comments after ``#``, header lines that start with ``@``, then a line per series: commas between the
    values of a dimension, colons between dimensions, and the label last (format:
    https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html). Series may differ in length; the dimensions
    of one series may not. Values may have time stamps, ``(2004-02-01 00:00:00,1.5)``, which are ignored. The archive
    pads shorter series with missing values at the end of all dimensions; these are removed.

    Returns:
        Examples with float32 arrays ``(time, features)`` as inputs. Targets are the labels, or numbers with
        ``@targetLabel true``.

    Raises:
        InputError: The file cannot be used, it has no targets, or a value is missing inside a series or not finite; the
            message gives the location.
    """
    header = _Header()
    inputs, labels, location = [], [], []
    for place, line in lines(path):
        line = line.strip()
        if not line or (not header.complete and line.startswith("#")):
            continue
        if header.complete:
            series, label = _case(line, header, place)
            inputs.append(series)
            labels.append(label)
            location.append(place)
        else:
            header.add(line, place)
    if not inputs:
        raise InputError(f"{path}: has no series: give at least one after a line @data")
    return Examples(inputs, labels, location, reading=Reading(notes=header.notes()))


class _Header:
    """Contents of the ``@`` lines of a ``.ts`` file.

    Attributes:
        labels: Classes; empty if the lines do not list them.
        dimensions: Number of dimensions per series; ``None`` until a line or the first series gives it.
        length: Number of steps per series; ``None`` if it may differ, or until the first series gives it.
        flags: Lines with true or false, by name in lower case.
        complete: Whether ``@data`` was read.
        padded: Number of series whose padding was removed.
    """

    def __init__(self):
        self.labels: list[str] = []
        self.dimensions: int | None = None
        self.length: int | None = None
        self.complete = False
        self.flags: dict[str, bool] = {}
        self.padded = 0
        self._seen: set[str] = set()

    def add(self, line: str, place: str) -> None:
        """Read a header line (raises InputError if it is invalid)."""
        name, *values = line.split()
        name = name.removeprefix("@").lower() if line.startswith("@") else ""
        if name in self._seen:
            raise InputError(f"{place}: a second line @{name}: leave one")
        self._seen.add(name)
        if name == "data":
            self._finish(place)
        elif name == "classlabel" and values and values[0].lower() in ("true", "false"):
            self.labels = values[1:] if values[0].lower() == "true" else []
            self.flags["classlabel"] = values[0].lower() == "true"
        elif name in _FLAGS and len(values) == 1 and values[0].lower() in ("true", "false"):
            self.flags[name] = values[0].lower() == "true"
        elif name in ("dimension", "dimensions") and len(values) == 1 and values[0].isdecimal():
            self.dimensions = int(values[0])
        elif name == "serieslength" and len(values) == 1 and values[0].isdecimal():
            self.length = int(values[0]) or None
        elif name != "problemname":
            raise InputError(
                f"{place}: {line[:60]!r} is not understood: write @problemName NAME; @timeStamps, @missing,"
                " @univariate, @equalLength true or false; @dimensions, @seriesLength NUMBER;"
                " @classLabel true LABEL LABEL ...; then @data"
            )

    def _finish(self, place: str) -> None:
        if self.flags.get("classlabel") is False and not self.flags.get("targetlabel"):
            raise InputError(f"{place}: no classes and no targets above: write @classLabel true or @targetLabel true")
        if self.flags.get("univariate"):
            self.dimensions = 1
        self.complete = True

    def notes(self) -> tuple[str, ...]:
        """Returns notes for the user on how the file was read."""
        notes = []
        if self.flags.get("timestamps"):
            notes.append("time stamps are not read: the steps of a series are taken as equally far apart")
        if self.padded:
            notes.append(f"{self.padded:,} series are padded with missing values at their end, which are taken off")
        if not self.labels and not self.flags.get("targetlabel"):
            notes.append("the file lists no classes: the label of each line is the text after its last colon")
        return tuple(notes)


def _case(line: str, header: _Header, place: str) -> tuple[np.ndarray, str]:
    """Returns the series ``(time, features)`` and the label of a line of data."""
    stamped = header.flags.get("timestamps", False)
    if stamped:
        # Colons inside a time stamp are not separators; keep only the values.
        rest = _STAMPED.sub("", line.rpartition(":")[0])
        line = _STAMPED.sub(lambda match: match[2], line)
        if rest.strip(",: "):
            raise InputError(f"{place}: a value without its time stamp: write (TIME,VALUE) for each")
    *dimensions, label = (part.strip() for part in line.split(":"))
    if header.labels and label not in header.labels:
        raise InputError(
            f"{place}: label {label[:40]!r} is none of @classLabel's: end the line with a colon and one of them"
        )
    if not dimensions or not label:
        raise InputError(f"{place}: no label: end the line with a colon and the label")
    header.dimensions = header.dimensions or len(dimensions)
    if len(dimensions) != header.dimensions:
        raise InputError(
            f"{place}: {len(dimensions)} dimensions, not {header.dimensions}: give each series the same number"
        )
    rows = [dimension.split(",") for dimension in dimensions]
    if header.flags.get("equallength"):
        header.length = header.length or len(rows[0])
    for i, row in enumerate(rows, 1):
        expected = header.length or len(rows[0])
        if len(row) != expected:
            raise InputError(f"{place}: dimension {i} has {len(row)} steps, not {expected}: give each the same number")
    end = len(rows[0])
    while end > 1 and all(row[end - 1].strip().lower() in ("?", "nan") for row in rows):
        end -= 1
    header.padded += end < len(rows[0])
    numbers = [
        [number_in(text, place, f"step {j} of dimension {i}") for j, text in enumerate(row[:end], 1)]
        for i, row in enumerate(rows, 1)
    ]
    return np.array(numbers, np.float32).T, label
