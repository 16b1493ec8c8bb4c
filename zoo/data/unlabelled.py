"""Inputs without targets, from every form of file that fine-tuning reads."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zoo.data import conll, read, ts
from zoo.data import series as readers
from zoo.data.columns import Columns
from zoo.data.dialects import Dialect, read_table
from zoo.data.examples import Examples
from zoo.data.lines import OnBad, ending, refuse
from zoo.data.sound import is_sound_name, read_wav
from zoo.data.tables import file_rows, two_columns, value_at
from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Unlabelled:
    """Inputs to predict on.

    Attributes:
        inputs: Texts, sounds or series.
        names: Name of each input in the output: a text itself, the file of a sound, the location of a series.
        locations: Location of each input.
        kept: Further cells of each row, by column.
        notes: Notes for the user on how the inputs were read.
    """

    inputs: list[Any]
    names: list[str]
    locations: list[str]
    kept: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


def read_unlabelled(
    path: str | os.PathLike, columns: Columns, layout: str = "rows", keep: Sequence[str] = (), on_bad: OnBad = refuse
) -> Unlabelled:
    """Read inputs in the forms of fine-tuning; the target column may be missing, and is not read.

    Args:
        path: A table (``.csv``, ``.tsv``, ``.jsonl``, ``.parquet``), a ``.ts`` or CoNLL file, or a folder of sounds.
        columns: Columns of a table, from the record of the model and from the user.
        layout: Layout that the task of the model reads, one of ``zoo.data.read.LAYOUTS``.
        keep: Further columns of a table, whose cells are returned unchanged.
        on_bad: Called with the error of each bad row; the other rows are returned.

    Raises:
        InputError: The file or its columns cannot be read.
    """
    kind = ending(path)
    if Path(path).is_dir() and layout != "series":
        raise InputError(f"{os.fspath(path)}: is a folder: give a file in it")
    if Path(path).is_dir() or kind == ".ts" or kind in conll.ENDINGS:
        if keep:
            raise InputError(f"--keep {keep[0]}: names a column of a table: leave it out")
        if Path(path).is_dir():
            return _made(_sounds(Path(path), on_bad))
        return _made(ts.read_ts(path) if kind == ".ts" else conll.read_conll(path, columns))
    notes: Sequence[str] = ()
    if kind == ".parquet":
        rows = read.frame_rows(read.read_parquet(os.fspath(path)), os.fspath(path))
    elif columns.dialect:
        rows, notes = read_table(path, columns.header, Dialect.parse(columns.dialect))
    else:
        rows = file_rows(path, columns.header, on_bad)
    kept: dict[str, dict[str, Any]] = {}
    examples = _from_rows(_keeping(rows, keep, kept, on_bad), os.fspath(path), columns, layout, on_bad)
    return _made(examples.with_notes(*notes), kept)


def _made(examples: Examples, kept: dict[str, dict[str, Any]] | None = None) -> Unlabelled:
    names = [
        str(value) if isinstance(value, str) or hasattr(value, "rate") else place
        for value, place in zip(examples.inputs, examples.locations, strict=True)
    ]
    cells = [(kept or {}).get(place, {}) for place in examples.locations]
    return Unlabelled(examples.inputs, names, examples.locations, cells, examples.reading.notes)


def _keeping(
    rows: Iterable[tuple[str, dict]], keep: Sequence[str], kept: dict, on_bad: OnBad
) -> Iterator[tuple[str, dict]]:
    for location, row in rows:
        try:
            kept[location] = {name: value_at(row, name, location) for name in keep}
        except InputError as error:
            if not kept:
                raise  # the column is missing, not a cell
            on_bad(error)
        else:
            yield location, row


def _from_rows(rows: Iterator[tuple[str, dict]], name: str, columns: Columns, layout: str, on_bad: OnBad) -> Examples:
    first = next(rows, None)
    if first is None:
        raise InputError(f"{name}: has no rows: give at least one input")
    rows = itertools.chain([first], rows)
    if columns.series or columns.time:
        if not (columns.series and columns.time and columns.input):
            raise InputError(f"{name}: name the columns: --series COLUMN --time COLUMN --input COLUMN,COLUMN")
        return readers.long(read.as_texts(rows), columns.series, columns.time, columns.input_names, "")
    if layout == "series" and (not columns.input or "," in columns.input):
        target = columns.target if columns.target in first[1] else ""
        return readers.wide(read.as_texts(rows), target, columns, on_bad)
    if not columns.input:
        raise InputError(f"{name}: name the column to read: --input COLUMN")
    examples = read.as_sounds(two_columns(rows, columns.input, "", "", columns, on_bad), name, on_bad)
    return read.whole_series(examples, columns, layout)


def _sounds(folder: Path, on_bad: OnBad) -> Examples:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and is_sound_name(path.name))
    if not files:
        raise InputError(f"{folder}: has no .wav, .flac or .ogg files: give a folder with some")
    sounds = []
    for file in files:
        try:
            sounds.append(read_wav(file))
        except InputError as error:
            on_bad(error)
    return Examples(sounds, [""] * len(sounds), [sound.name for sound in sounds])
