"""Write the gallery of checkpoints from their records: a table of all, and one page per checkpoint."""

import json
from pathlib import Path

import zoo
from zoo.checkpoints.scores import shown

MAX_EXAMPLE_LENGTH = 400  # maximum characters of a printed example
# score of each task in the table
MAIN_SCORE = {
    "sequence_to_sequence": "wer_no_stress",
    "classification": "accuracy",
    "series_classification": "accuracy",
    "tagging": "slot_f1",
    "music_modelling": "nll",
    "language_modelling": "bpc",
    "regression": "mse",
    "copying": "recall",
    "translation": "bleu",
    "forecasting": "wql",
}


def write(folder: Path) -> None:
    """Write every page of the gallery, and remove pages of checkpoints that no longer exist."""
    records = [zoo.read_record(name) for name in zoo.list_models()]
    pages = {f"{record.name}.md": page(record) for record in records}
    pages["index.md"] = index(records)
    folder.mkdir(exist_ok=True)
    for file in folder.glob("*.md"):
        if file.name not in pages:
            file.unlink()
    for name, text in pages.items():
        file = folder / name
        # Unchanged files keep their time stamp, so that Sphinx does not read them again.
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def index(records: list) -> str:
    """Returns the table of all checkpoints as Markdown."""
    rows = []
    for record in records:
        measured = record.metrics[0]
        metric = MAIN_SCORE[record.spec.task]
        if metric not in measured["values"]:  # a language model of subwords has no score per character
            metric = next(iter(measured["values"]))
        rows.append(
            [
                f"[{record.name}]({record.name}.md)",
                record.spec.task.replace("_", " "),
                f"{measured['dataset']} {measured['split']}",
                f"{record.weights.parameters:,}",
                metric.replace("_", " "),
                shown(metric, measured["values"][metric]["value"]),
            ]
        )
    lines = table(["checkpoint", "task", "measured on", "parameters", "metric", "score"], rows)
    names = [record.name for record in records]
    return "\n".join(
        ["# Checkpoints", "", ":::{container} gallery", "", *lines, "", ":::", ""]
        + ["```{toctree}", ":hidden:", "", *names, "```", ""]
    )


def page(record) -> str:
    """Returns the page of one checkpoint as Markdown."""
    spec, training = record.spec, record.training
    recipe = training["recipe"]
    settings = [["architecture", spec.architecture], ["size", spec.size]]
    for part in ("config", "training_config"):
        settings += [[key.replace("_", " "), str(value)] for key, value in recipe.get(part, {}).items()]
    settings += [
        ["steps", f"{training['steps']:,}"],
        ["minutes", f"{training['seconds'] / 60:.0f}"],
        ["backend", training["backend"]],
        ["seed", str(training["seed"])],
        *([f"{name} version", version] for name, version in training["versions"].items()),
    ]
    lines = [
        f"# {record.name}",
        "",
        f"{spec.architecture.replace('_', ' ')}, size {spec.size}, for {spec.task.replace('_', ' ')}.",
        f"It has {record.weights.parameters:,} parameters.",
        "",
        "## Load",
        "",
        "```python",
        "import zoo",
        "",
        f'model = zoo.load("{record.name}")',
        "```",
        "",
        "## Example",
        "",
        *_example(record),
        "## Scores",
        "",
        "Intervals are 95 % bootstrap intervals.",
        "",
        *_scores(record),
        "",
        "## Data",
        "",
        *table(
            ["", ""],
            [
                ["name", record.data["name"]],
                ["source", record.data["source"]],
                *([f"{split} examples", f"{size:,}"] for split, size in record.data["splits"].items()),
                ["SHA-256 of the training data", f"`{record.data['fingerprint']}`"],
            ],
        ),
        "",
        "## Licence",
        "",
        *table(["", ""], [[key, value] for key, value in record.licence.items()]),
        "",
        "## Recipe",
        "",
        *table(["setting", "value"], settings),
    ]
    return "\n".join(lines) + "\n"


def _example(record) -> list[str]:
    if not record.golden["inputs"]:
        return ["The record has no example.", ""]
    lines = []
    for title, values in (("Input", record.golden["inputs"]), ("Output", record.golden["outputs"])):
        text = values[0] if isinstance(values[0], str) else json.dumps(values[0], ensure_ascii=False)
        if len(text) > MAX_EXAMPLE_LENGTH:
            text = text[:MAX_EXAMPLE_LENGTH] + " ..."
        lines += [f"{title}:", "", "````text", text, "````", ""]
    return lines


def _scores(record) -> list[str]:
    """Returns a row per score: measured with its interval, then published figures on the same split."""
    rows = []
    for measured in record.metrics:
        place = measured["dataset"], measured["split"]
        published = [p for p in record.published if (p["dataset"], p["split"]) == place]
        for metric, score in measured["values"].items():
            value, low, high = (shown(metric, score[key]) for key in ("value", "low", "high"))
            row = [" ".join(place), metric.replace("_", " ")]
            rows.append([*row, record.name, f"{value} ({low} to {high})", ""])
            for figure in published:
                if metric in figure["values"]:
                    value = shown(metric, figure["values"][metric])
                    rows.append([*row, f"published: {figure['system']}", value, figure["source"]])
    return table(["measured on", "metric", "system", "score", "source"], rows)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Returns the lines of a Markdown table. Characters that would end a cell are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines]
