"""The subcommands. Heavy imports stand inside them, so that listing stays quick."""

import dataclasses
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from zoo import hub
from zoo.errors import InputError

from . import backend, show

STREAMED = 256  # lines of standard input answered at once; fewer where fewer have come


def _example(text: str) -> str:
    """An epilog that click prints as it stands."""
    return f"\b\nExample:\n  {text}"


def _plain(value):
    """Returns an array as lists, and a recording as its name."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _beam(beam: int | None) -> dict:
    return {} if beam is None else {"beam_size": beam}


@click.command("list", epilog=_example('zoo list "*.cmudict"'))
@click.argument("pattern", default="*")
@click.option("--architectures", is_flag=True, help="The architectures that can be built, instead of checkpoints.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def list_command(pattern: str, architectures: bool, as_json: bool) -> None:
    """Lists the checkpoints whose name matches PATTERN (wildcards as in a shell)."""
    if architectures:
        show.architectures(as_json)
        return
    names = hub.list_models(pattern)
    if not names:
        raise InputError(f"no checkpoint matches {pattern!r}; zoo list shows them all")
    show.checkpoints([hub.read_record(name) for name in names], as_json)


@click.command(epilog=_example("zoo info gru_small.cmudict"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The whole record as JSON.")
def info(name: str, as_json: bool) -> None:
    """Shows what the record of a checkpoint (a name or a folder) says."""
    record = hub.read_record(name)
    if as_json:
        click.echo(json.dumps(record.to_json(), ensure_ascii=False))
    else:
        show.record(record)


@click.command(epilog=_example("zoo predict gru_small.cmudict phoneme culurciello"))
@click.argument("name")
@click.argument("words", nargs=-1)
@click.option("--file", "file", help="A text file with an input a line; - is standard input.")
@click.option("--beam", type=int, help="Hypotheses kept while decoding a text, 5 if not said; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.option(
    "--plot", help="Write the attention over the (single) input: .png, .svg or .pdf; .html of words and sentences."
)
def predict(
    name: str, words: tuple[str, ...], file: str | None, beam: int | None, as_json: bool, plot: str | None
) -> None:
    """Predicts on WORDS, a file, or standard input, whose lines are answered as they come."""
    from zoo.data import read_lines, stream_lines
    from zoo.tasks import find_preprocessor

    piped = not words and file in (None, "-")
    if words and file:
        raise InputError("give words or --file, not both")
    if piped and file is None and sys.stdin.isatty():
        raise InputError("nothing to predict on: give words, --file FILE, or lines on standard input")
    if plot and Path(plot).suffix not in (".png", ".svg", ".pdf", ".html"):
        raise InputError(f"--plot {plot}: give a name that ends in .png, .svg or .pdf; of a classifier, in .html")
    # A wrong name or letter is told before the seconds that the backend takes to start.
    spec = hub.read_record(name).spec
    preprocessor = find_preprocessor(spec.task, spec.preprocessor, f"{name}: spec.preprocessor")
    if words:
        parts = iter([(list(words), ["" for _ in words])])
    elif piped and not plot:
        parts = stream_lines(STREAMED)
    else:
        parts = iter([read_lines(file or "-")])
    pipeline, inputs, outputs = None, [], []
    for inputs, where in parts:
        if plot and len(inputs) != 1:
            raise InputError(f"--plot draws one input, not {len(inputs)}")
        for text, place in zip(inputs, where, strict=True):
            try:
                preprocessor.encode_input(text)
            except InputError as error:
                raise InputError(f"{place}: {error}" if place else str(error)) from None
        if pipeline is None:
            backend.start()
            from zoo.pipeline import load

            pipeline = load(name)
        outputs = _predict(pipeline, inputs, beam, as_json)
    if plot:
        _plot(pipeline, inputs[0], outputs[0], plot)


def _plot(pipeline, text: str, output, path: str) -> None:
    from zoo import plotting

    if path.endswith(".html"):
        from zoo.tasks.classification import attention

        said = max(output, key=output.get) if isinstance(output, dict) else output
        plotting.attention_page(attention(pipeline, text), said, path)
    else:
        plotting.alignment(*pipeline.alignment(text), path)


def _predict(pipeline, inputs: list[str], beam: int | None, as_json: bool) -> list:
    """Predicts on inputs, prints the answers and returns them."""
    from zoo.progress import progress

    options = _beam(beam)
    if as_json and "probabilities" in pipeline.task.options:
        options["probabilities"] = True
    with progress("predicting", len(inputs)) as tick:
        outputs = pipeline.predict(inputs, tick=tick, **options)
    for text, output in zip(inputs, outputs, strict=True):
        line = json.dumps({"input": text, "output": output}, ensure_ascii=False)
        click.echo(line if as_json else f"{text}\t{output}")
    return outputs


@click.command(epilog=_example("zoo evaluate gru_small.cmudict --limit 500"))
@click.argument("name")
@click.argument("data", required=False)
@click.option("--dataset", help="Name of a dataset; by default the one that the checkpoint was trained on.")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--input", "input", default="", help="Column of the file DATA with the inputs.")
@click.option("--target", default="", help="Column of the file DATA with the right outputs.")
@click.option("--no-header", is_flag=True, help="The file names no columns: they are called 1, 2 and so on.")
@click.option("--series", default="", help="Of a table with a row a step: the column that names the series.")
@click.option("--time", default="", help="Of a table with a row a step: the column with the time.")
@click.option("--limit", type=int, help="Only so many inputs, the same random ones each time.")
@click.option("--beam", type=int, help="Hypotheses kept while decoding a text, 5 if not said; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--predictions", type=click.Path(dir_okay=False), help="Also write every prediction, as JSONL.")
@click.option("--report", "page", type=click.Path(file_okay=False), help="Also write a page with pictures, index.html.")
def evaluate(
    name, data, dataset, split, input, target, no_header, series, time, limit, beam, as_json, predictions, page
) -> None:
    """Measures a checkpoint on a dataset by name, or on your own DATA: a file, or a folder of sounds."""
    if data and dataset:
        raise InputError("give a file or --dataset, not both")
    record = hub.read_record(name)
    chosen = data or dataset or record.data["name"]
    backend.start("tensorflow")
    from zoo import datasets, evaluation
    from zoo.pipeline import load
    from zoo.progress import progress
    from zoo.weights_file import replacing

    pipeline = load(name)
    if page and not pipeline.task.judged:
        raise InputError(f"--report shows mistakes: {pipeline.spec.task} has none, only likelihoods")
    options = _beam(beam)
    if page and "probabilities" in pipeline.task.options:
        options["probabilities"] = True
    writing = replacing(Path(predictions)) if predictions else nullcontext()
    with writing as file, progress("evaluating") as tick:

        def note(text, output, references):
            row = {"input": text, "output": output, "references": references}
            file.write(json.dumps(row, default=_plain).encode() + b"\n")

        report = evaluation.evaluate(
            pipeline,
            chosen,
            split=split,
            input=input,
            target=target,
            header=not no_header,
            series=series,
            time=time,
            limit=limit,
            keep=bool(page),
            start=lambda size: tick(0, total=size),
            tick=tick,
            **({"each": note} if predictions else {}),
            **options,
        )
    if page:
        from zoo.report import write_report

        write_report(report, pipeline, page)
    entry = datasets.DATASETS.get(report.dataset)
    published = list(entry.published) if entry and report.split == "test" else []
    found = {"model": name, **report.to_json(), "published": published}
    if as_json:
        click.echo(json.dumps(found))
    else:
        show.evaluation(found)


@click.command(epilog=_example("zoo finetune gru_small.cmudict words.csv --input word --target phones --output my-g2p"))
@click.argument("name")
@click.argument("data")
@click.option("--input", "input", default="", help="Column with the inputs; of numbers a step several, between commas.")
@click.option("--target", default="", help="Column with labels, or with texts whose symbols stand between blanks.")
@click.option("--no-header", is_flag=True, help="The file names no columns: they are called 1, 2 and so on.")
@click.option("--series", default="", help="Of a table with a row a step: the column that names the series.")
@click.option("--time", default="", help="Of a table with a row a step: the column with the time.")
@click.option("--output", required=True, help="Folder to write the result to.")
@click.option("--validation", help="File for choosing the best epoch; by default a tenth of DATA.")
@click.option("--test", help="File for the final score; by default another tenth of DATA.")
@click.option(
    "--task", help="If what is inferred is wrong: classification, series_classification, tagging, transduction."
)
@click.option("--epochs", type=click.IntRange(1), help="Most epochs; training may stop earlier.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of everything random.")
@click.option("--balance", is_flag=True, help="Let labels weigh alike, however rare, and not rows.")
@click.option("--from-scratch", is_flag=True, help="Same model, fresh weights: what did pretraining bring?")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
def finetune(
    name,
    data,
    input,
    target,
    no_header,
    series,
    time,
    output,
    validation,
    test,
    task,
    epochs,
    seed,
    balance,
    from_scratch,
    resume,
) -> None:
    """Trains NAME further on the examples in DATA: .csv, .tsv, .jsonl, .parquet, .ts, or a folder LABEL/NAME.wav.

    NAME is a checkpoint, or an architecture and its size (lstm_small) to be trained from scratch.
    """
    from zoo import models

    if Path(output).exists() and any(Path(output).iterdir() if Path(output).is_dir() else [output]):
        raise InputError(f"{output}: exists already: choose another --output")
    if models.architecture_and_size(name) is None:
        hub.read_record(name)
    backend.start()
    from zoo import fine_tuning

    epochs = epochs or fine_tuning.PLAN.epochs
    plan = dataclasses.replace(fine_tuning.PLAN, seed=seed, epochs=epochs, balance=balance)
    with show.training(f"fine-tuning {name}") as (report, tick):
        pipeline = fine_tuning.fine_tune(
            name,
            data,
            input=input,
            target=target,
            header=not no_header,
            series=series,
            time=time,
            validation=validation,
            test=test,
            task=task,
            plan=plan,
            pretrained=not from_scratch,
            output=output,
            resume=resume,
            tell=lambda line: click.echo(line, err=True),
            report=report,
            tick=tick,
        )
    assert pipeline.document is not None
    show.fine_tuned(pipeline.document, pipeline.task.monitor, output)


@click.command(epilog=_example("zoo train gru_small.cmudict"))
@click.argument("recipe")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--runs", default="runs", show_default=True, help="Folder for the state of unfinished runs.")
@click.option("--output", help="Folder of the checkpoint; by default its place among the zoo's weights.")
def train(recipe: str, resume: bool, runs: str, output: str | None) -> None:
    """Trains a checkpoint from its recipe, from scratch."""
    from zoo.recipes import RECIPES

    if recipe not in RECIPES:
        raise InputError(f"no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    backend.start("tensorflow")  # it also reads the datasets, whatever the backend
    from zoo import checkpoints

    with show.training(f"training {recipe}") as (report, tick):
        pipeline = checkpoints.train(recipe, Path(output) if output else None, Path(runs), resume, report, tick)
    assert pipeline.document is not None
    for found in pipeline.document["metrics"]:
        show.evaluation({"model": recipe, **found, "published": []})
