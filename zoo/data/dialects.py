"""Dialects: tables from spreadsheets, with other encodings, separators and decimal commas."""

import csv
import dataclasses
import io
import os
import re
from collections import Counter

from zoo.data.lines import ending, open_bytes, refuse_special
from zoo.data.tables import SEPARATORS, check_different
from zoo.errors import InputError

MAX_BYTES = 1_000_000_000
"""Maximum size of a file in a dialect; it is read into memory."""

_MAX_TITLE = 20  # maximum lines before the header
_SAMPLE = 200  # rows used to detect the separator
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """Format of a table; ``None`` means detected.

    Attributes:
        encoding: Name of the encoding.
        separator: Text between cells.
        decimal: ``"."`` or ``","``.
        skip: Number of lines before the header.
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    skip: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Dialect":
        """Returns the dialect for an option: ``auto``, or parts of ``encoding=cp1252 separator=; skip=1``.

        Raises:
            InputError: The option is invalid.
        """
        values: dict[str, str] = {}
        for part in text.split():
            name, _, value = part.partition("=")
            if part == "auto":
                continue
            if name not in ("encoding", "separator", "decimal", "skip") or not value:
                raise InputError(
                    f"--dialect {text}: {part!r} is not understood: give auto, or some of encoding=NAME separator=;"
                    " decimal=, skip=1"
                )
            values[name] = value
        separator = {"tab": "\t", "\\t": "\t"}.get(values.get("separator", ""), values.get("separator"))
        skip = values.get("skip", "0")
        if (separator and len(separator) != 1) or values.get("decimal", ".") not in ".," or not skip.isdecimal():
            raise InputError(f"--dialect {text}: give one separator, decimal=. or decimal=, and a number of lines")
        try:
            "".encode(values.get("encoding", "utf-8"))
        except LookupError:
            raise InputError(f"--dialect {text}: no encoding {values['encoding']!r}: give one such as cp1252") from None
        return cls(values.get("encoding"), separator, values.get("decimal"), int(skip) if "skip" in values else None)


def read_table(path: str | os.PathLike, header: bool, dialect: Dialect) -> tuple[list[tuple[str, dict]], list[str]]:
    """Read a ``.csv`` or ``.tsv`` in the format of a spreadsheet.

    Returns:
        The location of each row with its cells by column, and a note per detected property.

    Raises:
        InputError: The file cannot be read, or can be read in two ways; the message gives the location and the part of
            ``--dialect`` to set.
    """
    if ending(path) not in SEPARATORS:
        raise InputError(f"{path}: --dialect is for .csv and .tsv files: leave it out")
    text, notes = _decoded(path, dialect.encoding)
    separator = dialect.separator
    skipped = 0
    if first := re.match(r'"?sep=(.)"?\r?(\n|$)', text):
        separator = separator or first[1]
        text, skipped = text[first.end() :], 1
        notes.append(f"the first line names the separator, {first[1]!r}")
    if separator is None:
        separator = _separator(text, path, SEPARATORS[ending(path)])
        if separator != SEPARATORS[ending(path)]:
            notes.append(f"cells are separated by {separator!r}")
    rows = _rows(text, separator, path, skipped)
    rows, more = _without_title(rows, dialect.skip, path)
    notes += more
    filled = [(location, row) for location, row in rows if any(cell.strip() for cell in row)]
    if len(filled) < len(rows):
        notes.append(f"{len(rows) - len(filled):,} empty rows are left out")
    if not filled:
        raise InputError(f"{path}: has no rows: give at least one input with its target")
    filled, more = _without_empty_columns(filled)
    notes += more
    width = len(filled[0][1])
    for location, row in filled:
        if len(row) != width:
            raise InputError(
                f"{location}: the row has {len(row)} cells, the first one {width}: quote cells with {separator!r}"
            )
    names = [cell.strip() for cell in filled[0][1]] if header else [str(i + 1) for i in range(width)]
    check_different(names, filled[0][0])
    body = filled[1:] if header else filled
    if not body:
        raise InputError(f"{path}: has no rows: give at least one input with its target")
    if separator != "," and dialect.decimal != ".":
        notes += _with_points(body, names, dialect.decimal, path)
    return [(location, dict(zip(names, row, strict=True))) for location, row in body], notes


def _decoded(path, encoding: str | None) -> tuple[str, list[str]]:
    try:
        refuse_special(path, os.fspath(path))
        with open_bytes(path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check its name and folder") from None
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}): give a file that you may read") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES:,} bytes: leave --dialect out, or cut the file")
    guess, notes = encoding, []
    if guess is None:
        guess = _encoding(data, path)
        notes = [] if guess == "utf-8-sig" else [f"read as {guess}; for another encoding --dialect encoding=NAME"]
    try:
        text = data.decode(guess)
    except (UnicodeError, ValueError) as error:
        line = data[: getattr(error, "start", 0)].count(b"\n") + 1
        raise InputError(f"{path}:{line}: is not {guess}: name it with --dialect encoding=NAME") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}:{line}: a NUL byte: give a text file, not a binary one")
    return text.removeprefix("\ufeff"), notes


def _encoding(data: bytes, path) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    zeros = data[:4000].count(0)
    if zeros > len(data[:4000]) // 4:
        return "utf-16-le" if data[1:4000:2].count(0) >= zeros / 2 else "utf-16-be"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        high = sum(byte >= 0x80 for byte in data)
        letters = sum(chr(byte).isalpha() for byte in data if byte < 0x80)
        line = data[: error.start].count(b"\n") + 1
        if high > 0.3 * (high + letters):
            # Western texts have few letters beyond ASCII; texts in other scripts have almost no ASCII letters.
            raise InputError(f"{path}:{line}: is not UTF-8: name the encoding, --dialect encoding=cp1251") from None
        return "cp1252"
    return "utf-8-sig"


def _separator(text: str, path, own: str) -> str:
    shares: dict[str, float] = {}
    for mark in ",;\t|":
        counts = [len(row) for _, row in _rows(text, mark, path, 0, _SAMPLE, strict=False) if any(row)]
        widest = Counter(n for n in counts if n > 1).most_common(1)
        if widest:
            shares[mark] = widest[0][1] / len(counts)
    if not shares:
        return own
    best = max(shares.values())
    alike = [mark for mark, share in shares.items() if share >= best - 0.01]
    if len(alike) > 1:
        shown = " and ".join(map(repr, alike))
        raise InputError(f"{path}:1: cells may be separated by {shown}: set it with --dialect 'separator={alike[0]}'")
    return alike[0]


def _rows(text: str, separator: str, path, skipped: int, limit: int | None = None, strict: bool = True):
    quoting = csv.QUOTE_NONE if separator == "\t" and ending(path) == ".tsv" else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=strict)
    rows: list[tuple[str, list[str]]] = []
    while limit is None or len(rows) < limit:
        place = f"{path}:{reader.line_num + 1 + skipped}"
        try:
            row = next(reader, None)
        except csv.Error:
            if not strict:
                return rows
            raise InputError(
                f"{place}: a quote opens in this row and does not close well: end the cell with it"
            ) from None
        if row is None:
            break
        rows.append((place, row))
    return rows


def _without_title(rows: list, skip: int | None, path) -> tuple[list, list[str]]:
    if skip is not None:
        return rows[skip:], []
    filled = [row for _, row in rows if any(row)]
    width = Counter(map(len, filled)).most_common(1)[0][0] if filled else 0
    count = 0
    while count < len(rows) and (len(rows[count][1]) < width or rows[count][1][0].startswith("#")):
        count += 1
    if count > _MAX_TITLE:
        raise InputError(f"{path}:1: the header is not found: give the number of lines before it, --dialect skip=1")
    lines = sum(any(row) for _, row in rows[:count])
    return rows[count:], [f"{lines} lines before the header are left out"] * bool(lines)


def _without_empty_columns(rows: list) -> tuple[list, list[str]]:
    """Returns rows without the columns at the end that are empty in every row."""
    last = [max((i + 1 for i, cell in enumerate(row) if cell.strip()), default=0) for _, row in rows]
    width = max(last)
    full_width = max(len(row) for _, row in rows)
    return [(location, row[:width]) for location, row in rows], [
        f"{full_width - width} empty columns at the end are left out"
    ] * (full_width > width)


def _with_points(rows: list, names: list[str], decimal: str | None, path) -> list[str]:
    """Replace decimal commas by points, in place; returns a note."""
    changed = []
    for j, name in enumerate(names):
        cells = [(location, row[j].strip()) for location, row in rows if row[j].strip()]
        commas = [(location, cell) for location, cell in cells if "," in cell]
        if not commas or not all(_NUMBER.fullmatch(cell) or _THOUSANDS.fullmatch(cell) for _, cell in cells):
            continue
        if decimal is None and all(_THOUSANDS.fullmatch(cell) for _, cell in commas):
            location, cell = commas[0]
            raise InputError(
                f"{location}: column {name!r}: {cell!r} has a decimal comma or thousands: set it with --dialect 'auto"
                " decimal=,' or decimal=."
            )
        if not all(_NUMBER.fullmatch(cell) for _, cell in cells):
            location, cell = next((w, c) for w, c in cells if not _NUMBER.fullmatch(c))
            raise InputError(f"{location}: column {name!r}: {cell!r} is not a number with a decimal comma: correct it")
        for _, row in rows:
            row[j] = row[j].replace(".", "").replace(",", ".")
        changed.append(name)
    shown = ", ".join(map(repr, changed[:5])) + (", ..." if len(changed) > 5 else "")
    return [f"decimal commas in {shown} are read as points"] * bool(changed)
