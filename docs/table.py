"""Writes the table of checkpoints into the README, from the records: ``python docs/table.py``."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from zoo import hub  # noqa: E402

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- checkpoints: written by `python docs/table.py` from the records -->\n", "<!-- end -->"


def table() -> str:
    """Returns the table as Markdown: a row for each checkpoint and each split it was measured on."""
    lines = [
        "| checkpoint | parameters | measured on | words | WER, % | WER without stress, % | PER without stress, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in hub.list_models():
        record = hub.read_record(name)
        for found in record.metrics:
            cells = [
                name,
                f"{record.weights.parameters:,}",
                f"{found['dataset']} {found['split']}",
                f"{found['size']:,}",
            ]
            for metric in ("wer", "wer_no_stress", "per_no_stress"):
                value = found["values"].get(metric)
                cells.append(
                    f"{100 * value['value']:.2f} ({100 * value['low']:.2f}-{100 * value['high']:.2f})" if value else ""
                )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """Returns the README's text with the table of today's records."""
    return re.sub(f"({re.escape(START)}).*?({re.escape(END)})", lambda m: m[1] + table() + m[2], text, flags=re.S)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
