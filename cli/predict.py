"""``zoo predict``: answers for words, lines, or a column of a table."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.errors import InputError, PartlyAnsweredError
from zoo.escape import escape
from zoo.files import check_output

from . import backend
from .commands import _beam, _example
from .output import Text, echo, echo_json, echo_raw, note

STREAMED = 256  # lines of standard input answered at once; fewer where fewer have come


@click.command(epilog=_example("zoo predict gru_small.cmudict phoneme culurciello"))
@click.argument("name")
@click.argument("words", nargs=-1, type=Text())
@click.option("--file", "file", help="A text file with an input a line (- is standard input); or a table.")
@click.option(
    "--input", "input", type=Text(), help="Column of a table (.csv, .tsv, .jsonl); by default that of fine-tuning."
)
@click.option("--no-header", is_flag=True, help="The table names no columns: they are called 1, 2 and so on.")
@click.option("--keep", multiple=True, type=Text(), help="Another column of the table to print; as often as needed.")
@click.option("--strict", is_flag=True, help="Stop at the first input that cannot be read.")
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
    keep: tuple[str, ...],
    strict: bool,
    beam: int | None,
    as_json: bool,
    plot: str | None,
) -> None:
    """Predicts on WORDS, a file, or standard input, whose lines are answered as they come.

    A table gives a table: CSV, with the input, the prediction and, of a classifier, how likely it is; or JSON.
    Inputs that cannot be read are named on standard error, and the exit code is 7 if others were answered.
    """
    from zoo.data.tables import is_table
    from zoo.tasks import find_preprocessor

    if words and file:
        raise InputError("give words or --file, not both")
    if not words and file is None and sys.stdin.isatty():
        raise InputError("nothing to predict on: give words, --file FILE, or lines on standard input")
    if plot and Path(plot).suffix not in (".png", ".svg", ".pdf", ".html"):
        raise InputError(f"--plot {plot}: give a name that ends in .png, .svg or .pdf; of a classifier, in .html")
    if plot:
        check_output(plot, file)
    # A wrong name or letter is told before the seconds that the backend takes to start.
    record = locate.read_record(name)
    preprocessor = find_preprocessor(record.spec.task, record.spec.preprocessor, f"{name}: spec.preprocessor")
    table = _column(record, str(file), input, keep) if not words and file and is_table(file) else None
    if (input or keep) and not table:
        option = "--input" if input else "--keep"
        raise InputError(f"{option} names a column of a table: give --file with a name in .csv, .tsv or .jsonl")
    bad = _Bad(strict or bool(plot) or len(words) == 1)
    printed = _Printer(table, keep, as_json)
    pipeline = None
    for rows in _parts(words, file, table, no_header, keep, bool(plot), bad):
        if plot and len(rows) != 1:
            raise InputError(f"--plot draws one input, not {len(rows)}")
        rows = [row for row in rows if bad.passes(preprocessor, *row[:2])]
        if not rows:
            continue
        if pipeline is None:
            backend.start()
            from zoo.pipeline import load

            pipeline = load(name, record=record, preprocessor=preprocessor)
        outputs = _predict(pipeline, [value for value, _, _ in rows], beam, as_json, table)
        for (value, _, kept), output in zip(rows, outputs, strict=True):
            printed.row(value, output, kept)
        if plot:
            _plot(pipeline, rows[0][0], outputs[0], plot)
    bad.end(printed.count)


class _Bad:
    """The inputs that cannot be read: named one by one and counted, or the first one raised."""

    def __init__(self, strict: bool):
        self.strict, self.count = strict, 0

    def __call__(self, error: InputError) -> None:
        if self.strict:
            raise error
        self.count += 1
        for line in error.lines():
            note(f"error: {line}")

    def passes(self, preprocessor: Any, value: Any, place: str) -> bool:
        """Tells whether a model can read an input."""
        try:
            preprocessor.encode_input(value)
        except InputError as error:
            self(InputError(f"{place}: {error}") if place else error)
            return False
        return True

    def end(self, answered: int) -> None:
        """Raises what the exit code shall say, at the end of the input."""
        if self.count and not answered:
            raise InputError(f"none of the {self.count:,} inputs could be read: mend what the lines above name")
        if self.count:
            total = self.count + answered
            raise PartlyAnsweredError(f"{self.count:,} of {total:,} inputs could not be read: see the lines above")


def _column(record: Record, file: str, input: str | None, keep: tuple[str, ...]) -> str:
    """Returns the column of a table that has the inputs."""
    known = input or record.training["recipe"].get("columns", {}).get("input")
    if not known:
        raise InputError(f"{file}: say which column to read: --input COLUMN")
    columns = [*keep, known, "prediction", "probability", "input", "output"]
    clash = next((name for i, name in enumerate(columns[: len(keep)]) if name in columns[i + 1 :]), None)
    if clash:
        raise InputError(f"--keep {clash}: a column of this name is printed anyway: keep another one")
    return known


def _parts(words, file: str | None, table: str | None, no_header: bool, keep, whole: bool, bad: _Bad) -> Iterator[list]:
    """Yields rows, as many as are answered at once: each an input, its place, and the cells that are kept."""
    from zoo.data.lines import read_lines, stream_lines
    from zoo.data.tables import read_column

    if words:
        yield [(word, "", {}) for word in words]
    elif table:
        yield list(zip(*read_column(str(file), table, not no_header, keep, bad), strict=True))
    elif file in (None, "-") and not whole:
        for inputs, places in stream_lines(STREAMED, bad):
            yield [(value, place, {}) for value, place in zip(inputs, places, strict=True)]
    else:
        yield [(value, place, {}) for value, place in zip(*read_lines(file or "-", bad), strict=True)]


def _predict(pipeline, inputs: list[str], beam: int | None, as_json: bool, table: str | None) -> list:
    """Returns the answers to inputs."""
    from zoo.progress import progress

    options = _beam(beam)
    if "probabilities" in pipeline.task.options and (as_json or table):
        options["probabilities"] = True
    with progress("predicting", len(inputs)) as on_step:
        return pipeline.predict(inputs, on_step=on_step, **options)


class _Printer:
    """Prints answers: lines of JSON, a table as CSV, or inputs and outputs between tabs."""

    def __init__(self, table: str | None, keep: tuple[str, ...], as_json: bool):
        self.table, self.keep, self.as_json = table, keep, as_json
        self.count = 0

    def row(self, value: str, output: Any, kept: dict[str, Any]) -> None:
        """Prints the answer to one input."""
        if self.as_json:
            echo_json({**kept, "input": value, "output": output})
        elif self.table:
            likely = isinstance(output, dict)
            if not self.count:
                self._csv([*self.keep, self.table, "prediction", *(["probability"] if likely else [])])
            best = max(output, key=output.get) if likely else output
            self._csv([*kept.values(), value, best, *([f"{output[best]:.4f}"] if likely else [])])
        else:
            echo_raw(f"{escape(str(value))}\t{escape(str(output), keep=chr(9))}")
        self.count += 1

    def _csv(self, cells: list[Any]) -> None:
        written = io.StringIO()
        csv.writer(written, lineterminator="").writerow(cells)
        # A file gets the cells as they are; a terminal would obey them.
        (echo if sys.stdout.isatty() else echo_raw)(written.getvalue())


def _plot(pipeline, text: str, output, path: str) -> None:
    from zoo.analysis import plotting

    if path.endswith(".html"):
        from zoo.tasks.classification import attention

        best = max(output, key=output.get) if isinstance(output, dict) else output
        plotting.attention_page(attention(pipeline, text), best, path)
    else:
        plotting.alignment(*pipeline.alignment(text, output), path)
