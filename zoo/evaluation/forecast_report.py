"""Write the scores of forecasters as one self-contained HTML page: scores, coverage by step ahead, and forecasts."""

from collections.abc import Sequence
from pathlib import Path

from zoo.analysis.forecast_plots import coverage_figure, forecast_figure
from zoo.evaluation.html_report import picture, section, table, write_page
from zoo.forecasting.rolling import Score, Window

SHOWN = 6  # windows drawn


def write_report(scores: Sequence[Score], windows: Sequence[Window], folder: str | Path) -> Path:
    """Write ``index.html`` atomically.

    Args:
        scores: Result of ``zoo.forecasting.rolling.score``; the forecasts of the first are drawn.
        windows: The windows of the scores.
        folder: Where to write; created if missing.

    Returns:
        The page's path.

    Raises:
        StorageError: The folder cannot be written.
    """
    heads = ["forecaster", "MASE", "weighted quantile loss", "inside the 80 % band, %"]
    rows = []
    for score in scores:
        values = [score.values[name].value if name in score.values else "" for name in ("mase", "wql")]
        shown = [f"{value:.4g}" if isinstance(value, float) else value for value in values]
        rows.append([score.model, *shown, 100 * score.values["coverage"].value])
    series = len({window.index for window in windows})
    text = f"<p>{len(windows):,} windows of {len(windows[0].actual):,} steps, from {series:,} series</p>"
    last = {window.index: i for i, window in enumerate(windows)}  # the last window of each series
    chosen = list(last.values())[:SHOWN]
    drawn = forecast_figure(
        [windows[i].series for i in chosen],
        [scores[0].outputs[i] for i in chosen],
        [windows[i].actual for i in chosen],
    )
    coverage = coverage_figure({score.model: score.coverage_by_step for score in scores})
    parts = [
        text + table(heads, rows),
        section("Coverage by step ahead", picture(coverage)),
        section(f"Forecasts of {scores[0].model}: the last windows of {len(chosen)} series", picture(drawn)),
    ]
    return write_page(f"{scores[0].model}: forecasts of the last windows", parts, folder)
