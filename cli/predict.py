"""``zoo predict``: predict on words, lines or a column of a table."""

import csv
import dataclasses
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.data.columns import Columns
from zoo.errors import InputError, PartlyAnsweredError
from zoo.escape import escape
from zoo.files import check_output

from . import answering
from .commands import _beam, _example
from .languages import in_language, language_option
from .output import Text, echo, echo_json, echo_raw, note

STREAMED = 256  # maximum lines of standard input per batch


@click.command(epilog=_example("zoo predict gru_small.cmudict phoneme culurciello"))
@click.argument("name")
@click.argument("words", nargs=-1, type=Text())
@click.option("--file", "file", help="A text file with one input per line (- is standard input); or a table.")
@click.option(
    "--input", "input", type=Text(), help="Column of a table (.csv, .tsv, .jsonl). Default: the fine-tuning column."
)
@click.option("--no-header", is_flag=True, help="The table has no header row; columns are named 1, 2, ...")
@click.option("--keep", multiple=True, type=Text(), help="Another column of the table to print; as often as needed.")
@click.option("--strict", is_flag=True, help="Stop at the first input that cannot be read.")
@click.option("--series", type=Text(), help="Of a table with a row per step: the column that names the series.")
@click.option("--time", type=Text(), help="Of a table with a row per step: the column with the time.")
@click.option("--dialect", default="", help="How a .csv or .tsv is written: auto, or as zoo finetune takes it.")
@click.option("--sentences", is_flag=True, help="Pronounce whole sentences, numbers too; in English also dates etc.")
@click.option("--lexicon", help="With --sentences: file with a word, a tab and its phones per line.")
@click.option(
    "--alphabet",
    type=click.Choice(["arpabet", "ipa"]),
    help="With --sentences: alphabet of the phones.  [default: the model's own]",
)
@language_option
@click.option("--beam", type=int, help="Beam width of decoding. Default: 5; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@answering.backend_option
@click.option("--plot", help="Plot the attention of a single input: .png, .svg or .pdf; .html for classifiers.")
def predict(
    name: str,
    words: tuple[str, ...],
    file: str | None,
    input: str | None,
    no_header: bool,
    keep: tuple[str, ...],
    strict: bool,
    series: str,
    time: str,
    dialect: str,
    sentences: bool,
    lexicon: str | None,
    alphabet: str | None,
    language: str | None,
    beam: int | None,
    as_json: bool,
    backend: str | None,
    plot: str | None,
) -> None:
    """Predict on WORDS, a file, or standard input, whose lines are answered as they come.

    A file may have any form that zoo finetune reads; its columns are those that the record of NAME says.
    A table gives a table: CSV, with the input, the prediction and, of a classifier, how likely it is; or JSON.
    Inputs that cannot be read are named on standard error, and the exit code is 7 if others were answered.
    """
    from zoo.tasks import find_preprocessor, find_task

    if words and file:
        raise InputError("--file: excludes WORDS: give one of them")
    if not words and file is None and sys.stdin.isatty():
        raise InputError("WORDS: missing: give words, --file FILE, or lines on standard input")
    if plot and backend == "onnx":
        raise InputError("--plot: drawn by Keras: omit --backend")
    if plot and Path(plot).suffix not in (".png", ".svg", ".pdf", ".html"):
        raise InputError(f"--plot {plot}: unknown format: use .png, .svg, .pdf or, for a classifier, .html")
    if plot:
        check_output(plot, file)
    # Check name and input before the backend starts, because that takes seconds.
    record = locate.read_record(name)
    preprocessor = find_preprocessor(record.spec.task, record.spec.preprocessor, f"{name}: spec.preprocessor")
    preprocessor = in_language(preprocessor, language)
    if not sentences and (lexicon or alphabet):
        raise InputError(f"--{'lexicon' if lexicon else 'alphabet'}: needs --sentences: add it")
    if sentences:
        from .sentences import pronounce

        if plot or input or keep or series or time or dialect:
            raise InputError("--sentences: reads texts: omit the options of tables and pictures")
        pronounce(
            name, record, preprocessor, words, file, lexicon, alphabet or "", strict, as_json, backend, _beam(beam)
        )
        return
    columns = _columns(record, file, keep, {"input": input, "series": series, "time": time, "dialect": dialect})
    table = None
    if not words and file:
        columns = dataclasses.replace(columns, header=not no_header)
        table = _heading(file, columns, hasattr(preprocessor, "front_end"))
    if (input or keep) and not table:
        option = "--input" if input else "--keep"
        raise InputError(f"{option}: needs a table: give --file with a .csv, .tsv or .jsonl file")
    bad = _Bad(strict or bool(plot) or len(words) == 1)
    printed = _Printer(table, keep, as_json)
    pipeline = None
    for rows in _parts(words, file, table and (columns, find_task(record.spec.task).layout), keep, bool(plot), bad):
        if plot and len(rows) != 1:
            raise InputError(f"--plot: takes one input, got {len(rows)}: give a single one")
        rows = [row for row in rows if bad.passes(preprocessor, *row[:2])]
        if not rows:
            continue
        if pipeline is None:
            pipeline = answering.load(name, record, preprocessor, "keras" if plot else backend)
        outputs = _predict(pipeline, [row[0] for row in rows], beam, as_json, table)
        for (_, _, kept, name), output in zip(rows, outputs, strict=True):
            printed.row(name, output, kept)
        if plot:
            _plot(pipeline, rows[0][0], outputs[0], plot)
    bad.end(printed.count)


class _Bad:
    """Count and print the inputs that cannot be read; if strict, raise the first error."""

    def __init__(self, strict: bool):
        self.strict, self.count = strict, 0

    def __call__(self, error: InputError) -> None:
        if self.strict:
            raise error
        self.count += 1
        for line in error.lines():
            note(f"error: {line}")

    def passes(self, preprocessor: Any, value: Any, place: str) -> bool:
        """Returns whether a model can read an input."""
        at = f"{place}: " if place else ""
        try:
            getattr(preprocessor, "encode_words", preprocessor.encode_input)(value)
            read_as = getattr(preprocessor, "read_as", None)
            other = read_as(value) if read_as else None
            if other is not None:
                from zoo.preprocessing.symbols import shorten

                note(f"note: {at}{shorten(value)!r} is read as {shorten(other)!r}")
            remark = preprocessor.note(value) if hasattr(preprocessor, "note") else None
            if remark:
                note(f"note: {at}{remark}")
        except InputError as error:
            self(InputError(f"{at}{error}") if place else error)
            return False
        return True

    def end(self, answered: int) -> None:
        """Raise what the exit code shall say, at the end of the input."""
        if self.count and not answered:
            raise InputError(f"none of the {self.count:,} inputs could be read: fix the lines above")
        if self.count:
            total = self.count + answered
            raise PartlyAnsweredError(f"{self.count:,} of {total:,} inputs could not be read: see the lines above")


def _columns(record: Record, file: str | None, keep: tuple[str, ...], given: dict[str, str | None]) -> Columns:
    """Returns the columns that a record names, and in place of some those that the user names."""
    known = Columns.from_json(record.training["recipe"].get("columns", {}))
    columns = dataclasses.replace(known, dialect="", **{name: value for name, value in given.items() if value})
    printed = [*keep, columns.input, "prediction", "probability", "input", "output"]
    clash = next((name for i, name in enumerate(printed[: len(keep)]) if name in printed[i + 1 :]), None)
    if clash:
        raise InputError(f"--keep {clash}: a column of this name is printed anyway: keep another one")
    return columns


def _heading(file: str, columns: Columns, reads_series: bool) -> str | None:
    """Returns the name of the column of inputs in the answer to a table, or None if the file has an input per line.

    Raises:
        InputError: No column of inputs is known.
    """
    from zoo.data.lines import ending

    kind = ending(file)
    if kind not in (".csv", ".tsv", ".jsonl", ".parquet", ".ts", ".conll", ".conllu") and not Path(file).is_dir():
        return None
    if kind in (".csv", ".tsv", ".jsonl", ".parquet") and not reads_series and not columns.input:
        raise InputError(f"{file}: input column unknown: give --input COLUMN")
    return columns.input if columns.input and "," not in columns.input else "input"


def _parts(words, file: str | None, table: tuple[Columns, str] | None, keep, whole: bool, bad: _Bad) -> Iterator[list]:
    """Yield rows, as many as are answered at once: an input, its place, the cells that are kept, and its name."""
    from zoo.data.lines import read_lines, stream_lines

    if words:
        yield [(word, "", {}, word) for word in words]
    elif table:
        from zoo.data.unlabelled import read_unlabelled

        result = read_unlabelled(str(file), *table, keep, bad)
        for line in result.notes:
            note(f"note: {line}")
        yield list(zip(result.inputs, result.locations, result.kept, result.names, strict=True))
    elif file in (None, "-") and not whole:
        for inputs, places in stream_lines(STREAMED, bad):
            yield [(value, place, {}, value) for value, place in zip(inputs, places, strict=True)]
    else:
        yield [(value, place, {}, value) for value, place in zip(*read_lines(file or "-", bad), strict=True)]


def _predict(pipeline, inputs: list[str], beam: int | None, as_json: bool, table: str | None) -> list:
    """Returns the outputs for inputs."""
    from zoo.progress import progress

    options = _beam(beam)
    if "probabilities" in pipeline.options and (as_json or table):
        options["probabilities"] = True
    with progress("predicting", len(inputs)) as on_step:
        return pipeline.predict(inputs, on_step=on_step, **options)


class _Printer:
    """Print outputs as JSON lines, as CSV, or as tab-separated inputs and outputs."""

    def __init__(self, table: str | None, keep: tuple[str, ...], as_json: bool):
        self.table, self.keep, self.as_json = table, keep, as_json
        self.count = 0

    def row(self, value: str, output: Any, kept: dict[str, Any]) -> None:
        """Print the answer to one input."""
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
