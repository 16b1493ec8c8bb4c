"""Writes the table of checkpoints into the README, from the records: ``python docs/table.py``."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from zoo import hub  # noqa: E402
from zoo.scores import NO_SHARES, shown  # noqa: E402

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- checkpoints: written by `python docs/table.py` from the records -->\n", "<!-- end -->"


# The scores shown for each task, by their name in the records.
COLUMNS = {
    "transduction": {"wer": "WER", "wer_no_stress": "WER without stress", "per_no_stress": "PER without stress"},
    "classification": {"accuracy": "accuracy", "macro_f1": "macro F1"},
    "series_classification": {"accuracy": "accuracy", "macro_f1": "macro F1"},
    "tagging": {
        "slot_f1": "slot F1",
        "intent_accuracy": "intent accuracy",
        "sentence_accuracy": "whole-sentence accuracy",
    },
    "music_modelling": {"nll": "NLL, nats a frame"},
    "regression": {"mse": "mean squared error"},
    "copying": {"step_loss": "loss, nats a step", "recall": "symbols recalled"},
    "language_modelling": {"bpc": "bits a character", "nats": "nats a character"},
}


def table() -> str:
    """Returns a table for each task as Markdown: a row for each checkpoint and each split it was measured on."""
    records = [hub.read_record(name) for name in hub.list_models()]
    tables = []
    for task, columns in COLUMNS.items():
        heads = [
            "checkpoint",
            "parameters",
            "measured on",
            "size",
            *(f"{title}{'' if name in NO_SHARES else ', %'}" for name, title in columns.items()),
        ]
        lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for record in records:
            for found in record.metrics if record.spec.task == task else []:
                cells = [
                    record.name,
                    f"{record.weights.parameters:,}",
                    f"{found['dataset']} {found['split']}",
                    f"{found['size']:,}",
                    *(cell(metric, found["values"].get(metric)) for metric in columns),
                ]
                lines.append(f"| {' | '.join(cells)} |")
        if len(lines) > 2:
            tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def cell(metric: str, value: dict | None) -> str:
    """Returns a score and its interval, shares as percentages; nothing for a score that was not taken."""
    if not value:
        return ""
    middle, low, high = (shown(metric, value[end]).removesuffix(" %") for end in ("value", "low", "high"))
    return f"{middle} ({low}-{high})"


def with_table(text: str) -> str:
    """Returns the README's text with the table of today's records."""
    return re.sub(f"({re.escape(START)}).*?({re.escape(END)})", lambda m: m[1] + table() + m[2], text, flags=re.S)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
