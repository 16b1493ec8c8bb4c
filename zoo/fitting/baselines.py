"""The baseline that every text classifier is held against: logistic regression on TF-IDF."""

from collections.abc import Sequence
from typing import Any


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
