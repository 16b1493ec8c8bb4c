"""The baseline of every text classifier: logistic regression on TF-IDF."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.examples import Examples
from zoo.pipeline import Pipeline


def tfidf(texts: Sequence[str], labels: Sequence[str]) -> Any:
    """Returns a fitted scikit-learn pipeline: logistic regression on TF-IDF of words and pairs of words.

    Args:
        texts: The training texts.
        labels: Label of each text.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1_000)).fit(texts, labels)


def against_tfidf(pipeline: Pipeline, train: Examples, validation: Examples) -> list[str]:
    """Returns a note if TF-IDF predicts more of the validation part correctly than a classifier of texts.

    Args:
        pipeline: The fine-tuned model.
        train: Training part of the model.
        validation: Validation part, which chose the best epoch.
    """
    if not pipeline.task.has_labels or not isinstance(train.inputs[0], str):
        return []
    predictions = tfidf(train.inputs, train.targets).predict(validation.inputs)
    baseline, ours = (
        float(np.mean(np.array(labels) == np.array(validation.targets)))
        for labels in (predictions, pipeline.predict(validation.inputs))
    )
    if baseline <= ours:
        return []
    return [
        f"note: accuracy on the validation part: TF-IDF with logistic regression {baseline:.1%}, this model {ours:.1%}"
    ]
