"""Examples from a user's file: CSV, TSV or JSONL, read strictly, each row with its location."""

import csv
import difflib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from zoo.data.columns import DEFAULT, Columns
from zoo.data.examples import Examples, Reading
from zoo.data.lines import MAX_LINE_BYTES, OnBad, Part, ending, lines, refuse, text_of
from zoo.errors import InputError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""Separator of the cells, by file extension."""

# The default limit of the csv module, 131,072, is too small for some documents; it applies to the process.
csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))


def read_examples(
    path: str | os.PathLike,
    input: str,
    target: str,
    header: bool = True,
    group: str = "",
    on_bad: OnBad = refuse,
) -> Examples:
    """Read two columns of a file; its extension gives the format.

    - ``.csv``: comma-separated. A cell with a comma, a quote or a line end is in double quotes, with quotes inside it
      doubled.
    - ``.tsv``: tab-separated, without quoting.
    - ``.jsonl``: one JSON object per line, with the columns as fields.

    Text is UTF-8; a byte-order mark is accepted. Spaces around a cell and blank lines are dropped.

    Args:
        path: The file.
        input: Input column.
        target: Target column.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names the columns; otherwise their names are ``"1"``,
            ``"2"`` and so on.
        group: Column whose values must not be split between parts, if any.
        on_bad: Called with the error of each bad row; the other rows are returned.

    Raises:
        InputError: The file or a row cannot be used; the message gives the location.

    Example:
        >>> import zoo
        >>> from pathlib import Path
        >>> _ = Path("words.csv").write_text("word,phones\\ncat,K AE T\\n")
        >>> zoo.read_examples("words.csv", input="word", target="phones").targets
        ['K AE T']
    """
    return two_columns(file_rows(path, header, on_bad), input, target, group, on_bad=on_bad)


def stream_examples(
    path: str | os.PathLike,
    input: str,
    target: str,
    header: bool = True,
    on_bad: OnBad = refuse,
    part: Part | None = None,
) -> Iterator[tuple[str, str, str]]:
    """Read as ``read_examples`` does, but yield input, target and location row by row.

    Args:
        path: The table.
        input: Input column.
        target: Target column.
        header: Whether the first row names the columns.
        on_bad: Called with the error of each row that cannot be used.
        part: Where to begin to read; ``None`` reads all.
    """
    named = False  # whether a row has shown that the columns are there
    for location, row in file_rows(path, header, on_bad, part):
        named = named or {input, target} <= set(row)
        try:
            example = two_columns([(location, row)], input, target)
        except InputError as error:
            if not named:
                raise
            on_bad(error)
        else:
            yield example.inputs[0], example.targets[0], location


def is_table(path: str | os.PathLike) -> bool:
    """Returns whether a file name has the extension of a table."""
    return ending(path) in (*SEPARATORS, ".jsonl")


def column_names(path: str | os.PathLike, header: bool) -> tuple[str, ...]:
    """Returns the names of the columns in the first row of a file."""
    return tuple(next(file_rows(path, header))[1])


def file_rows(
    path: str | os.PathLike, header: bool, on_bad: OnBad = refuse, part: Part | None = None
) -> Iterator[tuple[str, dict]]:
    """Yield the place of each row of a file, at least one, and its cells by column; from ``part`` on."""
    kind = ending(path)
    if not is_table(path):
        raise InputError(f"{path}: unknown kind of file {kind!r}: give a .csv, .tsv or .jsonl file")
    empty = True

    def noted(error: InputError) -> None:
        nonlocal empty
        empty = False  # a file of bad rows is not an empty file
        on_bad(error)

    if kind == ".jsonl":
        rows = _json_rows(path, noted, part)
    else:
        rows = table_rows(path, SEPARATORS[kind], header, on_bad=noted, part=part)
    for location, row in rows:
        empty = False
        yield location, row
    if empty:
        raise InputError(f"{path}: has no rows: give at least one input with its target")


def two_columns(
    rows: Iterable[tuple[str, dict]],
    input: str,
    target: str,
    group: str = "",
    columns: Columns = DEFAULT,
    on_bad: OnBad = refuse,
) -> Examples:
    """Returns examples from the location and the cells of each row.

    A cell may be a text. In JSON and data frames it may also be a list of tokens, of tags, or a series of numbers. A
    target may be a number.
    """
    results, tokens = [], False
    for location, row in rows:
        try:
            value = value_at(row, input, location)
            text = _input(value, location, f"column {input!r}")
            target_text = ""
            if target:
                target_text = _target(value_at(row, target, location), location, f"column {target!r}", columns)
            results.append((text, target_text, location, cell(row, group, location) if group else ""))
        except InputError as error:
            if not results and not {input, *filter(None, (target, group))} <= set(row):
                raise  # the column is missing, not a cell
            on_bad(error)
        else:
            tokens = tokens or (isinstance(value, list) and isinstance(value[0], str))
    inputs, targets, places, groups = ([row[i] for row in results] for i in range(4))
    reading = Reading(layout="tokens" if tokens else None)
    return Examples(inputs, targets, places, groups if group else None, reading)


def _input(value: Any, location: str, what: str) -> Any:
    if not isinstance(value, list):
        return _text(value, location, what)
    if len(value) and isinstance(value[0], str):
        return _joined(value, location, what)
    from zoo.data.sound import as_channels, numbers  # importing NumPy takes time, so check the name first

    try:
        return as_channels(numbers(value))
    except InputError as error:
        raise InputError(f"{location}: {what}: {error}") from None


def _target(value: Any, location: str, what: str, columns: Columns) -> str:
    if isinstance(value, list):
        names = [name.strip() for name in columns.tag_names.split(",")] if columns.tag_names else None
        return _joined([_named_tag(tag, names, location, what) for tag in value], location, what)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return _text(value, location, what)


def _named_tag(tag: Any, names: list[str] | None, location: str, what: str) -> Any:
    if isinstance(tag, bool) or not isinstance(tag, int):
        return tag
    if names is None or not 0 <= tag < len(names):
        known = f"only {len(names)} tags are named" if names else "tags have no names"
        raise InputError(f"{location}: {what}: tag {tag}: {known}: name them in their order, --tag-names O,B-PER,I-PER")
    return names[tag]


def _joined(parts: Any, location: str, what: str) -> str:
    """Returns tokens or tags joined by spaces."""
    for part in parts:
        if not isinstance(part, str) or not part.strip() or len(part.split()) > 1:
            raise InputError(f"{location}: {what}: {part!r:.40} is not a token: give texts without spaces")
    return text_of(" ".join(part.strip() for part in parts), location, what)


def table_rows(
    path, separator: str, header: bool, on_bad: OnBad = refuse, part: Part | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the location and the cells by column of each row of a ``.csv`` or ``.tsv``."""
    places: list[str] = []  # of the lines of the row being read

    def noted():
        for location, line in lines(path, part=part):
            places.append(location)
            yield line

    quoting = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    reader = csv.reader(noted(), delimiter=separator, quoting=quoting, strict=True)
    columns: Sequence[str] | None = part.names if part else None
    while True:
        places.clear()
        try:
            row = next(reader, None)
        except csv.Error:
            raise InputError(
                f"{places[0]}: a quote opens in this row and does not close well:"
                ' end the cell with ", and write a quote inside it as ""'
            ) from None
        if row is None:
            break
        if len(row) <= 1 and not "".join(row).strip():
            continue  # a blank line
        if columns is None:
            columns = _columns(row, places[0], separator, header)
            if header:
                continue
        if len(row) != len(columns):
            error = InputError(
                f"{places[0]}: the row has {len(row)} cells, the first one {len(columns)}:"
                f" give each row the same number{', quoting cells with commas' if separator == ',' else ''}"
            )
            on_bad(error)
            continue
        yield places[0], dict(zip(columns, row, strict=True))


