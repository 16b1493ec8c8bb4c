"""Tables and lines for users; shares are percentages, with 95 % intervals."""

import contextlib
import fnmatch
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoints.scores import NO_SHARES, shown, shown_interval
from zoo.errors import InputError
from zoo.files import check_output

from .output import echo, echo_json, note
from .tables import print_table

if TYPE_CHECKING:
    from zoo.checkpoints.record import Record

NAMES = {
    "wer": "WER",
    "per": "PER",
    "wer_no_stress": "WER, no stress",
    "per_no_stress": "PER, no stress",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "slot_f1": "slot F1",
    "intent_accuracy": "intent accuracy",
    "sentence_accuracy": "sentence accuracy",
    "nll": "NLL, nats per frame",
    "bpc": "bits per character",
    "bits_per_byte": "bits per byte",
    "word_perplexity": "perplexity per word",
    "nats": "nats per token",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R2",
    "step_loss": "loss, nats per step",
    "recall": "symbols recalled",
    "bleu": "BLEU",
    "chrf": "chrF",
    "bleu_lowercase": "BLEU, lower-cased",
    "mase": "MASE",
    "wql": "weighted quantile loss",
    "coverage": "80 % band covers",
    "relative_mase": "MASE / seasonal naive's",
    "relative_wql": "loss / seasonal naive's",
}


def difference(name: str, value: dict[str, float]) -> str:
    """Returns the difference of a metric to another model's and its interval: ``-0.67 (-1.30 to -0.05)``."""
    unit, form = (1, "+.4g") if name in NO_SHARES else (100, "+.2f")
    middle, low, high = (format(unit * value[end], form) for end in ("value", "low", "high"))
    return f"{middle} ({low} to {high})"


