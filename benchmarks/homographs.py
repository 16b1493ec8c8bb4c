"""Measure the share of homographs in context that ``zoo.speech.homographs`` pronounces correctly.

    python benchmarks/homographs.py

The baseline always uses the most frequent pronunciation of each word in ``homographs_dev.tsv``. ``homographs_test.tsv``
was not looked at while the rules were written. Intervals are 95 % bootstrap intervals.
"""

import collections
import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from zoo.metrics.intervals import ratio  # noqa: E402
from zoo.speech.homographs import choose  # noqa: E402
from zoo.speech.normalization import normalize  # noqa: E402


def read(split: str) -> list[dict[str, str]]:
    """Returns the rows of a split: word, phones and sentence."""
    text = (Path(__file__).parent / f"homographs_{split}.tsv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def chosen(row: dict[str, str]) -> str:
    """Returns the phones that the rules choose for the word of a row."""
    words = [word for token in normalize(row["sentence"]) for word in token.words]
    return choose(words, words.index(row["word"]))


def main() -> None:
    commonest: dict[str, str] = {}
    for word in {row["word"] for row in read("dev")}:
        counts = collections.Counter(row["phones"] for row in read("dev") if row["word"] == word)
        commonest[word] = counts.most_common(1)[0][0]
    print("| sentences | size | by context, % correct | most frequent, % correct |")
    print("|---|---:|---:|---:|")
    for split in ("dev", "test"):
        rows = read(split)
        cells = []
        for answer in (chosen, lambda row: commonest[row["word"]]):
            right = ratio(np.array([answer(row) == row["phones"] for row in rows], float), np.ones(len(rows)))
            cells.append(f"{100 * right.value:.1f} ({100 * right.low:.1f}-{100 * right.high:.1f})")
        print(f"| {split} | {len(rows)} | {' | '.join(cells)} |")
    if "--errors" in sys.argv:
        for row in read("dev"):
            if chosen(row) != row["phones"]:
                print(f"{row['word']}: {chosen(row)} for {row['phones']}: {row['sentence']}")


if __name__ == "__main__":
    main()
