"""Write docs/guide/checkpoints.md and the README's table of families from the records: ``python docs/table.py``."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from zoo.checkpoints import locate  # noqa: E402
from zoo.checkpoints.scores import NO_SHARES, shown  # noqa: E402

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
CHECKPOINTS = DOCS / "guide" / "checkpoints.md"
START, END = "<!-- written by `python docs/table.py` from the records -->\n", "<!-- end -->"

# Scores shown for each task, by their names in the records.
COLUMNS = {
    "sequence_to_sequence": {
        "wer": "WER",
        "wer_no_stress": "WER without stress",
        "per_no_stress": "PER without stress",
    },
    "classification": {"accuracy": "accuracy", "macro_f1": "macro F1"},
    "series_classification": {"accuracy": "accuracy", "macro_f1": "macro F1"},
    "tagging": {
        "slot_f1": "slot F1",
        "intent_accuracy": "intent accuracy",
        "sentence_accuracy": "whole-sentence accuracy",
    },
    "music_modelling": {"nll": "NLL, nats per frame"},
    "regression": {"mse": "mean squared error"},
    "copying": {"step_loss": "loss, nats per step", "recall": "symbols recalled"},
    "language_modelling": {
        "bpc": "bits per character",
        "bits_per_byte": "bits per byte",
        "word_perplexity": "perplexity per word",
        "nats": "nats per token",
    },
    "forecasting": {
        "mase": "MASE",
        "relative_mase": "MASE / seasonal naive's",
        "wql": "weighted quantile loss",
        "relative_wql": "loss / seasonal naive's",
        "coverage": "80 % band covers",
    },
    "translation": {"bleu": "BLEU", "chrf": "chrF", "bleu_lowercase": "lower-cased BLEU"},
}


def checkpoints() -> str:
    """Returns a Markdown table per task, with a row per checkpoint and measured split."""
    records = [locate.read_record(name) for name in locate.list_models()]
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
    """Returns a score and its interval, with shares as percentages; empty if there is no score."""
    if not value:
        return ""
    middle, low, high = (shown(metric, value[end]).removesuffix(" %") for end in ("value", "low", "high"))
    return f"{middle} ({low}-{high})"


# The main score of a task in the table of families, and whether higher is better. Language models of subwords have a
# score of their own.
MAIN = {
    "sequence_to_sequence": ("wer_no_stress", "words wrong, %", False),
    "classification": ("accuracy", "accuracy, %", True),
    "series_classification": ("accuracy", "accuracy, %", True),
    "tagging": ("slot_f1", "slot F1, %", True),
    "music_modelling": ("nll", "nats per frame", False),
    "language_modelling": ("bpc", "bits per character", False),
    "subwords": ("bits_per_byte", "bits per byte", False),
    "regression": ("mse", "squared error", False),
    "copying": ("recall", "symbols recalled, %", True),
    "forecasting": ("relative_wql", "loss / seasonal naive's", False),
    "translation": ("bleu", "BLEU", True),
}
FAMILIES = (
    "rnn",
    "lstm",
    "gru",
    "min_gru",
    "lru",
    "rg_lru",
    "tcn",
    "wavenet",
    "transformer",
    "hierarchical_attention",
)
# Test sets of the README's table; docs/guide/checkpoints.md has all.
SHOWN = (
    "cmudict",
    "film_reviews",
    "fsdd/speaker",
    "mnist/permuted",
    "ucr/italy_power_demand",
    "snips",
    "jsb_chorales",
    "nottingham",
    "tiny_shakespeare",
    "english",
    "adding/t600",
    "copy_memory/t1000",
    "time_series/m1",
    "multi30k/en_de 2016 flickr",
)


def families() -> str:
    """Returns a Markdown table with a row per test set of ``SHOWN`` and a column per family.

    Of several checkpoints of a family it shows the one with the most weights. Bold marks the best score of a row and
    those whose intervals overlap with its interval. A hierarchical attention network is in the column of hierarchical
    attention.
    """
    rows: dict[tuple, dict] = {}
    for record in sorted(map(locate.read_record, locate.list_models()), key=lambda record: record.weights.parameters):
        family = record.spec.architecture.removesuffix("_network")
        for found in record.metrics:
            part = found["split"].removeprefix("test").replace("_", " ")  # some datasets have several test splits
            name = found["dataset"] + part
            if not found["split"].startswith("test") or not {name, found["dataset"]} & set(SHOWN):
                continue
            task = "subwords" if "bits_per_byte" in found["values"] else record.spec.task
            rows.setdefault((list(MAIN).index(task), name), {})[family] = found["values"][MAIN[task][0]]
    titles = ["test set", "score", *(family.replace("_", " ") for family in FAMILIES)]
    lines = [f"| {' | '.join(titles)} |", "|---|---" + "|---:" * len(FAMILIES) + "|"]
    for (task, dataset), scores in sorted(rows.items()):
        metric, title, rises = list(MAIN.values())[task]
        best = (max if rises else min)(scores.values(), key=lambda score: score["value"])
        cells = []
        for family in FAMILIES:
            score = scores.get(family)
            text = shown(metric, score["value"]).removesuffix(" %") if score else ""
            overlaps = score and score["low"] <= best["high"] and best["low"] <= score["high"]
            cells.append(f"**{text}**" if overlaps else text)
        lines.append(f"| {dataset} | {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(text: str, table: str) -> str:
    """Returns a page's text with an updated table."""
    return re.sub(f"({re.escape(START)}).*?({re.escape(END)})", lambda m: m[1] + table + m[2], text, flags=re.S)


if __name__ == "__main__":
    for page, table in ((README, families()), (CHECKPOINTS, checkpoints())):
        page.write_text(with_table(page.read_text("utf-8"), table), "utf-8")
