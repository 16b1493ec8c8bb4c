"""Plots of forecasts: history, median and bands."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.analysis.plotting import save
from zoo.data import frequency
from zoo.data.forecast_series import Series
from zoo.metrics.forecasting import QUANTILES

HISTORY = 3  # horizons of history that are drawn
MIN_HISTORY = 60


def bands(quantiles: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns the ends of the 80 % and the 50 % band.

    The 50 % band ends at the quantiles 0.25 and 0.75, each in the middle of its two neighbours.

    Args:
        quantiles: ``(horizon, 9)``, of ``QUANTILES``.
    """
    at = {share: np.array([np.interp(share, QUANTILES, row) for row in quantiles]) for share in (0.1, 0.25, 0.75, 0.9)}
    return {"80 %": (at[0.1], at[0.9]), "50 %": (at[0.25], at[0.75])}


def plot_forecasts(series: Sequence[Series], outputs: Sequence[np.ndarray], path: str | Path) -> None:
    """Write ``forecast_figure`` to a file whose extension gives the format (raises StorageError)."""
    save(forecast_figure(series, outputs), path)


def forecast_figure(
    series: Sequence[Series], outputs: Sequence[np.ndarray], actual: Sequence[np.ndarray] | None = None
) -> Figure:
    """Plot the end of each history, its median forecast, and the 50 % and 80 % bands, one series below the other.

    Args:
        series: At least one series.
        outputs: Quantiles of each, ``(horizon, 9)``.
        actual: What really followed each series, ``(horizon,)``, where it is known.
    """
    figure = Figure(figsize=(9, 1 + 2.6 * len(series)), layout="constrained")
    panels = figure.subplots(len(series), squeeze=False)[:, 0]
    for i, (one, quantiles, axes) in enumerate(zip(series, outputs, panels, strict=True)):
        horizon = len(quantiles)
        shown = min(len(one.values), max(HISTORY * horizon, MIN_HISTORY))
        if one.times is None or one.frequency is None:
            past, ahead = np.arange(1 - shown, 1), np.arange(1, horizon + 1)
            axes.set_xlabel("steps ahead")
        else:
            past, ahead = one.times[-shown:], frequency.named(one.frequency).after(one.times, horizon)
        axes.plot(past, one.values[-shown:], color="tab:gray", label="history")
        for name, (low, high) in bands(quantiles).items():
            axes.fill_between(ahead, low, high, color="tab:blue", alpha=0.2, linewidth=0, label=f"{name} band")
        axes.plot(ahead, quantiles[:, QUANTILES.index(0.5)], color="tab:blue", label="median")
        if horizon == 1:  # a line of one point is invisible
            axes.errorbar(ahead, quantiles[:, 4], np.abs(quantiles[:, [0, 8]] - quantiles[:, [4]]).T, fmt="o")
        if actual is not None:
            axes.plot(ahead, actual[i], color="black", linewidth=1, label="actual")
        axes.set_title(one.name, fontsize="medium", loc="left", parse_math=False)
        axes.grid(alpha=0.3)
    panels[0].legend(loc="upper left", ncols=2, fontsize="small")
    return figure


def coverage_figure(shares: dict[str, Sequence[float]]) -> Figure:
    """Plot the share of values inside the 80 % band by step ahead, one line per forecaster."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(80, color="gray", linestyle=":")
    for name, values in shares.items():
        axes.plot(np.arange(1, len(values) + 1), 100 * np.array(values), marker=".", label=name)
    axes.set_xlabel("step ahead")
    axes.set_ylabel("inside the 80 % band, %")
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
