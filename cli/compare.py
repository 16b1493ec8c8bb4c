"""``zoo compare``: fine-tune several models on the same data."""

import dataclasses

import click

from zoo.data.columns import Columns
from zoo.limits import MAX_SEED

from . import backend, forecasters, show
from .columns import labels_option, series_options, symbols_option
from .output import Text, echo_json


@click.command(
    epilog='\b\nExample:\n  zoo compare questions.csv --models "lstm_tiny,tcn_tiny" --input text --target label'
)
@click.argument("data")
@click.option(
    "--models",
    required=True,
    help="Comma-separated checkpoints, sized architectures and tfidf; with --horizon checkpoints, seasonal_naive, theta"
    " and ets. Patterns match as in zoo list.",
)
@click.option(
    "--input",
    "input",
    type=Text(),
    default="",
    help="Column with the inputs; of numbers per step several, between commas.",
)
@click.option("--target", type=Text(), default="", help="Target column: labels, or texts of space-separated symbols.")
@click.option(
    "--series", type=Text(), default="", help="Of a table with one row per step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with one row per step: the column with the time.")
@click.option(
    "--task",
    help="Override the inferred task: classification, series_classification, regression, tagging,"
    " sequence_to_sequence, translation.",
)
@symbols_option
@labels_option
@series_options(required=False)
@click.option("--epochs", type=click.IntRange(1), help="Maximum epochs per model.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Maximum minutes per model.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="Random seed.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--output", type=click.Path(file_okay=False), help="Folder for the trained models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--plot", help="Plot score against latency to a .png, .svg or .pdf file.")
def compare(
    data,
    models,
    input,
    target,
    series,
    time,
    task,
    horizon,
    period,
    time_format,
    windows,
    epochs,
    minutes,
    seed,
    skip_bad_rows,
    output,
    as_json,
    plot,
    **more,
) -> None:
    """Fine-tune several models on DATA with one budget and evaluate them on the same held-out rows.

    With --horizon, forecasters are compared on the last windows of the series in DATA. They are fine-tuned too if
    --minutes or --epochs is given.
    """
    if horizon is not None:
        others = {**more, "dialect": "", "input": input, "task": task, "skip_bad_rows": skip_bad_rows, "plot": plot}
        forecasters.refuse(**others)
        columns = Columns(target=target, series=series, time=time, dialect=more["dialect"])
        request = forecasters.Request(data, columns, horizon, period, time_format, windows)
        budget = {"epochs": epochs, "minutes": minutes}
        budget = {name: value for name, value in budget.items() if value is not None}
        forecasters.compare(models, request, budget and {**budget, "seed": seed}, output, as_json)
        return
    forecasters.refuse_without_horizon(period=period, time_format=time_format, windows=windows)
    show.check_picture(plot, data)
    backend.start()
    from zoo.fitting import comparison

    names = [name.strip() for name in models.split(",") if name.strip()]
    with show.training("comparing") as callbacks:
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
            **{**more, "symbols": more["symbols"] or ""},
            callbacks=callbacks,
        )
    result = [dataclasses.asdict(row) for row in rows]
    if as_json:
        echo_json(result)
    else:
        show.comparison(result)
    if plot:
        from zoo.analysis.plotting import score_against_latency

        score = show.main_score(result[0]["values"])
        points = [{"model": r["model"], "score": r["values"][score], "latency": r["latency"]} for r in result]
        score_against_latency(points, show.NAMES[score], plot)
