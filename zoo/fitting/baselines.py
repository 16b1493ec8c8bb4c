"""The baseline that every text classifier is held against: logistic regression on TF-IDF."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.examples import Examples
from zoo.pipeline import Pipeline


def tfidf(texts: Sequence[str], labels: Sequence[str]) -> Any:
    """Returns a fitted scikit-learn pipeline: words and pairs of words, weighted by TF-IDF, in logistic regression.

    Args:
        texts: The training texts.
        labels: The label of each.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1_000)).fit(texts, labels)


def against_tfidf(pipeline: Pipeline, train: Examples, validation: Examples, curve: list[dict]) -> list[str]:
    """Returns a line for users if TF-IDF gets more of the validation part right than a classifier of texts.

    Args:
        pipeline: The fine-tuned model.
        train: What it was trained on.
        validation: What chose its best epoch.
        curve: The rows of its training curve.
    """
    if not pipeline.task.has_labels or not isinstance(train.inputs[0], str):
        return []
    found = tfidf(train.inputs, train.targets).predict(validation.inputs)
    baseline = float(np.mean(found == np.array(validation.targets)))
    ours = 1 - min(row["error"] for row in curve)
    if baseline <= ours:
        return []
    return [
        f"note: TF-IDF with logistic regression gets {baseline:.1%} of the validation part right, this model {ours:.1%}"
    ]
