"""``zoo compare``: which architecture for these data."""

import dataclasses

import click

from zoo.limits import MAX_SEED

from . import backend, show
from .output import Text, echo_json, note


@click.command(
    epilog='\b\nExample:\n  zoo compare questions.csv --models "lstm_tiny,tcn_tiny" --input text --target label'
)
@click.argument("data")
@click.option(
    "--models", required=True, help="Checkpoints, architectures with a size, and tfidf, between commas; with * and ?."
)
@click.option(
    "--input",
    "input",
    type=Text(),
    default="",
    help="Column with the inputs; of numbers a step several, between commas.",
)
@click.option(
    "--target", type=Text(), default="", help="Column with labels, or with texts whose symbols stand between spaces."
)
@click.option(
    "--series", type=Text(), default="", help="Of a table with a row a step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with a row a step: the column with the time.")
@click.option(
    "--task",
    help="Override the inferred task: classification, series_classification, regression, tagging,"
    " sequence_to_sequence.",
)
@click.option("--epochs", type=click.IntRange(1), help="Most epochs of each model.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Most minutes of each model.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="Seed of everything random."
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--output", type=click.Path(file_okay=False), help="Folder that gets every trained model.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--plot", help="Write score against latency as a picture: .png, .svg or .pdf.")
def compare(
    data, models, input, target, series, time, task, epochs, minutes, seed, skip_bad_rows, output, as_json, plot
) -> None:
    """Fine-tunes several models on DATA under one budget and measures them on the same held-out rows."""
    show.check_picture(plot, data)
    backend.start()
    from zoo.fitting import comparison

    names = [name.strip() for name in models.split(",") if name.strip()]
    with show.training("comparing") as (on_epoch, on_step):
        rows = comparison.compare(
            data,
            names,
            input=input,
            target=target,
            series=series,
            time=time,
            task=task,
            epochs=epochs,
            minutes=minutes,
            seed=seed,
            skip_bad_rows=skip_bad_rows,
            output=output,
            on_message=note,
            on_epoch=on_epoch,
            on_step=on_step,
        )
    found = [dataclasses.asdict(row) for row in rows]
    if as_json:
        echo_json(found)
    else:
        show.comparison(found)
    if plot:
        from zoo.analysis.plotting import score_against_latency

        score = show.main_score(found[0]["values"])
        points = [{"model": r["model"], "score": r["values"][score], "latency": r["latency"]} for r in found]
        score_against_latency(points, show.NAMES[score], plot)
