"""Weights between a linear head on frozen features and the fine-tuned model (Wortsman et al. 2022, arXiv 2109.01903).

Fine-tuning a small model on few rows may lose more than it gains. Weights on the line from its start to its end often
predict better than both, so that the loss on other rows can choose between them.
"""

from collections.abc import Callable, Mapping

import numpy as np

from zoo.data.examples import Examples
from zoo.fitting.ngram_model import NgramModel, encode_labels, log_probabilities, mix
from zoo.pipeline import Pipeline

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # 0 is the linear head, 1 the fine-tuned model


def interpolate(
    pipeline: Pipeline, start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray], share: float
) -> None:
    """Set a pipeline's weights to ``(1 - share) * start + share * end``."""
    if share in (0, 1):
        pipeline.assign(end if share else start, "fine-tuned weights")
        return
    between = {path: ((1 - share) * value + share * end[path]).astype(value.dtype) for path, value in start.items()}
    pipeline.assign(between, "fine-tuned weights")


def outputs_between(
    pipeline: Pipeline, start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray], texts: list[str]
) -> dict[float, np.ndarray]:
    """Returns the log-probabilities ``(texts, labels)`` of a classifier at each share. The last is set at the end."""
    result = {}
    for share in SHARES:
        interpolate(pipeline, start, end, share)
        result[share] = log_probabilities(pipeline, texts)
    return result


def losses(
    outputs: Mapping[float, np.ndarray], ngrams: np.ndarray | None, labels: np.ndarray, size: float
) -> dict[float, float]:
    """Returns the loss at each share, together with the n-grams; arguments are those of ``mix``."""
    return {share: mix(network, ngrams, labels, size).loss for share, network in outputs.items()}


def choose(
    pipeline: Pipeline,
    start: Mapping[str, np.ndarray],
    validation: Examples,
    ngrams: NgramModel | None,
    on_message: Callable[[str], None],
) -> float:
    """Set a fine-tuned classifier to the share with the lowest validation loss, and return this share.

    Args:
        pipeline: The fine-tuned classifier.
        start: Its weights before training.
        validation: The validation part.
        ngrams: The linear model that will be added to the network, if any.
        on_message: Called with a note on the choice.
    """
    end, labels = pipeline.tensors(), encode_labels(pipeline, validation)
    logits = ngrams.logits(pipeline, validation.inputs) if ngrams else None
    outputs = outputs_between(pipeline, start, end, validation.inputs)
    loss = losses(outputs, logits, labels, ngrams.size if ngrams else 0.0)
    share = min(SHARES, key=lambda one: loss[one])  # of equal ones the nearest to the linear head
    interpolate(pipeline, start, end, share)
    on_message(
        f"validation loss: {loss[0.0]:.4f} with a linear head on frozen features, {loss[1.0]:.4f} with fine-tuned"
        f" weights; chosen: {describe(share, loss[share])}"
    )
    return share


def describe(share: float, loss: float) -> str:
    """Returns a share in words."""
    if share in (0, 1):
        return "fine-tuned weights" if share else "linear head"
    return f"weights between them, {share:.0%} of the way ({loss:.4f})"
