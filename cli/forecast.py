"""``zoo forecast``: what follows the series of a table."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from zoo.errors import InputError
from zoo.files import check_output, open_output

from . import answering, show
from .columns import series_options
from .commands import _example, _tell
from .output import Text, echo, echo_json, note
from .tables import print_table

SHOWN = ("0.1", "0.3", "0.5", "0.7", "0.9")  # quantiles of the printed table
MAX_DRAWN = 6  # series of a picture


@click.command(epilog=_example("zoo forecast tcn_small.forecasting sales.csv --time day --target units --horizon 28"))
@click.argument("name")
@click.argument("data")
@click.option("--target", type=Text(), required=True, help="Column with the numbers.")
@click.option("--time", type=Text(), default="", help="Column with dates or numbers. Default: rows are steps.")
@click.option("--series", type=Text(), default="", help="Column that names the series of a row.")
@click.option("--no-header", is_flag=True, help="DATA has no header row; columns are named 1, 2, ...")
@series_options(required=True)
@click.option("--output", help="Write all nine quantiles to this .csv or .json file, and print no table.")
@click.option("--plot", help="Plot history, median, 50 % and 80 % band to a .png, .svg or .pdf file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per series and step.")
@answering.backend_option
def forecast(
    name,
    data,
    target,
    time,
    series,
    no_header,
    horizon,
    period,
    time_format,
    dialect,
    output,
    plot,
    as_json,
    backend,
) -> None:
    """Forecast what follows each series in DATA: a .csv, .tsv, .jsonl or .parquet file with a row per step.

    NAME is a forecasting checkpoint, or seasonal_naive, theta or ets. The point forecast is the median,
    0.5; the other columns are quantiles. Rows may stand in any order; steps without a row and empty cells are missing
    values. The season is inferred from the dates or the values, or given with --period.
    """
    from zoo.data.columns import Columns
    from zoo.data.time_tables import read_series
    from zoo.forecasting import forecasters

    if output and Path(output).suffix not in (".csv", ".json"):
        raise InputError(f"--output {output}: unknown format: use .csv or .json")
    if output and as_json:
        raise InputError("--json: prints, and --output writes: give one of them")
    if output:
        check_output(output, data)
    show.check_picture(plot, data)
    forecasters.check_horizon(horizon)
    forecasters.check_name(name)
    columns = Columns(target=target, series=series, time=time, header=not no_header, dialect=dialect)
    result, notes = read_series(data, columns, time_format, period)
    for line in notes:
        _tell(line)
    model = name
    if name not in forecasters.BASELINES:
        from zoo.checkpoints import locate

        model = answering.load(name, locate.read_record(name), None, backend)
    from zoo.forecasting.forecast import rows
    from zoo.progress import progress

    with progress(f"forecasting {len(result):,} series", len(result)) as on_step:
        _, forecaster = forecasters.find(model, on_step, _tell)
        outputs = forecasters.run(forecaster, result, horizon)
    table = list(rows(result, outputs))
    if plot:
        from zoo.analysis.forecast_plots import plot_forecasts

        plot_forecasts(result[:MAX_DRAWN], outputs[:MAX_DRAWN], plot)
        if len(result) > MAX_DRAWN:
            _tell(f"{plot} shows the first {MAX_DRAWN} of {len(result):,} series")
    if output:
        _write(table, output)
        note(f"{output}: {len(table):,} rows, {len(result):,} series")
    elif as_json:
        for row in table:
            echo_json(row)
    else:
        _print(table, bool(series))
    if plot:
        note(f"{plot}: history, median, 50 % and 80 % band")


def _write(table: list[dict[str, Any]], path: str) -> None:
    """Write the rows of a forecast as CSV or as a JSON array."""
    if path.endswith(".json"):
        text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in table) + "\n]\n"
    else:
        written = io.StringIO()
        writer = csv.DictWriter(written, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        text = written.getvalue()
    with open_output(path) as file:
        file.write(text.encode())


def _print(table: list[dict[str, Any]], many: bool) -> None:
    """Print five quantiles of each step, with as many digits as the numbers of all rows need."""
    names = [name for name in table[0] if not name.startswith("0.")][0 if many else 1 :]
    largest = max(abs(row[q]) for row in table for q in SHOWN)
    digits = next((digits for digits, size in ((0, 1e4), (1, 1e3), (2, 1e2), (3, 1)) if largest >= size), None)
    form = ".4g" if digits is None else f",.{digits}f"
    cells = [[*(str(row[name]) for name in names), *(format(row[q], form) for q in SHOWN)] for row in table]
    print_table((*names, *SHOWN), cells)
    echo("0.5 is the median, 0.1 to 0.9 the 80 % band; --output writes nine quantiles")
