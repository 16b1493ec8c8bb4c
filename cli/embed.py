"""``zoo embed``: texts to vectors."""

from pathlib import Path

import click

from zoo.errors import InputError
from zoo.files import check_output, open_output

from . import backend
from .commands import _example
from .output import Text, note


@click.command(epilog=_example("zoo embed lstm_small.imdb_reviews --file texts.txt --output vectors.npy"))
@click.argument("name")
@click.argument("texts", nargs=-1, type=Text())
@click.option("--file", "file", help="A text file with a text per line; or a table.")
@click.option("--input", "input", default="", type=Text(), help="Column of a table (.csv, .tsv, .jsonl).")
@click.option("--output", required=True, help="File for the vectors, .npy: an array (texts, features) of float32.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Texts read at once.")
def embed(name: str, texts: tuple[str, ...], file: str | None, input: str, output: str, batch_size: int) -> None:
    """Write a vector for each text: for search, clustering, or a classifier of one's own.

    NAME is a language model or a classifier. A vector is the last, the maximum and the mean of the model's features
    over the text. Rows of the array stand in the order of the texts.
    """
    if bool(texts) == bool(file):
        raise InputError("give TEXTS or --file, one of them")
    if Path(output).suffix != ".npy":
        raise InputError(f"--output {output}: give a name that ends in .npy")
    check_output(output, file)
    rows = list(texts) if texts else _rows(str(file), input)
    backend.start()
    import numpy as np

    from zoo.pipeline import load

    vectors = load(name).embed(rows, batch_size)
    with open_output(output) as target:
        np.save(target, vectors)
    note(f"{output}: {vectors.shape[0]:,} texts, {vectors.shape[1]:,} features")


def _rows(file: str, input: str) -> list[str]:
    """Returns the texts of a file (raises InputError with the place of an empty one)."""
    from zoo.data.columns import Columns
    from zoo.data.lines import read_lines
    from zoo.data.tables import is_table
    from zoo.data.unlabelled import read_unlabelled

    if is_table(file):
        if not input:
            raise InputError(f"{file}: say which column has the texts: --input COLUMN")
        found = read_unlabelled(file, Columns(input=input), "classification")
        texts, places = found.inputs, found.locations
    elif input:
        raise InputError(f"--input names a column of a table: {file} is none")
    else:
        texts, places = read_lines(file)
    for text, place in zip(texts, places, strict=True):
        if not text.strip():
            raise InputError(f"{place}: the text is empty: take the row out")
    if not texts:
        raise InputError(f"{file}: no texts: give at least one")
    return texts
