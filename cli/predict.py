"""``zoo predict``: answers for words, lines, or a column of a table."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.errors import InputError

from . import backend
from .commands import _beam, _example

STREAMED = 256  # lines of standard input answered at once; fewer where fewer have come


@click.command(epilog=_example("zoo predict gru_small.cmudict phoneme culurciello"))
@click.argument("name")
@click.argument("words", nargs=-1)
@click.option("--file", "file", help="A text file with an input a line (- is standard input); or a table.")
@click.option("--input", "input", help="Column of a table (.csv, .tsv, .jsonl); by default that of fine-tuning.")
@click.option("--no-header", is_flag=True, help="The table names no columns: they are called 1, 2 and so on.")
@click.option("--beam", type=int, help="Hypotheses kept while decoding a text, 5 if not said; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.option(
    "--plot", help="Write the attention over the (single) input: .png, .svg or .pdf; .html of words and sentences."
)
def predict(
    name: str,
    words: tuple[str, ...],
    file: str | None,
    input: str | None,
    no_header: bool,
    beam: int | None,
    as_json: bool,
    plot: str | None,
) -> None:
    """Predicts on WORDS, a file, or standard input, whose lines are answered as they come.

    A table gives a table: CSV, with the input, the prediction and, of a classifier, how likely it is; or JSON.
    """
    from zoo.data.tables import is_table
    from zoo.tasks import find_preprocessor

    if words and file:
        raise InputError("give words or --file, not both")
    if not words and file is None and sys.stdin.isatty():
        raise InputError("nothing to predict on: give words, --file FILE, or lines on standard input")
    if plot and Path(plot).suffix not in (".png", ".svg", ".pdf", ".html"):
        raise InputError(f"--plot {plot}: give a name that ends in .png, .svg or .pdf; of a classifier, in .html")
    # A wrong name or letter is told before the seconds that the backend takes to start.
    record = locate.read_record(name)
    preprocessor = find_preprocessor(record.spec.task, record.spec.preprocessor, f"{name}: spec.preprocessor")
    table = _column(record, str(file), input) if not words and file and is_table(file) else None
    if input and not table:
        raise InputError("--input names a column of a table: give --file with a name in .csv, .tsv or .jsonl")
    pipeline, inputs, outputs = None, [], []
    for inputs, locations in _parts(words, file, table, no_header, bool(plot)):
        if plot and len(inputs) != 1:
            raise InputError(f"--plot draws one input, not {len(inputs)}")
        for text, place in zip(inputs, locations, strict=True):
            try:
                preprocessor.encode_input(text)
            except InputError as error:
                raise InputError(f"{place}: {error}" if place else str(error)) from None
        if pipeline is None:
            backend.start()
            from zoo.pipeline import load

            pipeline = load(name)
        outputs = _predict(pipeline, inputs, beam, as_json, table)
    if plot:
        _plot(pipeline, inputs[0], outputs[0], plot)


def _column(record: Record, file: str, input: str | None) -> str:
    """Returns the column of a table that has the inputs."""
    known = input or record.training["recipe"].get("columns", {}).get("input")
    if not known:
        raise InputError(f"{file}: say which column to read: --input COLUMN")
    return known


def _parts(words, file: str | None, table: str | None, no_header: bool, whole: bool) -> Iterator[tuple[list, list]]:
    """Yields inputs with the place of each, as many as are answered at once."""
    from zoo.data.lines import read_lines, stream_lines
    from zoo.data.tables import read_column

    if words:
        return iter([(list(words), ["" for _ in words])])
    if table:
        return iter([read_column(str(file), table, not no_header)])
    if file in (None, "-") and not whole:
        return stream_lines(STREAMED)
    return iter([read_lines(file or "-")])


def _predict(pipeline, inputs: list[str], beam: int | None, as_json: bool, table: str | None) -> list:
    """Predicts on inputs, prints the answers and returns them."""
    from zoo.progress import progress

    options = _beam(beam)
    likely = "probabilities" in pipeline.task.options
    if likely and (as_json or table):
        options["probabilities"] = True
    with progress("predicting", len(inputs)) as on_step:
        outputs = pipeline.predict(inputs, on_step=on_step, **options)
    if as_json:
        lines = [
            json.dumps({"input": text, "output": output}, ensure_ascii=False)
            for text, output in zip(inputs, outputs, strict=True)
        ]
    elif table:
        rows = [[table, "prediction", *(["probability"] if likely else [])]]
        for text, output in zip(inputs, outputs, strict=True):
            best = max(output, key=output.get) if likely else output
            rows.append([text, best, *([f"{output[best]:.4f}"] if likely else [])])
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(rows)
        lines = [written.getvalue().removesuffix("\n")]
    else:
        lines = [f"{text}\t{output}" for text, output in zip(inputs, outputs, strict=True)]
    click.echo("\n".join(lines))
    return outputs


def _plot(pipeline, text: str, output, path: str) -> None:
    from zoo.analysis import plotting

    if path.endswith(".html"):
        from zoo.tasks.classification import attention

        said = max(output, key=output.get) if isinstance(output, dict) else output
        plotting.attention_page(attention(pipeline, text), said, path)
    else:
        plotting.alignment(*pipeline.alignment(text), path)
