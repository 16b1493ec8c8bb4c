"""``zoo embed``: texts to vectors."""

from pathlib import Path

import click

from zoo.errors import InputError
from zoo.files import check_output, open_output

from . import backend
from .commands import _example
from .output import Text, note


@click.command(epilog=_example("zoo embed lstm_small.film_reviews --file texts.txt --output vectors.npy"))
@click.argument("name")
@click.argument("texts", nargs=-1, type=Text())
@click.option("--file", "file", help="Text file with one text per line, or a table.")
@click.option("--input", "input", default="", type=Text(), help="Column of a table (.csv, .tsv, .jsonl).")
@click.option("--output", required=True, help="Output file (.npy): a float32 array (texts, features).")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Texts per batch.")
def embed(name: str, texts: tuple[str, ...], file: str | None, input: str, output: str, batch_size: int) -> None:
    """Write one vector per text, for search, clustering or another classifier.

    NAME is a language model or a classifier. A vector concatenates the last, the maximum and the mean feature over
    the text. Rows of the array are in the order of the texts.
    """
    if bool(texts) == bool(file):
        raise InputError("TEXTS, --file: give exactly one of them")
    if Path(output).suffix != ".npy":
        raise InputError(f"--output {output}: unknown format: use .npy")
    check_output(output, file)
    rows = list(texts) if texts else _rows(str(file), input)
    backend.start()
    import numpy as np

    from zoo.loading import load

    vectors = load(name).embed(rows, batch_size)
    with open_output(output) as target:
        np.save(target, vectors)
    note(f"{output}: {vectors.shape[0]:,} texts, {vectors.shape[1]:,} features")


def _rows(file: str, input: str) -> list[str]:
    """Returns the texts of a file (raises InputError with the location of an empty one)."""
    from zoo.data.columns import Columns
    from zoo.data.lines import read_lines
    from zoo.data.tables import is_table
    from zoo.data.unlabelled import read_unlabelled

    if is_table(file):
        if not input:
            raise InputError(f"{file}: input column unknown: give --input COLUMN")
        result = read_unlabelled(file, Columns(input=input))
        texts, places = result.inputs, result.locations
    elif input:
        raise InputError(f"--input: needs a table: {file} is none: omit --input")
    else:
        texts, places = read_lines(file)
    for text, place in zip(texts, places, strict=True):
        if not text.strip():
            raise InputError(f"{place}: the text is empty: take the row out")
    if not texts:
        raise InputError(f"{file}: no texts: give at least one")
    return texts
