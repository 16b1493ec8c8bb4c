"""Examples from whatever a user has: tables, series, folders of sound, Parquet, pandas, NumPy, tf.data."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import series as readers
from zoo.data.examples import Examples
from zoo.data.lines import text_of
from zoo.data.sound import Sound, as_channels, numbers, read_wav
from zoo.data.tables import read_examples, two_columns
from zoo.errors import InputError
from zoo.escape import printable

SERIES = "series_classification"


def examples(
    data: Any,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    task: str | None = None,
    group: str = "",
) -> Examples:
    """Returns the examples in a file, a folder or an object.

    - Examples, as they are.
    - A ``.csv``, ``.tsv`` or ``.jsonl`` file, a ``.parquet`` file or a pandas DataFrame: two columns of texts
      (a column of lists of numbers is one of series); for series classification a row a series
      (``target`` alone is named), or a row a step (``series`` and ``time`` are named too, and ``input`` names the
      columns with the values, between commas).
    - A ``.ts`` file of the UCR and UEA archives.
    - A folder with a folder of ``.wav`` files for each label.
    - ``(x, y)``: an array ``(rows, time)`` or ``(rows, time, features)``, or a list of arrays or texts; and labels.
    - A ``tf.data.Dataset`` of such ``(x, y)``, one row an element.

    Args:
        data: One of these.
        input: Column with the inputs.
        target: Column with the right outputs.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names its columns.
        series: Column that says which series a row belongs to.
        time: Column with the time of a row.
        task: The task, where it is known.
        group: Column of a table of texts that says which rows belong together.

    Raises:
        InputError: The data cannot be read, or a row cannot be used; the message says where.
    """
    found = _read(data, input, target, header, series, time, task, group)
    if group and found.groups is None:
        raise InputError(f"group {group!r}: only the rows of a table of texts have groups: leave it out")
    return found


def _read(data: Any, input: str, target: str, header: bool, series: str, time: str, task: str | None, group: str):
    if isinstance(data, Examples):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return from_arrays(*data)
    if hasattr(data, "element_spec"):
        return from_tensorflow(data)
    if hasattr(data, "columns") and hasattr(data, "itertuples"):
        return _from_frame(data, "DataFrame", input, target, series, time, task, group)
    if not isinstance(data, str | os.PathLike):
        raise InputError(f"data of type {type(data).__name__}: give a file, a folder, a DataFrame or (x, y)")
    path = os.fspath(data)
    if Path(path).is_dir() or path.endswith(".ts"):
        if input or target or series or time:
            raise InputError(f"{path}: has no columns: leave their names out")
        return read_sounds(path) if Path(path).is_dir() else readers.read_ts(path)
    if path.endswith(".parquet"):
        return _from_frame(_parquet(path), path, input, target, series, time, task, group)
    if series or time:
        return readers.read_long(path, *_long_columns(path, series, time, input, target))
    if target and not input and task == SERIES:
        return readers.read_wide(path, target, header)
    return read_examples(path, *_columns(path, input, target), header, group)


def named(data: Any) -> str:
    """Returns what a record calls the data."""
    return printable(Path(os.path.abspath(data)).name) if isinstance(data, str | os.PathLike) else "examples"


def _columns(name: str, input: str, target: str) -> tuple[str, str]:
    if not input or not target:
        raise InputError(
            f"{name}: say which columns to read: --input COLUMN --target COLUMN;"
            f" of a table with a series a row: --target COLUMN --task {SERIES}"
        )
    return input, target


def _long_columns(name: str, series: str, time: str, input: str, target: str) -> tuple[str, str, list[str], str]:
    if not (series and time and input and target):
        raise InputError(
            f"{name}: a table with a row a step needs --series COLUMN --time COLUMN --input COLUMN,COLUMN"
            " --target COLUMN: name them all"
        )
    return series, time, [column.strip() for column in input.split(",")], target


def read_sounds(folder: str | os.PathLike) -> Examples:
    """Reads a folder that has a folder for each label, with ``.wav`` files in it.

    Raises:
        InputError: It has none, or a file in a label's folder is not a whole ``.wav`` file.
    """
    inputs, targets, locations = [], [], []
    for label in sorted(path for path in Path(folder).iterdir() if path.is_dir() and path.name[0] != "."):
        for file in sorted(path for path in label.iterdir() if path.name[0] != "."):
            if file.suffix.lower() != ".wav":
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
        y: A label a row: texts or whole numbers.
        name: What a row is called in messages, before its number.

    Raises:
        InputError: There are not as many labels as rows, or a row cannot be used.
    """
    if len(x) != len(y) or not len(x):
        raise InputError(f"{len(x)} rows and {len(y)} labels: give a label a row, at least one")
    inputs, labels, locations = [], [], [f"{name}:{i + 1}" for i in range(len(x))]
    for value, label, place in zip(x, y, locations, strict=True):
        inputs.append(_input(value, place))
        labels.append(_label(label, place))
    return Examples(inputs, labels, locations)


