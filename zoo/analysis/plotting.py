"""Plots, drawn with matplotlib without a display."""

import html
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from zoo.checkpoints.scores import NO_SHARES
from zoo.escape import printable
from zoo.files import open_output


def alignment(source: list[str], target: list[str], weights: np.ndarray, path: str | Path) -> None:
    """Plot attention weights: input symbols (across) for each output symbol (down).

    Args:
        source: Input symbols.
        target: Output symbols.
        weights: ``(len(target), len(source))``.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    figure = Figure(figsize=(1.5 + 0.4 * len(source), 1.2 + 0.35 * len(target)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    across, down = ([printable(symbol).replace("$", r"\$") for symbol in side] for side in (source, target))
    axes.set_xticks(range(len(source)), across)
    axes.set_yticks(range(len(target)), down)
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    figure.colorbar(image, label="attention")
    save(figure, path)


def curves(records: dict[str, list[dict]], score: str, path: str | Path) -> None:
    """Write ``curves_figure`` to a file whose extension gives the format (raises StorageError on failure)."""
    figure = curves_figure(records, score)
    save(figure, path)


def curves_figure(records: dict[str, list[dict]], score: str) -> Figure:
    """Plot a validation score by epoch, one line per model.

    Args:
        records: The ``curve`` of each record, by name.
        score: Name of the score.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    scale, unit = (1, "") if score in NO_SHARES else (100, ", %")
    for name, curve in records.items():
        axes.plot([row["epoch"] for row in curve], [scale * row[score] for row in curve], marker="o", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"validation {score.upper() if len(score) == 3 else score.replace('_', ' ')}{unit}")
    if all(row[score] > 0 for curve in records.values() for row in curve):
        axes.set_yscale("log")  # errors of the first epochs are many times those of the last
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return figure


def rates(rates: list[float], losses: list[float], suggestion: float, path: str | Path) -> None:
    """Plot the loss at each learning rate, and mark the suggested rate.

    Args:
        rates: Learning rates, increasing.
        losses: Loss at each rate.
        suggestion: Suggested rate.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses)
    axes.axvline(suggestion, linestyle="--", color="tab:red", label=f"suggested: {suggestion:.1g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, running mean")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save(figure, path)


def score_against_latency(rows: list[dict], title: str, path: str | Path) -> None:
    """Plot each model's score with its interval against its latency.

    Args:
        rows: ``model``, ``score`` (with ``value``, ``low`` and ``high``, as shares) and ``latency`` in
            milliseconds.
        title: Name of the score.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        score = row["score"]
        below, above = 100 * (score["value"] - score["low"]), 100 * (score["high"] - score["value"])
        axes.errorbar(row["latency"], 100 * score["value"], yerr=[[below], [above]], marker="o", capsize=3)
        axes.annotate(row["model"], (row["latency"], 100 * score["value"]), xytext=(5, 5), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds for one input")
    axes.set_ylabel(f"{title}, % (95 % interval)")
    axes.grid(alpha=0.3, which="both")
    save(figure, path)


def memory(result: dict, title: str, path: str | Path) -> None:
    """Plot the loss against the number of visible steps, and the influence of each step.

    Args:
        found: Probe in the form of a record.
        title: Name of the model.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    figure = Figure(figsize=(6, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    steps = [row["steps"] for row in result["context"]]
    above.plot(steps, [row["loss"] for row in result["context"]], marker="o", markersize=3)
    above.axvline(result["effective"], color="grey", linestyle="--", label=f"within 1 %: {result['effective']:,} steps")
    above.set_ylabel("loss")
    above.set_title(title)
    # A logarithmic axis cannot show a gradient of 0.
    below.plot(steps, [row["influence"] or None for row in result["context"]], marker="o", markersize=3)
    below.axvline(result["half_life"], color="grey", linestyle="--", label=f"half: {result['half_life']:,} steps back")
    below.set_yscale("log")
    below.set_xscale("log")
    below.set_xlabel("steps back")
    below.set_ylabel("norm of the gradient")
    for axes in (above, below):
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    save(figure, path)


def roofline(result: dict, path: str | Path) -> None:
    """Plot the FLOPs per second that the machine allows and the model reaches, against arithmetic intensity.

    Args:
        found: Result of ``zoo.analysis.profiling.Profile.to_json``.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    peak, bandwidth, rows = result["roofline"]["flops"], result["roofline"]["bandwidth"], result["rows"]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    ridge = peak / bandwidth
    low = min(0.5 * ridge, *(0.5 * row["intensity"] for row in rows))
    high = max(2 * ridge, *(2 * row["intensity"] for row in rows))
    axes.plot([low, ridge, high], [low * bandwidth / 1e9, peak / 1e9, peak / 1e9], "k-", label="this machine")
    marks = {"training": "s", "inference": "o", "streaming": "^"}
    for mode, mark in marks.items():
        points = [row for row in rows if row["mode"] == mode]
        if points:
            axes.plot([row["intensity"] for row in points], [row["achieved"] / 1e9 for row in points], mark, label=mode)
        for row in points:
            place = (row["intensity"], row["achieved"] / 1e9)
            axes.annotate(str(row["batch"]), place, xytext=(5, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("FLOP for each byte moved")
    axes.set_ylabel("GFLOP per second (number: rows of the batch)")
    axes.set_title(f"{result['model']}, {result['backend']}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save(figure, path)


def attention_page(read: list[tuple[float, list[tuple[str, float]]]], title: str, path: str | Path) -> None:
    """Write an HTML page of a text, with words and sentences darker where attention is higher.

    Args:
        read: Result of ``zoo.tasks.classification.attention``.
        title: Title of the page.
        path: Output file, ``.html``.

    Raises:
        StorageError: The file cannot be written.
    """
    rows = []
    heaviest = max(weight for weight, _ in read)
    for weight, words in read:
        max_share = max(share for _, share in words)
        cells = "".join(
            f"<span style='background:rgba(200,60,20,{0.7 * share / max_share:.2f})'>{html.escape(word)}</span>"
            for word, share in words
        )
        bar = f"<td style='background:rgba(30,90,200,{0.8 * weight / heaviest:.2f})'>{100 * weight:.0f} %</td>"
        rows.append(f"<tr>{bar}<td>{cells}</td></tr>")
    style = "body{font:16px/1.7 system-ui,sans-serif;max-width:50rem;margin:2rem auto}td{padding:.2rem .6rem}"
    page = (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{style}</style><h1>{html.escape(title)}</h1><table>{''.join(rows)}</table></html>\n"
    )
    with open_output(path) as file:
        file.write(page.encode())


def piano_roll(frames: list[list[int]], given: int, path: str | Path) -> None:
    """Plot the notes of each frame, with given and generated frames in different colours.

    Args:
        frames: MIDI note numbers per frame.
        given: Number of given frames, at the beginning.
        path: Output file; its extension gives the format.

    Raises:
        StorageError: The file cannot be written.
    """
    figure = Figure(figsize=(min(2 + 0.08 * len(frames), 30), 4), layout="constrained")
    axes = figure.subplots()
    for first, last, colour, label in ((0, given, "tab:gray", "given"), (given, len(frames), "tab:blue", "generated")):
        bars = [(i, note) for i in range(first, last) for note in frames[i]]
        axes.barh([note for _, note in bars], 1, 0.9, [i for i, _ in bars], align="center", color=colour, label=label)
    axes.set_xlim(0, len(frames))
    axes.set_xlabel("frame")
    axes.set_ylabel("MIDI note (60 is the middle C)")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2)
    save(figure, path)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file whose extension gives the format (raises StorageError)."""
    with open_output(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:])