def _columns(row: list[str], location: str, separator: str, header: bool) -> list[str]:
    others = [mark for mark in ",;\t|" if mark in row[0]]
    if len(row) == 1 and others:
        raise InputError(
            f"{location}: only one column, and {others[0]!r} in it: separate columns with {separator!r},"
            " or name the file .tsv if they stand between tabs, .csv if between commas, or use --dialect auto"
        )
    if not header:
        return [str(i + 1) for i in range(len(row))]
    columns = [cell.strip() for cell in row]
    check_different(columns, location)
    return columns


def _json_rows(path, on_bad: OnBad, part: Part | None = None) -> Iterator[tuple[str, dict]]:
    for location, line in lines(path, on_bad=on_bad, part=part):
        if not line.strip():
            continue
        if line.strip() == "[":
            raise InputError(f"{location}: not JSON (one array for all rows): write one JSON object a line")
        try:
            row = _json_row(line, location)
        except InputError as error:
            on_bad(error)
        else:
            yield location, row


def _json_row(line: str, location: str) -> dict:
    try:
        pairs = json.loads(line, object_pairs_hook=_Pairs, parse_float=_finite, parse_constant=_finite)
    except InputError as error:
        raise InputError(f"{location}: not JSON ({error}): write one JSON object per line") from None
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long or a nesting too deep"
        raise InputError(f"{location}: not JSON ({reason}): write one JSON object per line") from None
    if not isinstance(pairs, _Pairs):
        raise InputError(f"{location}: not a JSON object: write {{...}} with a field for each column")
    check_different([name for name, _ in pairs], location)
    return dict(pairs)


def _finite(text: str) -> float:
    """Raise InputError for NaN, Infinity and 1e999: Python's JSON reader accepts them, but JSON does not."""
    if not math.isfinite(float(text)):
        raise InputError(f"{text[:20]} is not a number")
    return float(text)


class _Pairs(list):
    """The fields of a JSON object in order; unlike a dict, it keeps duplicate names."""


def check_different(columns: list[str], location: str) -> None:
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise InputError(f"{location}: two columns named {_shown([name])}: rename one of them")
        seen.add(name)


def cell(row: dict, column: str, location: str) -> str:
    """Returns the text of a cell (raises InputError that describes the problem)."""
    return _text(value_at(row, column, location), location, f"column {column!r}")


def value_at(row: dict, column: str, location: str) -> Any:
    """Returns a cell as it was read (raises InputError if the column is missing)."""
    if column not in row:
        nearest = difflib.get_close_matches(column, row, n=1)
        hint = f"did you mean {_shown(nearest)}? " if nearest else ""
        raise InputError(f"{location}: no column {column!r}; {hint}there are: {_shown(list(row))}")
    return row[column]


def _text(value: Any, location: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{location}: {what} is not text: write it as a JSON string, in quotes")
    return text_of(value, location, what)


def _shown(names: list[str]) -> str:
    """Returns a short list of quoted names for a message, on one line."""
    short = [repr(name if len(name) <= 40 else name[:37] + "...") for name in names[:20]]
    return ", ".join(short) + (", ..." if len(names) > 20 else "")
