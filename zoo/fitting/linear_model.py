"""Logistic regression, with its strength chosen by cross-validation, as the weights of a dense layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_ABSENT = -9.0  # bias of a class without rows


def choose_strength(rows: Any, labels: np.ndarray, strengths: Sequence[float], folds: int, seed: int) -> float:
    """Returns the strength with the lowest loss in cross-validation, or the second where a class has one row only.

    Args:
        rows: Features, ``(rows, features)``, an array or a sparse matrix.
        labels: Class of each row.
        strengths: Candidates, as scikit-learn's C.
        folds: Maximum number of folds.
        seed: Seed of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    split = _split(labels, folds, seed)
    if split is None:
        return strengths[1]
    losses = [
        -cross_val_score(
            LogisticRegression(C=strength, max_iter=300), rows, labels, cv=split, scoring="neg_log_loss"
        ).mean()
        for strength in strengths
    ]
    return strengths[int(np.argmin(losses))]


def out_of_fold(
    rows: Any, labels: np.ndarray, classes: int, strength: float, folds: int, seed: int
) -> np.ndarray | None:
    """Returns log-probabilities of each row by a model that was not fitted on it, ``(rows, classes)``.

    Arguments are those of ``choose_strength`` and ``fit_logistic``. Returns ``None`` where a class has one row only.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    split = _split(labels, folds, seed)
    if split is None:
        return None
    model = LogisticRegression(C=strength, max_iter=300)
    result = np.full((len(labels), classes), _ABSENT)
    probabilities = np.asarray(cross_val_predict(model, rows, labels, cv=split, method="predict_proba"))
    result[:, np.unique(labels)] = np.log(np.maximum(probabilities, 1e-9))
    return result


def _split(labels: np.ndarray, folds: int, seed: int):
    """Returns stratified folds, or None where a class has one row only."""
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, int(np.bincount(labels)[np.unique(labels)].min()))
    return StratifiedKFold(folds, shuffle=True, random_state=seed) if folds > 1 else None


def fit_logistic(rows: Any, labels: np.ndarray, classes: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit logistic regression.

    Args:
        rows: Features, ``(rows, features)``, an array or a sparse matrix.
        labels: Class of each row.
        classes: Number of classes.
        strength: Inverse of the penalty, as scikit-learn's C.

    Returns:
        The kernel ``(features, classes)`` and the bias ``(classes,)``.
    """
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=strength, max_iter=1_000).fit(rows, labels)
    kernel, bias = np.zeros((rows.shape[1], classes)), np.full(classes, _ABSENT)
    if len(fitted.classes_) == 2:  # a single column defines both classes
        kernel[:, fitted.classes_[1]], bias[fitted.classes_] = fitted.coef_[0], [0, fitted.intercept_[0]]
    else:
        kernel[:, fitted.classes_], bias[fitted.classes_] = fitted.coef_.T, fitted.intercept_
    return kernel, bias
