"""Subcommands. Heavy imports are inside the functions because listing must start fast."""

import dataclasses
import json
from contextlib import nullcontext
from pathlib import Path

import click

from zoo.checkpoints import index, locate
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.files import check_output, check_output_folder, open_output

from . import backend, show
from .columns import labels_option, series_options
from .languages import in_language, language_option
from .output import Text, echo_json, note
from .processes import processes_options

SLOW = 1.5  # ratio of bfloat16 time to float32 time from which a note is printed


def _example(text: str) -> str:
    """Returns an epilog that click does not rewrap."""
    return f"\b\nExample:\n  {text}"


def _plain(value):
    """Returns an array as lists and a recording as its name."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _tell(line: str) -> None:
    note(f"note: {line}")


def _beam(beam: int | None) -> dict:
    return {} if beam is None else {"beam_size": beam}


@click.command("list", epilog=_example('zoo list "*.cmudict"'))
@click.argument("pattern", default="*")
@click.option("--architectures", is_flag=True, help="List architectures instead of checkpoints.")
@click.option("--datasets", is_flag=True, help="List datasets instead of checkpoints.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(pattern: str, architectures: bool, datasets: bool, as_json: bool) -> None:
    """List the checkpoints whose name matches PATTERN (wildcards as in a shell)."""
    if architectures and datasets:
        raise InputError("--architectures and --datasets are two lists: ask for one")
    if architectures:
        show.architectures(as_json)
        return
    if datasets:
        show.datasets(pattern, as_json)
        return
    names = locate.list_models(pattern)
    if not names:
        raise InputError(f"{pattern}: no checkpoint matches: see zoo list")
    show.checkpoints(index.list_rows(names), as_json)


@click.command(epilog=_example("zoo info gru_small.cmudict"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
def info(name: str, as_json: bool) -> None:
    """Show what the record of a checkpoint (a name or a folder) says."""
    record = locate.read_record(name)
    if as_json:
        echo_json(record.to_json())
    else:
        show.record(record)


@click.command(epilog=_example("zoo evaluate gru_small.cmudict --limit 500"))
@click.argument("name")
@click.argument("data", required=False)
@click.option("--dataset", help="Dataset name. Default: the checkpoint's training dataset.")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--input", "input", type=Text(), default="", help="Column of DATA with the inputs.")
@click.option("--target", type=Text(), default="", help="Column of DATA with the targets.")
@click.option("--no-header", is_flag=True, help="DATA has no header row; columns are named 1, 2, ...")
@click.option(
    "--series", type=Text(), default="", help="Of a table with one row per step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with one row per step: the column with the time.")
@labels_option
@language_option
@series_options(required=False)
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--limit", type=int, help="Evaluate this many inputs, sampled with a fixed seed.")
@click.option("--beam", type=int, help="Beam width of decoding. Default: 5; 1 is greedy.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--predictions", help="Write every prediction to this JSONL file.")
@click.option("--report", "page", help="Write an HTML report with figures to this folder.")
@click.option("--against", multiple=True, help="Compare with another model on the same inputs. Repeatable.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes of this machine that answer."
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
    language,
    horizon,
    period,
    time_format,
    windows,
    skip_bad_rows,
    limit,
    beam,
    as_json,
    predictions,
    page,
    against,
    processes,
) -> None:
    """Measure a checkpoint on a dataset by name, or on your own DATA: a file, or a folder of sounds.

    With --horizon, a forecaster is measured on the last windows of the series in DATA or in a dataset, beside simple
    methods. Without --horizon and DATA it is measured on the test sets of the benchmark; --dataset time_series/m1
    chooses one.
    """
    if data and dataset:
        raise InputError("--dataset: excludes DATA: give one of them")
    from . import forecasters

    if horizon is not None:
        others = {"strip_labels": strip_labels, "tag_names": tag_names, "allow_unknown": allow_unknown}
        others |= {"input": input, "skip_bad_rows": skip_bad_rows, "limit": limit, "beam": beam}
        forecasters.refuse(**others, predictions=predictions, processes=processes > 1)
        columns = Columns(target=target, header=not no_header, series=series, time=time, dialect=dialect)
        if dataset:
            forecasters.refuse(
                "--dataset", target=target, series=series, time=time, period=period, time_format=time_format
            )
        request = forecasters.Request(data, columns, horizon, period, time_format, windows, dataset)
        forecasters.evaluate(name, request, against, as_json, page)
        return
    forecasters.refuse_without_horizon(period=period, time_format=time_format, windows=windows)
    if data:
        forecasters.needs_horizon(name)
    elif forecasters.is_forecaster(name):
        from . import benchmark

        benchmark.refuse(input=input, target=target, series=series, time=time, limit=limit, beam=beam, report=page)
        benchmark.refuse(predictions=predictions, skip_bad_rows=skip_bad_rows, processes=processes - 1)
        benchmark.evaluate(name, dataset, against, as_json)
        return
    if predictions:
        check_output(predictions, data)
    if page:
        check_output_folder(page)
    record = locate.read_record(name)
    if language:
        from zoo.tasks import find_preprocessor

        in_language(find_preprocessor(record.spec.task, record.spec.preprocessor), language)
    for other in against:
        if (task := locate.read_record(other).spec.task) != record.spec.task:
            raise InputError(f"--against {other}: task {task} differs from {name}'s {record.spec.task}: give one task")
    chosen = data or dataset or record.data["name"]
    from zoo import datasets

    # TensorFlow reads the datasets on every backend.
    backend.start(*(["tensorflow"] if chosen in datasets.DATASETS else []))
    from zoo.evaluation import measure
    from zoo.loading import load
    from zoo.progress import progress

    pipeline = load(name)
    if page and not pipeline.task.has_correct_answer:
        raise InputError(f"--report: {pipeline.spec.task} has no answers that are right or wrong: omit it")
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
            language=language or "",
            skip_bad_rows=skip_bad_rows,
            limit=limit,
            processes=processes,
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
            second = load(other)
            result = evaluate_model(second, on_step, **_beam(beam))
        metric, less = measure.held_against(pipeline, report, second, result)
        values = result.to_json()["values"]
        others.append({"model": other, "values": values, "metric": metric, "difference": dataclasses.asdict(less)})
    if page:
        from zoo.evaluation.html_report import write_report

        write_report(report, pipeline, page)
    entry = datasets.DATASETS.get(report.dataset)
    published = entry.figures(report.split) if entry and report.split.startswith("test") else []
    result = {"model": name, **report.to_json(), "published": published, **({"against": others} if others else {})}
    if as_json:
        echo_json(result)
    else:
        show.evaluation(result)


@click.command(epilog=_example("zoo train gru_small.cmudict"))
@click.argument("recipe")
@click.option("--resume", is_flag=True, help="Resume an interrupted run.")
@click.option("--runs", default="runs", show_default=True, help="Folder for the states of unfinished runs.")
@click.option("--output", help="Checkpoint folder. Default: the zoo's weights folder.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a field of the recipe's training config or of its architecture: epochs=3, dropout=0.2,"
    " precision=mixed_bfloat16. Repeatable; needs --output.",
)
@processes_options
def train(recipe: str, resume: bool, runs: str, output: str | None, settings: tuple[str, ...]) -> None:
    """Train a checkpoint from its recipe, from scratch."""
    from zoo.recipes import recipes

    recipes.find(recipe)
    backend.start("tensorflow")  # it reads the datasets on every backend
    from zoo.analysis import profiling
    from zoo.fitting import recipe_run

    if "precision=mixed_bfloat16" in settings and (times := profiling.bfloat16_slowdown()) > SLOW:
        note(
            f"note: bfloat16 matrix products take {times:.1f} times as long as float32 on this machine:"
            " train without precision=mixed_bfloat16"
        )
    with show.training(f"training {recipe}") as callbacks:
        folder = Path(output) if output else None
        pipeline = recipe_run.train(recipe, folder, Path(runs), resume, callbacks, settings)
    if pipeline.document is None:  # not the first of several processes
        return
    for result in pipeline.document["metrics"]:
        show.evaluation({"model": recipe, **result, "published": []})