def _input(value: Any, location: str) -> Any:
    value = value.decode() if isinstance(value, bytes) else value
    if isinstance(value, str):
        return text_of(value, location, "the text")
    try:
        return value if isinstance(value, Sound) else as_channels(numbers(value))
    except InputError as error:
        raise InputError(f"{location}: {error}") from None


def _label(label: Any, location: str) -> str:
    label = label.decode() if isinstance(label, bytes) else label
    if isinstance(label, str):
        return text_of(label, location, "the label")
    if np.ndim(label) or not isinstance(label, int | np.integer | np.bool_):
        raise InputError(f"{location}: {str(label)[:40]} is no label: give a text or a whole number")
    return str(label)


def from_tensorflow(data: Any) -> Examples:
    """Returns the examples of a ``tf.data.Dataset`` of ``(x, y)``, as ``from_arrays`` takes them.

    Raises:
        InputError: Its elements are not pairs, or are batches; or a row cannot be used.
    """
    spec = data.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise InputError(f"a tf.data.Dataset of {str(spec)[:80]}: give one of (x, y)")
    if spec[1].shape.rank != 0:
        raise InputError(f"a tf.data.Dataset with labels of shape {spec[1].shape}: give one row at a time, .unbatch()")
    rows = list(data.as_numpy_iterator())
    return from_arrays([x for x, _ in rows], [y for _, y in rows])


def _parquet(path: str) -> Any:
    try:
        import pandas
        import pyarrow
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pandas and pyarrow: pip install 'seqzoo[parquet]'") from None
    try:
        return pandas.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check its name and folder") from None
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a Parquet file that can be read ({reason}): write it anew") from None


def _from_frame(
    frame: Any, name: str, input: str, target: str, series: str, time: str, task: str | None, group: str
) -> Examples:
    """Returns the examples of a pandas DataFrame, read as strictly as a table of texts."""
    columns = list(map(str, frame.columns))
    twice = [column for i, column in enumerate(columns) if column in columns[:i]]
    if twice or not len(frame):
        what = f"two columns named {twice[0]!r}: rename one" if twice else "has no rows: give at least one"
        raise InputError(f"{name}: {what}")
    if series or time:
        return readers.long(_rows(frame, columns, name), *_long_columns(name, series, time, input, target))
    if target and not input and task == SERIES:
        return readers.wide(_rows(frame, columns, name), target)
    input, target = _columns(name, input, target)
    if input in columns and target in columns:
        cells = frame.iloc[:, columns.index(input)].tolist()
        if isinstance(cells[0], list | np.ndarray):
            arrays = [np.array(list(map(list, cell)) if np.ndim(cell[0]) else list(cell)) for cell in cells]
            labels = [row[target] for _, row in _rows(frame, columns, name)]
            return from_arrays(arrays, labels, name)
    return two_columns(_rows(frame, columns, name), input, target, group)


def _rows(frame: Any, columns: list[str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the place of each row and its cells as texts; what is missing is empty."""
    missing = frame.isna().to_numpy()
    for i, row in enumerate(frame.itertuples(index=False, name=None)):
        cells = ["" if missing[i, j] else str(value) for j, value in enumerate(row)]
        yield f"{name}:{i + 1}", dict(zip(columns, cells, strict=True))