def checkpoints(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print the rows of the index, one line per checkpoint and metric."""
    if as_json:
        echo_json(rows)
        return
    columns = ("name", "parameters", "size", "evaluated on", "score (95 % interval)")
    lines = []
    for row in rows:
        for i, result in enumerate(row["metrics"] or [None]):
            first = (row["name"], f"{row['parameters']:,}", f"{row['bytes'] / 1e6:.1f} MB") if i == 0 else ("",) * 3
            lines.append((*first, *(_scores(result) if result else ("", ""))))
    print_table(columns, lines)


def main_score(values: dict[str, Any]) -> str:
    """Returns the name of the main score."""
    first = (
        "wer_no_stress",
        "wer",
        "bleu",
        "accuracy",
        "slot_f1",
        "nll",
        "bpc",
        "bits_per_byte",
        "mse",
        "mae",
        "step_loss",
        "wql",
    )
    return next(name for name in first if name in values)


def _scores(result: dict[str, Any]) -> tuple[str, str]:
    name = main_score(result["values"])
    location = f"{result['dataset']} {result['split']} ({result['size']:,})"
    return location, f"{NAMES[name]} {shown_interval(name, result['values'][name])}"


def architectures(as_json: bool) -> None:
    """Print what the catalogue says of every architecture and size."""
    from importlib import resources

    catalogue = json.loads((resources.files("zoo.models") / "catalogue.json").read_text("utf-8"))
    if as_json:
        echo_json(catalogue)
        return
    columns = ("architecture", "form", "size", "parameters", "receptive field", "longest path at 1,000 steps", "paper")
    rows = []
    for row in catalogue:
        receptive_field = "all" if row["receptive_field"] is None else f"{row['receptive_field']:,}"
        numbers = (f"{row['parameters']:,}", receptive_field, f"{row['path_length']:,}")
        rows.append((row["architecture"], row["form"], row["size"], *numbers, row["paper"]))
    print_table(columns, rows)


def datasets(pattern: str, as_json: bool) -> None:
    """Print the datasets whose name matches a pattern."""
    from zoo.datasets.catalogue import DATASETS

    found = {name: DATASETS[name] for name in fnmatch.filter(DATASETS, pattern)}
    if not found:
        raise InputError(f"{pattern}: no dataset matches: see zoo list --datasets")
    fields = ("task", "splits", "licence", "source")
    rows = [{"name": name, **{field: getattr(dataset, field) for field in fields}} for name, dataset in found.items()]
    if as_json:
        echo_json([{**row, "published": found[row["name"]].published} for row in rows])
        return
    print_table(
        ("name", *fields), [tuple(", ".join(v) if isinstance(v, tuple) else v for v in row.values()) for row in rows]
    )


def record(record: "Record") -> None:
    """Print a record for users."""
    training = record.training
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    lines = {
        "name": record.name,
        "architecture": f"{record.spec.architecture}, {record.spec.size}, {record.weights.parameters:,} parameters",
        "weights": f"{record.weights.bytes / 1e6:.1f} MB, SHA-256 {record.weights.sha256}",
        "licence": f"weights {record.licence['weights']}; data {record.licence['data']}",
        "data": f"{record.data['name']}, {record.data['source']}",
        "trained": f"{training['steps']:,} steps, {training['seconds'] / 60:.0f} min, seed {training['seed']}",
        "versions": versions,
    }
    if "modified_from" in training["recipe"]:
        base = training["recipe"]["modified_from"]
        lines["modified from"] = f"{base['name']}, SHA-256 {base['sha256']}: its scores do not hold"
    alphabets = record.spec.preprocessor.get("alphabets", {})
    if alphabets:
        lines["languages"] = f"{len(alphabets)}: {', '.join(sorted(alphabets, key=str.lower))}"
    for key, value in lines.items():
        echo(f"{key:<13} {value}")
    for result in record.metrics:
        evaluation({"model": record.name, **result, "published": _published(record, result)})


def _published(record: "Record", result: dict[str, Any]) -> list[dict[str, Any]]:
    return [p for p in record.published if (p["dataset"], p["split"]) == (result["dataset"], result["split"])]


def evaluation(result: dict[str, Any]) -> None:
    """Print a table of metrics, the published figures below the measured ones."""
    # Omit the complements of other metrics, which exist for training to minimise.
    values = {name: value for name, value in result["values"].items() if name in NAMES}
    decoding = f", beam {result['beam']}" if "beam" in result else ""
    title = f"{' '.join(filter(None, (result['dataset'], result['split'])))}: {result['size']:,} inputs{decoding}"
    columns = ("system", *(NAMES[name] for name in values))
    rows = [(f"{result['model']} (95 % interval)", *(shown_interval(*item) for item in values.items()))]
    for other in result.get("against", ()):
        cells = [shown_interval(n, other["values"][n]) if n in other["values"] else "" for n in values]
        rows.append((f"{other['model']} (95 % interval)", *cells))
    for figure in result["published"]:
        cells = [shown(n, figure["values"][n]) if n in figure["values"] else "" for n in values]
        kind = "baseline" if figure["source"] == "computed" else "published"
        origin = "" if kind == "baseline" else f" ({figure['source']})"
        rows.append((f"{kind}: {figure['system']}{origin}", *cells))
    print_table(columns, rows, title)
    if "languages" in result:
        languages(result["languages"])
    for metric, signature in result.get("signatures", {}).items():
        echo(f"{NAMES[metric]}: {signature}")
    for other in result.get("against", ()):
        metric = other["metric"]
        less = difference(metric, other["difference"])
        echo(f"{result['model']} minus {other['model']} on the same inputs: {NAMES[metric]} {less}")


def languages(result: dict[str, Any]) -> None:
    """Print the metrics of each language, and their means over the languages."""
    from zoo.datasets.wikipron.languages import language_name

    names = [name for name in next(iter(result.values()))["values"] if name in NAMES]
    rows = [
        (code, language_name(code), f"{part['size']:,}", *(shown_interval(n, part["values"][n]) for n in names))
        for code, part in result.items()
    ]
    means = [sum(part["values"][name]["value"] for part in result.values()) / len(result) for name in names]
    cells = [shown(name, mean) for name, mean in zip(names, means, strict=True)]
    rows.append(("", "mean over the languages", "", *cells))
    print_table(("language", "", "inputs", *(NAMES[name] for name in names)), rows)


def fine_tuned(document: dict[str, Any], monitor: str, output: str, example: str) -> None:
    """Print the report at the end of a fine-tuning; ``example`` stands for an input of the new model."""
    sizes = ", ".join(f"{name} {size:,}" for name, size in document["data"]["splits"].items())
    curve = document["training"]["curve"]
    best = min(reversed(curve), key=lambda row: row[monitor])  # the last of equal ones
    epoch = f"best epoch {best['epoch']} of {len(curve)}" if best["epoch"] else "linear head on frozen features"
    echo(f"rows: {sizes}; {epoch}; {document['training']['seconds']:.0f} s")
    evaluation(
        {
            "model": document["name"],
            **document["metrics"][0],
            "dataset": "held out",
            "split": "",
            "published": document["published"],
        }
    )
    echo(f"written to {output}: try zoo predict {output} {example}")


def comparison(rows: list[dict[str, Any]]) -> None:
    """Print one line per model, the best first."""
    name = main_score(rows[0]["values"])
    scores = f"{NAMES[name]} (95 % interval)", "difference to the best"
    cells = [
        (
            row["model"],
            shown_interval(name, row["values"][name]),
            difference(name, row["difference"]) if row["difference"] else "",
            f"{row['parameters']:,}",
            str(row["epochs"]),
            f"{row['seconds']:.0f} s",
            f"{row['latency']:.1f} ms",
        )
        for row in rows
    ]
    print_table(("model", *scores, "parameters", "epochs", "training time", "latency"), cells)


def check_picture(path: str | None, *inputs: str | None, option: str = "--plot") -> None:
    """Refuse, before anything is computed, a picture that cannot be written (raises InputError or StorageError).

    Args:
        path: The picture, if one is asked for.
        *inputs: Files that are read; the picture must be none of them.
        option: The option that names it.
    """
    if path and Path(path).suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"{option} {path}: unknown format: use .png, .svg or .pdf")
    if path:
        check_output(path, *inputs)


def probe(result: dict[str, Any]) -> None:
    """Print what a record keeps of a probe."""
    structure = result["structure"]
    bound = f"{structure['receptive_field']:,} steps" if "receptive_field" in structure else "unbounded"
    echo(f"{result['dataset']} {result['split']}: {result['windows']} windows of up to {result['history']:,} steps")
    echo(f"effective context: {result['effective']:,} steps reach a loss within 1 % of the best")
    echo(f"influence: below half of its maximum beyond {result['half_life']:,} steps")
    echo(
        f"structure: receptive field {bound}; gradients reach {structure['support']:,} steps back of"
        f" {structure['checked']:,} checked; longest path {structure['path_length']:,} layers"
    )
    columns = ("steps of context", "loss", "influence of the added steps")
    rows = [(f"{row['steps']:,}", f"{row['loss']:.4g}", f"{row['influence']:.2e}") for row in result["context"]]
    print_table(columns, rows)
    for row in result["recall"]:
        accuracy = f"{100 * row['accuracy']:.1f} %" if "accuracy" in row else "out of reach"
        echo(f"recall after {row['lag']:,} steps: {accuracy} (chance {100 * row['chance']:.1f} %)")


def profile(result: dict[str, Any]) -> None:
    """Print what ``Profile.to_json`` returned."""
    limits = result["roofline"]
    echo(f"{result['model']}: {result['parameters']:,} parameters; {result['backend']}")
    echo(
        f"this machine: {limits['flops'] / 1e9:.1f} GFLOP/s, {limits['bandwidth'] / 1e9:.1f} GB/s; memory-bound"
        f" below {limits['flops'] / limits['bandwidth']:.1f} FLOP/byte"
    )
    columns = ("", "batch", "steps", "MFLOP", "MB", "FLOP/byte", "ms", "GFLOP/s", "of the roofline", "steps/s")
    rows = [
        (
            row["mode"],
            str(row["batch"]),
            f"{row['steps']:,}",
            f"{row['flops'] / 1e6:,.3f}",
            f"{row['bytes'] / 1e6:,.3f}",
            f"{row['intensity']:.2f}",
            f"{1000 * row['seconds']:,.3f}",
            f"{row['achieved'] / 1e9:.2f}",
            f"{100 * row['fraction']:.1f} %",
            f"{row['throughput']:,.0f}",
        )
        for row in result["rows"]
    ]
    print_table(columns, rows)
    for row in result["rows"]:
        if row["memory"] is not None:
            echo(f"memory of training, batch {row['batch']} of {row['steps']:,} steps: {row['memory'] / 1e6:,.1f} MB")
    if all(row["mode"] != "streaming" for row in result["rows"]):
        echo("not causal: no streaming")


@contextlib.contextmanager
def training(title: str) -> Iterator[Any]:
    """Show a bar on a terminal and one line per epoch; yields ``zoo.fitting.callbacks.Callbacks`` that do so."""
    from zoo.fitting.callbacks import Callbacks
    from zoo.progress import progress

    with contextlib.ExitStack() as stack:
        bar = []

        def on_step(step: int, total: int, loss: float) -> None:
            if not bar or step == 1:
                # The total is known only now. A resumed run starts in the middle; a comparison restarts per model.
                stack.close()
                bar[:] = [stack.enter_context(progress(title, total))]
                bar[0](step - 1)
            bar[0](1, f"loss {loss:.3f}")

        def on_epoch(row: dict[str, Any]) -> None:
            scores = ", ".join(
                f"{NAMES[name]} {shown(name, row[name])}" for name in NAMES if name in row and math.isfinite(row[name])
            )
            note(f"epoch {row['epoch']}: loss {row['loss']:.4f}, validation {scores}, {row['seconds']:.0f} s")

        yield Callbacks(note, on_epoch, on_step)
