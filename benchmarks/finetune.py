"""Compare text classifiers on the same rows: our fine-tuning, a linear head on frozen features, and TF-IDF.

    pip install scikit-learn
    python benchmarks/finetune.py --model lstm_small.film_reviews

- ``recipe``: what ``zoo finetune`` does. A linear head is fitted on frozen features; from 200 rows on all layers are
  fine-tuned (``zoo.fitting.start.TEXT``), and weights between both are chosen; a linear model on n-grams is added.
- ``linear``: a linear head on frozen features, and the n-grams. It takes seconds.
- ``tfidf``: logistic regression on TF-IDF of words and pairs of words (scikit-learn), with C the best of 0.1, 1, 10 and
  100 on the validation rows.

All use the same training rows, drawn by label, and the same validation rows, a quarter as many. Training rows are at
least ten per label, so 100 rows of BANKING77 are 770. The test split is scored once per cell. Draws of 100 and 1,000
rows are repeated. A finished cell is a line of the ``--cells`` file. A stopped run continues with the missing cells.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from zoo import datasets
from zoo.data.examples import Examples, identity
from zoo.data.splits import split

DATASETS = (
    "sentences/mr",
    "sentences/cr",
    "sentences/subj",
    "sentences/sst2",
    "intents/clinc150_domains",
    "intents/banking77",
)
SIZES = (100, 1_000, 0)  # training rows; 0 is all
ROWS_PER_LABEL = 10  # minimum
REGULARISATION = (0.1, 1.0, 10.0, 100.0)
WAYS = ("recipe", "linear", "tfidf")


def drawn(examples: Examples, rows: int, seed: int) -> Examples:
    """Returns a number of rows, stratified by label."""
    if not rows or rows >= len(examples):
        return examples
    return split(examples, rows / len(examples), seed, stratify=True)[1]


def without(examples: Examples, others: list[Examples]) -> Examples:
    """Returns the rows whose text is in none of the others."""
    barred = {identity(text) for other in others for text in other.inputs}
    return examples.select([i for i, text in enumerate(examples.inputs) if identity(text) not in barred])


def parts(name: str, rows: int, draw: int) -> list[Examples]:
    """Returns the training, validation and test rows of a cell."""
    test = datasets.load(name, "test")
    validation = without(datasets.load(name, "validation"), [test])
    train = without(datasets.load(name, "train"), [test, validation])
    rows = rows and max(rows, ROWS_PER_LABEL * len(set(train.targets)))
    return [drawn(train, rows, draw), drawn(validation, rows // 4, draw), test]


def fine_tuned(model: str, cell: list[Examples], seed: int) -> list[str]:
    """Returns the predictions of a fine-tuned model on the test rows."""
    import zoo

    train, validation, test = cell
    config = {"seed": seed}
    ours = zoo.fine_tune(zoo.load(model), train, validation=validation, test=test, training_config=config)
    return ours.predict(test.inputs)


def linear(model: str, cell: list[Examples], seed: int) -> list[str]:
    """Returns the predictions of a linear head on frozen features and of the n-grams."""
    import zoo
    from zoo.fitting import ngram_model, transfer
    from zoo.fitting.start import adapt
    from zoo.tasks import find_task

    train, validation, test = cell
    base = zoo.load(model)
    if transfer.is_language_model(base):
        pipeline = transfer.for_task(base, find_task("classification"), train, pretrained=True)
    else:
        pipeline = adapt(base, cell)
    transfer.fit_linear_head(pipeline, train, seed)
    ngrams = ngram_model.fit(pipeline, train, seed)
    both, _ = ngram_model.with_ngrams(pipeline, ngrams, validation, lambda line: None)
    return both.predict(test.inputs)


def tfidf(cell: list[Examples]) -> list[str]:
    """Returns the predictions of a linear model on the test rows."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # pyright: ignore[reportMissingImports]
        from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.exit("scikit-learn is not installed: pip install scikit-learn")
    train, validation, test = cell
    # Words, with n't and 's of the tokenised sets, and punctuation.
    vectors = TfidfVectorizer(token_pattern=r"[\w'-]+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)
    known = vectors.fit_transform(train.inputs)
    models = [LogisticRegression(C=c, max_iter=1_000).fit(known, train.targets) for c in REGULARISATION]
    chosen = max(models, key=lambda model: model.score(vectors.transform(validation.inputs), validation.targets))
    return list(chosen.predict(vectors.transform(test.inputs)))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean of values of the test rows and its 95 % percentile bootstrap, as percentages."""
    generator = np.random.default_rng(0)
    means = [values[generator.integers(len(values), size=len(values))].mean() for _ in range(1_000)]
    return 100 * values.mean(), *(100 * np.percentile(means, [2.5, 97.5]))


def table(result: dict[tuple, dict], names: list[str], sizes: list[int]) -> None:
    """Print accuracies, and the difference of the first way to the others on the same test rows."""
    ways = [way for way in WAYS if any(key[3] == way for key in result)]
    first = ways[0]
    columns = ["data", "rows", "draws", *(f"{way}, %" for way in ways), *(f"{first} - {way}" for way in ways[1:])]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    lost, leads = [], {}
    for name in names:
        for size in sizes:
            cells = {way: [c for k, c in result.items() if k[:2] == (name, size) and k[3] == way] for way in ways}
            if not all(cells.values()):
                continue
            # Share of draws with a correct prediction, per test row; the test rows are resampled.
            right = {
                way: np.mean([[int(mark) for mark in cell["right"]] for cell in of], axis=0)
                for way, of in cells.items()
            }
            shown = ["{:.1f} ({:.1f}-{:.1f})".format(*interval(right[way])) for way in ways]
            for other in ways[1:]:
                middle, low, high = interval(right[first] - right[other])
                shown.append(f"{middle:+.1f} ({low:+.1f} to {high:+.1f})")
                if other == "tfidf":
                    leads.setdefault(size, []).append(middle)
                    if middle < 0:
                        lost.append(f"{name}, {cells[first][0]['rows']:,} rows")
            rows = cells[first][0]["rows"]
            print(f"| {name} | {rows:,} | {len(cells[first])} | " + " | ".join(shown) + " |")
    print(f"\nTF-IDF is ahead on: {'; '.join(lost) or 'none'}")
    for size, values in leads.items():
        print(f"mean lead over TF-IDF, {size or 'all'} rows, {len(values)} sets: {np.mean(values):+.1f}")
    for way in ways:
        seconds = [cell["seconds"] for key, cell in result.items() if key[3] == way]
        if seconds:
            print(f"{way}: {np.median(seconds):.1f} s per cell in the median, {max(seconds):.1f} s at most")


def main() -> None:
    """Compute the cells that are missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="lstm_small.film_reviews", help="a pretrained classifier")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), help="datasets of the task classification")
    parser.add_argument("--rows", nargs="+", type=int, default=list(SIZES), help="training rows; 0 is all")
    parser.add_argument("--draws", type=int, default=3, help="draws of each size but all")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--cells", type=Path, default=Path("finetune.jsonl"), help="finished cells, a line each")
    options = parser.parse_args()
    lines = options.cells.read_text("utf-8").splitlines() if options.cells.exists() else []
    result = {(c["data"], c["asked"], c["draw"], c["way"], c["model"]): c for c in map(json.loads, lines)}
    for size in options.rows:
        for name in options.datasets:
            for draw in range(1, 2 if size == 0 else options.draws + 1):
                cell: list[Examples] = []
                for way in options.ways:
                    key = (name, size, draw, way, "" if way == "tfidf" else options.model)
                    if key in result:
                        continue
                    cell = cell or parts(name, size, draw)
                    result[key] = measured(key, cell)
                    with options.cells.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result[key]) + "\n")
    ours = {key: cell for key, cell in result.items() if key[4] in ("", options.model)}
    print(f"\n{options.model}; accuracy on the test split, 95 % intervals")
    table(ours, options.datasets, options.rows)


def measured(key: tuple, cell: list[Examples]) -> dict:
    """Compute a cell and print its accuracy."""
    name, size, draw, way, model = key
    started = time.monotonic()
    ways = {"recipe": fine_tuned, "linear": linear}
    predicted = ways[way](model, cell, draw) if way in ways else tfidf(cell)
    seconds = time.monotonic() - started
    right = [a == b for a, b in zip(predicted, cell[2].targets, strict=True)]
    print(
        f"{name} {len(cell[0]):,} rows, draw {draw}, {way}: {100 * np.mean(right):.1f} %, {seconds:.1f} s", flush=True
    )
    return {
        "data": name,
        "asked": size,
        "rows": len(cell[0]),
        "draw": draw,
        "way": way,
        "model": model,
        "right": "".join("01"[answer] for answer in right),
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
