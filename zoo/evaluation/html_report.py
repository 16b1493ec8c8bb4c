"""Write an evaluation as one self-contained HTML page: scores, figures and the most confident mistakes."""

import base64
import html
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zoo.analysis.plotting import curves_figure
from zoo.evaluation.report import Report
from zoo.files import open_output, storage
from zoo.metrics.labels import calibration
from zoo.pipeline import Pipeline

MISTAKES = 50  # rows of the table of mistakes
LABELS = 40  # a confusion matrix with more labels is unreadable
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .3rem .8rem; border-bottom: 1px solid #ddd }
th { text-align: left } td.number { text-align: right; font-variant-numeric: tabular-nums } img { max-width: 100% }
"""


def write_report(report: Report, pipeline: Pipeline, folder: str | Path) -> Path:
    """Write ``index.html`` atomically.

    Args:
        report: Result of ``evaluate``. With ``probabilities=True`` the page of a classifier has a reliability
            diagram, and its most confident mistakes come first.
        pipeline: The model that was evaluated.
        folder: Where to write; created if missing.

    Returns:
        The page's path.

    Raises:
        StorageError: The folder cannot be written.
    """
    parts = [_scores(report)]
    if pipeline.task.has_labels:
        predicted = [_label(output) for output in report.outputs]
        labels = sorted({*predicted, *report.references})
        if len(labels) <= LABELS:
            parts.append(section("Confusion", picture(_confusion(predicted, report.references, labels))))
        if report.outputs and isinstance(report.outputs[0], dict):
            parts.append(_reliability(report))
    curve = (pipeline.document or {}).get("training", {}).get("curve", [])
    if curve:
        name = pipeline.task.monitor
        figure = curves_figure({"validation": curve}, name)
        parts.append(section("Training", picture(figure)))
    parts.append(_mistakes(report, pipeline))
    name = (pipeline.document or {}).get("name", pipeline.spec.architecture)
    return write_page(f"{name} on {report.dataset} {report.split}", parts, folder)


def write_page(title: str, parts: list[str], folder: str | Path) -> Path:
    """Write ``index.html`` into a folder, atomically, and return its path (raises StorageError)."""
    title = html.escape(title)
    page = (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style>{STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )
    path = Path(folder).expanduser() / "index.html"
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with open_output(path) as file:
        file.write(page.encode())
    return path


def section(title: str, body: str) -> str:
    """Returns the HTML of a part with a heading."""
    return f"<h2>{html.escape(title)}</h2>{body}"


def table(heads: list[str], rows: list[list[Any]]) -> str:
    """Returns an HTML table."""

    def cell(value) -> str:
        kind = " class='number'" if isinstance(value, float) else ""
        return f"<td{kind}>{html.escape(f'{value:.2f}' if isinstance(value, float) else str(value))}</td>"

    head = "".join(f"<th>{html.escape(title)}</th>" for title in heads)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _scores(report: Report) -> str:
    rows = [[name, 100 * v.value, 100 * v.low, 100 * v.high] for name, v in report.values.items()]
    return f"<p>{report.size:,} inputs</p>{table(['score', '%', '95 % interval from', 'to'], rows)}"


def picture(figure: Figure) -> str:
    """Returns a figure as an image inside the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f"<img alt='' src='data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"


def _label(output) -> str:
    return max(output, key=output.get) if isinstance(output, dict) else output


def _confusion(predicted: list[str], true: list[str], labels: list[str]) -> Figure:
    place = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, ([place[label] for label in true], [place[label] for label in predicted]), 1)
    side = 2.5 + 0.35 * len(labels)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted label")
    axes.set_ylabel("true label")
    for i, j in zip(*counts.nonzero(), strict=True):
        axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black")
    return figure


def _reliability(report: Report) -> str:
    confidence = np.array([max(output.values()) for output in report.outputs])
    correct = np.array([_label(o) == r for o, r in zip(report.outputs, report.references, strict=True)])
    error, bins = calibration(confidence, correct)
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":")
    axes.plot([b.confidence for b in bins], [b.accuracy for b in bins], marker="o")
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    axes.grid(alpha=0.3)
    text = f"<p>Expected calibration error: {100 * error:.2f} % (ten bins of equal width)</p>"
    return section("Reliability", text + picture(figure))


def _mistakes(report: Report, pipeline: Pipeline) -> str:
    rows = []
    for name, output, reference in zip(report.names, report.outputs, report.references, strict=True):
        predicted = _label(output)
        true = reference if isinstance(reference, list) else [reference]
        if predicted not in true:
            confidence = [100 * output[predicted]] if isinstance(output, dict) else []
            rows.append([name, predicted, " | ".join(true), *confidence])
    if rows and isinstance(rows[0][-1], float):
        rows.sort(key=lambda row: -row[-1])
    text = f"<p>{len(rows):,} of {report.size:,} predictions are wrong; {min(len(rows), MISTAKES)} of them:</p>"
    heads = ["input", "predicted", "true", "confidence, %"][: len(rows[0]) if rows else 3]
    return section("Mistakes", text + table(heads, rows[:MISTAKES]))
