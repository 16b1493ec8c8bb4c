"""Logistic regression, with its strength chosen by cross-validation, as the weights of a dense layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_ABSENT = -9.0  # bias of a class without rows


def fit_logistic(
    rows: Any, labels: np.ndarray, classes: int, strengths: Sequence[float], folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit logistic regression at the strength with the lowest loss in cross-validation.

    Args:
        rows: Features, ``(rows, features)``, an array or a sparse matrix.
        labels: Class of each row.
        classes: Number of classes.
        strengths: Candidates, as scikit-learn's C. The second is taken where a class has one row only.
        folds: Maximum number of folds.
        seed: Seed of the folds.

    Returns:
        The kernel ``(features, classes)`` and the bias ``(classes,)``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = min(folds, int(np.bincount(labels)[np.unique(labels)].min()))
    best = strengths[1]
    if folds > 1:
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        losses = [
            -cross_val_score(
                LogisticRegression(C=strength, max_iter=300), rows, labels, cv=split, scoring="neg_log_loss"
            ).mean()
            for strength in strengths
        ]
        best = strengths[int(np.argmin(losses))]
    fitted = LogisticRegression(C=best, max_iter=1_000).fit(rows, labels)
    kernel, bias = np.zeros((rows.shape[1], classes)), np.full(classes, _ABSENT)
    if len(fitted.classes_) == 2:  # a single column defines both classes
        kernel[:, fitted.classes_[1]], bias[fitted.classes_] = fitted.coef_[0], [0, fitted.intercept_[0]]
    else:
        kernel[:, fitted.classes_], bias[fitted.classes_] = fitted.coef_.T, fitted.intercept_
    return kernel, bias
