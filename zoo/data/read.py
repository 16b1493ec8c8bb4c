"""Read examples from all forms of data: tables, series, folders of sound, Parquet, pandas, NumPy, tf.data."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import conll, objects, ts
from zoo.data import series as readers
from zoo.data.columns import Columns
from zoo.data.dialects import Dialect, read_table
from zoo.data.examples import Examples
from zoo.data.labels import number_of
from zoo.data.lines import OnBad, ending, lines, refuse, text_of
from zoo.data.sound import Sound, as_channels, is_sound_name, numbers, read_wav
from zoo.data.tables import file_rows, two_columns
from zoo.errors import InputError, located
from zoo.escape import printable

LAYOUTS = ("rows", "series", "tokens", "inputs")
"""Layouts of a table: an input per row; a series per row if no input column is named; a token with its tag per line; an
input per row without a target."""


def examples(
    data: Any,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    layout: str | None = None,
    group: str = "",
    on_bad: OnBad = refuse,
    **more: Any,
) -> Examples:
    """Returns the examples in a file, a folder or an object.

    - Examples, as they are.
    - A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file or a pandas DataFrame. For texts it has two columns. A
      column of lists of numbers holds series, one of lists of texts holds tokens, and one of names of sound files holds
      sounds. For series it has a row per series (``target`` alone is named, or the steps in ``input`` too), or a row
      per step (``series`` and ``time`` are named too, and ``input`` names the columns with the values, between commas).
    - A ``.conll``, ``.conllu`` or ``.txt`` file, or a ``.tsv`` with empty lines between sentences, with a token and its
      tag per line.
    - A ``.ts`` file of the UCR and UEA archives.
    - A folder with one folder of ``.wav`` files per label.
    - A dict of columns, a list of dicts, a pyarrow ``Table`` or a Hugging Face ``Dataset``, read like a DataFrame.
    - ``(x, y)``: an array ``(rows, time)`` or ``(rows, time, features)``, or a list of arrays or texts, with labels.
      Labels may be a column vector or one-hot rows.
    - A ``tf.data.Dataset`` of such ``(x, y)``, batched or not; a torch ``Dataset`` or ``DataLoader``; or pairs.

    Args:
        data: One of these.
        input: Input column.
        target: Target column.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names its columns.
        series: Column with the name of the series.
        time: Column with the time of a row.
        layout: One of ``LAYOUTS``, as the task reads it; ``None`` if the task is unknown.
        group: Column of a table of texts whose values must not be split between parts.
        on_bad: Called with the error of each bad row of a table of texts; the other rows are returned.
        **more: Other fields of ``zoo.data.columns.Columns``.

    Raises:
        InputError: The data or a row cannot be used; the message gives the location.
    """
    columns = Columns(input, target, header, series, time, group, **more)
    result = _read(data, columns, layout, on_bad)
    if group and result.groups is None:
        raise InputError(f"group {group!r}: only the rows of a table of texts have groups: leave it out")
    asked = {name: value for name in ("symbols", "language") if (value := getattr(columns, name))}
    return result.with_notes(**asked) if asked else result


def _read(data: Any, columns: Columns, layout: str | None, on_bad: OnBad) -> Examples:
    if isinstance(data, Examples):
        return data
    pair = objects.as_pair(data)
    if pair is not None:
        return from_arrays(*pair)
    if objects.as_table(data) is not None:
        kind = "DataFrame" if hasattr(data, "itertuples") else "table"
        return _from_rows(frame_rows(data, kind), kind, columns, layout, on_bad)
    if not isinstance(data, str | os.PathLike):
        raise InputError(f"data of type {type(data).__name__}: give a file, a folder, a DataFrame or (x, y)")
    path, kind = os.fspath(data), ending(data)
    if Path(path).is_dir() or kind == ".ts":
        if columns.input or columns.target or columns.series or columns.time:
            raise InputError(f"{path}: has no columns: leave their names out")
        return read_sounds(path) if Path(path).is_dir() else ts.read_ts(path)
    if kind == ".parquet":
        return _from_rows(frame_rows(read_parquet(path), path), path, columns, layout, on_bad)
    if kind == ".txt" and layout == "inputs":
        text = "".join(line for _, line in lines(path))
        if not text.strip():
            raise InputError(f"{path}: is empty: give a text")
        return Examples([text], [""], [path])
    if kind in conll.ENDINGS or (kind == ".tsv" and layout in (None, "tokens") and conll.looks_like_conll(path)):
        return conll.read_conll(path, columns)
    if columns.dialect:
        rows, notes = read_table(path, columns.header, Dialect.parse(columns.dialect))
        return _from_rows(rows, path, columns, layout, on_bad).with_notes(*notes)
    return _from_rows(file_rows(path, columns.header, on_bad), path, columns, layout, on_bad)


def _from_rows(
    rows: Iterable[tuple[str, dict]], name: str, columns: Columns, layout: str | None, on_bad: OnBad
) -> Examples:
    """Returns the examples of a table from the location and the cells of each row."""
    if columns.series or columns.time:
        return readers.long(as_texts(rows), *_long_columns(name, columns))
    if columns.target and layout == "series" and (not columns.input or "," in columns.input):
        return readers.wide(as_texts(rows), columns.target, columns, on_bad)
    if layout == "inputs" and not columns.input:
        raise InputError(f"{name}: name the column to read: --input COLUMN")
    if not columns.input or not (columns.target or layout == "inputs"):
        raise InputError(
            f"{name}: name the columns to read: --input COLUMN --target COLUMN;"
            f" for a table with one series per row: --target COLUMN --task series_classification"
        )
    if layout == "inputs":
        rows = _with_json(rows, columns.input)
    result = two_columns(rows, columns.input, columns.target, columns.group, columns, on_bad)
    return whole_series(as_sounds(result, name, on_bad), columns, layout)


def whole_series(examples: Examples, columns: Columns, layout: str | None) -> Examples:
    """Returns the same examples; raises InputError if inputs for a series task are single numbers."""
    texts = [value for value in examples.inputs if isinstance(value, str)]
    if layout == "series" and texts and all(number_of(text) is not None for text in texts):
        raise InputError(
            f"{examples.locations[0]}: column {columns.input!r} has one number per row, not a series: leave --input"
            " out, so that every column is a step, or name all steps in it"
        )
    return examples


def as_texts(rows: Iterable[tuple[str, dict]]) -> Iterator[tuple[str, dict]]:
    """Yield rows with JSON numbers as texts, for the readers of series."""
    for location, row in rows:
        numeric = {name for name, value in row.items() if type(value) in (int, float)}
        yield location, {name: str(value) if name in numeric else value for name, value in row.items()}


def _with_json(rows: Iterable[tuple[str, dict]], column: str) -> Iterator[tuple[str, dict]]:
    """Yield rows with a list of a column, such as a piece of music, as JSON text."""
    for location, row in rows:
        value = row.get(column)
        yield location, {**row, column: json.dumps(value)} if isinstance(value, list) else row


def as_sounds(examples: Examples, table: str, on_bad: OnBad = refuse) -> Examples:
    """Returns the sounds if all inputs are names of sound files and one of these exists; otherwise the examples.

    Names are relative to the folder of the table, or to the working folder.

    ``on_bad`` is called with the error of each row whose file is missing or not a sound.
    """
    if not len(examples) or not all(isinstance(x, str) and is_sound_name(x) for x in examples.inputs):
        return examples
    folder = Path(table).parent
    paths = [next((p for p in (folder / name, Path(name)) if p.is_file()), None) for name in examples.inputs]
    if not any(paths):
        return examples
    sounds, rows = [], []
    for i, (path, location) in enumerate(zip(paths, examples.locations, strict=True)):
        try:
            if path is None:
                raise InputError(f"{examples.inputs[i]}: no such file: correct the name or remove the row")
            sounds.append(read_wav(path))
        except InputError as error:
            on_bad(InputError(f"{location}: {error}"))
        else:
            rows.append(i)
    return examples.select(rows).with_notes("the inputs name sound files, which are read as sounds", inputs=sounds)


def named(data: Any) -> str:
    """Returns the name of the data for a record."""
    return printable(Path(os.path.abspath(data)).name) if isinstance(data, str | os.PathLike) else "examples"


def _long_columns(name: str, columns: Columns) -> tuple[str, str, list[str], str]:
    if not (columns.series and columns.time and columns.input and columns.target):
        raise InputError(
            f"{name}: a table with one row per step needs --series COLUMN --time COLUMN --input COLUMN,COLUMN"
            " --target COLUMN: name them all"
        )
    return columns.series, columns.time, columns.input_names, columns.target


def read_sounds(folder: str | os.PathLike) -> Examples:
    """Read a folder that has one folder of ``.wav`` files per label.

    Raises:
        InputError: There are no such files, or a file in a label's folder is not a complete ``.wav`` file.
    """
    inputs, targets, locations = [], [], []
    for label in sorted(path for path in Path(folder).iterdir() if path.is_dir() and path.name[0] != "."):
        for file in sorted(path for path in label.iterdir() if path.name[0] != "."):
            if not is_sound_name(file.name):
                raise InputError(f"{file}: not a .wav file: convert it, or move it elsewhere")
            inputs.append(read_wav(file))
            targets.append(label.name)
            locations.append(str(file))
    if not inputs:
        raise InputError(f"{folder}: no .wav files in folders of their label: lay them out as LABEL/NAME.wav")
    return Examples(inputs, targets, locations)


def from_arrays(x: Sequence[Any], y: Sequence[Any], name: str = "row") -> Examples:
    """Returns series or texts with their labels.

    Args:
        x: ``(rows, time)`` or ``(rows, time, features)``; or a list of arrays ``(time,)`` or ``(time, features)``, of
            ``Sound``, or of texts.
        y: One label per row: texts or whole numbers.
        name: Name of a row in messages, before its number.

    Raises:
        InputError: The numbers of labels and rows differ, or a row cannot be used.
    """
    if len(x) != len(y) or not len(x):
        raise InputError(f"{len(x)} rows and {len(y)} labels: give one label per row, at least one")
    inputs, labels, locations = [], [], [f"{name}:{i + 1}" for i in range(len(x))]
    for value, label, place in zip(x, y, locations, strict=True):
        inputs.append(_input(value, place))
        labels.append(_label(label, place))
    return Examples(inputs, labels, locations)


def _input(value: Any, location: str) -> Any:
    value = value.decode() if isinstance(value, bytes) else value
    if isinstance(value, str):
        return text_of(value, location, "the text")
    with located(location):
        return value if isinstance(value, Sound) else as_channels(numbers(value))


def _label(label: Any, location: str) -> str:
    label = label.decode() if isinstance(label, bytes) else label
    if isinstance(label, str):
        return text_of(label, location, "the label")
    number = isinstance(label, int | float | np.integer | np.floating | np.bool_)
    if np.ndim(label) or not number or not np.isfinite(label):
        raise InputError(
            f"{location}: {str(label)[:40]} is neither a label nor a number: give a text or a finite number"
        )
    return str(label)


def read_parquet(path: str) -> Any:
    """Returns a Parquet file as a DataFrame (raises InputError if it cannot be read)."""
    try:
        import pandas  # noqa: F401 - which pyarrow needs
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pandas and pyarrow: pip install 'seqzoo[parquet]'") from None
    try:
        table = pyarrow.parquet.read_table(path)
        table.validate(full=True)  # invalid UTF-8 would raise only later, at the cell
        return table.to_pandas()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check its name and folder") from None
    except Exception as error:  # pandas and pyarrow parse untrusted metadata and may raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a Parquet file that can be read ({reason}): write it anew") from None


def frame_rows(frame: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the location and the cells of each row of a table object (raises InputError if there is no row)."""
    names = list(map(str, getattr(frame, "columns", [])))
    duplicates = [column for i, column in enumerate(names) if column in names[:i]]
    cells = [] if duplicates else [row for _, row in objects.as_table(frame) or ()]
    if duplicates or not cells:
        what = f"two columns named {duplicates[0]!r}: rename one" if duplicates else "has no rows: give at least one"
        raise InputError(f"{name}: {what}")
    for i, row in enumerate(cells):
        yield f"{name}:{i + 1}", {key: _cell(value) for key, value in row.items()}


def _cell(value: Any) -> str | list[Any]:
    """Returns a cell as a text, or as lists; missing values are empty."""
    if isinstance(value, list | np.ndarray):
        return _as_list(value)
    return "" if objects.is_missing(value) else str(value)


def _as_list(value: Any) -> list[Any]:
    """Returns a list or array as nested lists; Parquet stores series of several channels as an array of arrays."""
    return [
        _as_list(part) if isinstance(part, list | np.ndarray) else part
        for part in (value.tolist() if isinstance(value, np.ndarray) else value)
    ]
