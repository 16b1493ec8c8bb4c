"""The subcommands. Heavy imports stand inside them, so that listing stays quick."""

import dataclasses
import json
from contextlib import nullcontext
from pathlib import Path

import click

from zoo.checkpoints import index, locate
from zoo.errors import InputError
from zoo.files import check_output, check_output_folder, open_output

from . import backend, show
from .columns import labels_option
from .output import Text, echo_json, note

SLOW = 1.5  # times as long in bfloat16 as in float32, from which on it is worth a word


def _example(text: str) -> str:
    """An epilog that click prints as it stands."""
    return f"\b\nExample:\n  {text}"


def _plain(value):
    """Returns an array as lists, and a recording as its name."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _tell(line: str) -> None:
    note(f"note: {line}")


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
    names = locate.list_models(pattern)
    if not names:
        raise InputError(f"no checkpoint matches {pattern!r}; zoo list shows them all")
    show.checkpoints(index.list_rows(names), as_json)


@click.command(epilog=_example("zoo info gru_small.cmudict"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The whole record as JSON.")
def info(name: str, as_json: bool) -> None:
    """Shows what the record of a checkpoint (a name or a folder) says."""
    record = locate.read_record(name)
    if as_json:
        echo_json(record.to_json())
    else:
        show.record(record)


@click.command(epilog=_example("zoo evaluate gru_small.cmudict --limit 500"))
@click.argument("name")
@click.argument("data", required=False)
@click.option("--dataset", help="Name of a dataset; by default the one that the checkpoint was trained on.")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--input", "input", type=Text(), default="", help="Column of the file DATA with the inputs.")
@click.option("--target", type=Text(), default="", help="Column of the file DATA with the right outputs.")
@click.option("--no-header", is_flag=True, help="The file names no columns: they are called 1, 2 and so on.")
@click.option(
    "--series", type=Text(), default="", help="Of a table with a row a step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with a row a step: the column with the time.")
@labels_option
@click.option("--limit", type=int, help="Only so many inputs, the same random ones each time.")
@click.option("--beam", type=int, help="Hypotheses kept while decoding a text, 5 if not said; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--predictions", help="Also write every prediction, as JSONL.")
@click.option("--report", "page", help="Also write a page with pictures, index.html.")
@click.option(
    "--against", multiple=True, help="Another model, measured on the same inputs: how they differ. As often as needed."
)
def evaluate(
    name,
    data,
    dataset,
    split,
    input,
    target,
    no_header,
    series,
    time,
    strip_labels,
    tag_names,
    dialect,
    allow_unknown,
    limit,
    beam,
    as_json,
    predictions,
    page,
    against,
) -> None:
    """Measures a checkpoint on a dataset by name, or on your own DATA: a file, or a folder of sounds."""
    if data and dataset:
        raise InputError("give a file or --dataset, not both")
    if predictions:
        check_output(predictions, data)
    if page:
        check_output_folder(page)
    record = locate.read_record(name)
    for other in against:
        if (task := locate.read_record(other).spec.task) != record.spec.task:
            raise InputError(f"--against {other}: does {task}, and {name} {record.spec.task}: give models of one task")
    chosen = data or dataset or record.data["name"]
    from zoo import datasets

    # TensorFlow reads the datasets, whatever the backend; a file needs none.
    backend.start(*(["tensorflow"] if chosen in datasets.DATASETS else []))
    from zoo.evaluation import measure
    from zoo.pipeline import load
    from zoo.progress import progress

    pipeline = load(name)
    if page and not pipeline.task.has_correct_answer:
        raise InputError(f"--report shows mistakes: {pipeline.spec.task} has none, only likelihoods")
    options = _beam(beam)
    if page and "probabilities" in pipeline.task.options:
        options["probabilities"] = True
    writing = open_output(predictions) if predictions else nullcontext()

    def evaluate_model(model, on_step, **more):
        return measure.evaluate(
            model,
            chosen,
            split=split,
            input=input,
            target=target,
            header=not no_header,
            series=series,
            time=time,
            strip_labels=strip_labels,
            tag_names=tag_names,
            dialect=dialect,
            allow_unknown=allow_unknown,
            limit=limit,
            keep=bool(page or against),
            on_start=lambda size: on_step(0, total=size),
            on_step=on_step,
            **more,
        )

    with writing as file, progress(f"evaluating {name}") as on_step:

        def note(text, output, references):
            row = {"input": text, "output": output, "references": references}
            file.write(json.dumps(row, default=_plain).encode() + b"\n")

        report = evaluate_model(
            pipeline, on_step, on_message=_tell, **({"on_prediction": note} if predictions else {}), **options
        )
    others = []
    for other in against:
        with progress(f"evaluating {other}") as on_step:
            theirs = load(other)
            found = evaluate_model(theirs, on_step, **_beam(beam))
        metric, less = measure.held_against(pipeline, report, theirs, found)
        values = found.to_json()["values"]
        others.append({"model": other, "values": values, "metric": metric, "difference": dataclasses.asdict(less)})
    if page:
        from zoo.evaluation.html_report import write_report

        write_report(report, pipeline, page)
    entry = datasets.DATASETS.get(report.dataset)
    published = list(entry.published) if entry and report.split == "test" else []
    found = {"model": name, **report.to_json(), "published": published, **({"against": others} if others else {})}
    if as_json:
        echo_json(found)
    else:
        show.evaluation(found)


@click.command(epilog=_example("zoo train gru_small.cmudict"))
@click.argument("recipe")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--runs", default="runs", show_default=True, help="Folder for the state of unfinished runs.")
@click.option("--output", help="Folder of the checkpoint; by default its place among the zoo's weights.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a field of the recipe's training config or of its architecture: epochs=3, dropout=0.2,"
    " precision=mixed_bfloat16. Repeatable; needs --output.",
)
def train(recipe: str, resume: bool, runs: str, output: str | None, settings: tuple[str, ...]) -> None:
    """Trains a checkpoint from its recipe, from scratch."""
    from zoo.recipes.recipes import RECIPES

    if recipe not in RECIPES:
        raise InputError(f"no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    backend.start("tensorflow")  # it also reads the datasets, whatever the backend
    from zoo.analysis import profiling
    from zoo.fitting import recipe_run

    if "precision=mixed_bfloat16" in settings and (times := profiling.bfloat16_slowdown()) > SLOW:
        note(
            f"note: in bfloat16 a product of matrices takes {times:.1f} times as long here as in float32, so that"
            " training without precision=mixed_bfloat16 is faster"
        )
    with show.training(f"training {recipe}") as (on_epoch, on_step):
        folder = Path(output) if output else None
        pipeline = recipe_run.train(recipe, folder, Path(runs), resume, on_epoch, on_step, settings)
    assert pipeline.document is not None
    for found in pipeline.document["metrics"]:
        show.evaluation({"model": recipe, **found, "published": []})
