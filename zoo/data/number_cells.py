"""Numbers from the cells of a column, as spreadsheets write them: decimal commas, thousands, currency signs."""

import math
import re
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from zoo.errors import InputError

MAX_VALUE = 1e30
"""Maximum absolute value; squares and sums of it are finite."""

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none")
"""Cells that are read as missing values, in lower case."""

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SIGNS = "€$£¥₹₩₽₺₿%"
_SIGNED = re.compile(rf"([+-]?)([{_SIGNS}]?) ?([+-]?)(\d[\d., '’]*?) ?([{_SIGNS}]?)", re.ASCII)
_GROUPS = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+", re.ASCII) for mark in "., '"}


def read_numbers(
    cells: Sequence[str], locations: Sequence[str], column: str, decimal: str | None = None
) -> tuple[np.ndarray, list[str]]:
    """Read a column of numbers.

    Args:
        cells: The cells; empty ones and those in ``MISSING`` are missing values.
        locations: Location of each cell, for messages.
        column: Name of the column, for messages.
        decimal: Decimal mark, ``"."`` or ``","``; by default the cells must show it.

    Returns:
        ``(cells,)`` float64 with NaN for missing values, and notes for the user.

    Raises:
        InputError: A cell is not a finite number, or can be read in two ways.
    """
    cells = [" ".join(cell.replace("−", "-").split()) for cell in cells]
    missing = [cell.lower() in MISSING for cell in cells]
    plain = [gone or bool(_PLAIN.fullmatch(cell)) for cell, gone in zip(cells, missing, strict=True)]
    notes = []
    if not all(plain) or decimal == ",":
        cells, notes = _as_plain(cells, missing, locations, column, decimal)
    values = np.array([math.nan if gone else float(cell) for cell, gone in zip(cells, missing, strict=True)])
    if (np.abs(values[~np.isnan(values)]) > MAX_VALUE).any():
        i = int(np.flatnonzero(np.abs(values) > MAX_VALUE)[0])
        raise InputError(
            f"{locations[i]}: column {column!r}: {cells[i][:40]} is beyond {MAX_VALUE:g}: use another unit"
        )
    words = sum(bool(cell) and gone for cell, gone in zip(cells, missing, strict=True))
    if words:
        notes.append(f"column {column!r}: cells such as 'NA', read as missing values: {words:,}")
    return values, notes


def _as_plain(
    cells: Sequence[str], missing: Sequence[bool], locations: Sequence[str], column: str, decimal: str | None
) -> tuple[list[str], list[str]]:
    """Returns cells that ``float`` reads, and notes."""
    parts: dict[int, tuple[str, str]] = {}  # of each cell: its sign and its digits with marks
    unit = ""
    for i, (cell, gone, location) in enumerate(zip(cells, missing, locations, strict=True)):
        if gone or (_PLAIN.fullmatch(cell) and "e" in cell.lower()):
            continue
        match = _SIGNED.fullmatch(cell)
        if not match:
            _refuse(cell, location, column)
        sign, before, inner, digits, after = match.groups()
        written_unit = before or after
        if (sign and inner) or (before and after) or (unit and written_unit and written_unit != unit):
            raise InputError(
                f"{location}: column {column!r}: {cell[:40]!r} has another sign than the rows before: give one unit"
            )
        unit = unit or written_unit
        parts[i] = sign or inner, digits.replace("’", "'")
    shown = decimal or _decimal_mark(parts, cells, locations, column)
    thousands = set()
    plain = list(cells)
    for i, (sign, digits) in parts.items():
        whole, _, rest = digits.partition(shown)
        marks = set(whole) - set("0123456789")
        if len(marks) > 1 or (marks and not _GROUPS[min(marks)].fullmatch(whole)) or not (rest + "0").isdigit():
            _refuse(cells[i], locations[i], column)
        thousands |= marks
        plain[i] = f"{sign}{re.sub('[^0-9]', '', whole)}.{rest}"
    notes = []
    if shown == ",":
        notes.append(f"column {column!r}: decimal commas are read as points")
    if thousands:
        notes.append(f"column {column!r}: {' and '.join(map(repr, sorted(thousands)))} separates thousands")
    if unit:
        notes.append(f"column {column!r}: the sign {unit} is left out")
    return plain, notes


def _decimal_mark(
    parts: dict[int, tuple[str, str]], cells: Sequence[str], locations: Sequence[str], column: str
) -> str:
    """Returns the decimal mark that the cells show (raises InputError if they show none, or both)."""
    shown: dict[str, int] = {}  # the first cell that shows a mark to be the decimal one
    doubtful = None
    for i, (_, digits) in parts.items():
        marks = [mark for mark in digits if mark in ".,"]
        if not marks:
            continue
        last = marks[-1]
        other = "." if last == "," else ","
        if len(set(marks)) == 2:
            shown.setdefault(last, i)
        elif len(marks) > 1:
            shown.setdefault(other, i)
        elif not _GROUPS[last].fullmatch(digits) or digits.startswith("0"):
            shown.setdefault(last, i)
        elif last == "," and doubtful is None:
            doubtful = i
    if len(shown) == 2:
        i, j = sorted(shown.values())
        raise InputError(
            f"{locations[j]}: column {column!r}: {cells[j][:40]!r} has another decimal mark than {cells[i][:40]!r} at"
            f" {locations[i]}: write all numbers alike"
        )
    if not shown and doubtful is not None:
        raise InputError(
            f"{locations[doubtful]}: column {column!r}: {cells[doubtful][:40]!r} has a decimal comma or thousands: set"
            " it with --dialect decimal=, or --dialect decimal=."
        )
    return next(iter(shown), ".")


def _refuse(cell: str, location: str, column: str) -> NoReturn:
    """Raise InputError for a cell that is no number."""
    if cell.lower().lstrip("+-") in ("inf", "infinity"):
        raise InputError(f"{location}: column {column!r} is infinite: correct it, or leave the cell empty")
    raise InputError(
        f"{location}: column {column!r}: {cell[:40]!r} is not a number: correct it, or leave the cell empty if it is"
        " missing"
    )
