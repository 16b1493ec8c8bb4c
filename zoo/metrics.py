"""Metrics as pure functions of what was said and what would have been right; each with its interval."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy import stats

from zoo.errors import InputError

_RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Interval:
    """A metric and its 95 % bootstrap interval.

    Attributes:
        value: The metric over all examples, as a share (0.2 is 20 %).
        low: The 2.5th percentile of the metric over resampled examples.
        high: The 97.5th percentile.
    """

    value: float
    low: float
    high: float


def strip_stress(phones: Sequence[str]) -> list[str]:
    """Returns ARPAbet phones without their stress digits: ``AH0`` becomes ``AH``."""
    return [re.sub("[0-9]", "", phone) for phone in phones]


def transduction_metrics(
    hypotheses: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
    stress: bool,
) -> dict[str, Interval]:
    """Returns word and phoneme error rates where a word may have several right pronunciations.

    The word error rate is the share of words whose hypothesis equals none of its references. The
    phoneme error rate is the sum, over words, of the edit distance to the closest reference, divided
    by the sum of those references' lengths; of two equally close references the first one counts.

    Args:
        hypotheses: One sequence of phones a word; it may be empty.
        references: For each word, one or more sequences of phones.
        stress: Whether the phones carry stress digits, so that the rates without them count too.

    Returns:
        ``wer`` and ``per``; with ``stress`` also ``wer_no_stress`` and ``per_no_stress``.

    Raises:
        InputError: There is no word, the lengths differ, a word has no reference, a reference is
            empty, or phones were given as one string.
    """
    if len(hypotheses) != len(references):
        raise InputError(f"{len(hypotheses)} hypotheses for {len(references)} words: give one a word")
    if not hypotheses:
        raise InputError("no words: an error rate needs at least one")
    for i, (hypothesis, word) in enumerate(zip(hypotheses, references, strict=True)):
        if not word or not all(word):
            raise InputError(f"word {i + 1}: a reference is missing or empty; give each word at least one")
        if isinstance(hypothesis, str) or any(isinstance(phones, str) for phones in word):
            raise InputError(f"word {i + 1}: phones are one string; split it into a list of phones")

    rates = _error_rates(hypotheses, references)
    if stress:
        plain_hypotheses = [strip_stress(phones) for phones in hypotheses]
        plain_references = [[strip_stress(phones) for phones in word] for word in references]
        plain = _error_rates(plain_hypotheses, plain_references)
        rates |= {f"{name}_no_stress": interval for name, interval in plain.items()}
    return rates


def classification_metrics(outputs: Sequence[str], references: Sequence[str]) -> dict[str, Interval]:
    """Returns how often labels are right.

    Args:
        outputs: The label said of each example.
        references: The right label of each.

    Returns:
        ``accuracy``, its complement ``error``, and ``macro_f1``: the mean, over the labels that occur
        in either, of the harmonic mean of precision and recall.

    Raises:
        InputError: There is no example, or the lengths differ.
    """
    if len(outputs) != len(references):
        raise InputError(f"{len(outputs)} answers for {len(references)} examples: give one an example")
    if not len(outputs):
        raise InputError("no examples: an accuracy needs at least one")
    labels = sorted({*outputs, *references})
    said = np.array([labels.index(label) for label in outputs])
    right = np.array([labels.index(label) for label in references])
    ones = np.ones(len(said))
    accuracy = _ratio(said == right, ones)
    return {
        "accuracy": accuracy,
        "error": Interval(1 - accuracy.value, 1 - accuracy.high, 1 - accuracy.low),
        "macro_f1": _macro_f1(said, right, len(labels)),
    }


def _macro_f1(said: np.ndarray, right: np.ndarray, labels: int) -> Interval:
    """Returns macro F1 and the percentile bootstrap of it; labels missing from a resample do not count."""

    def value(cells: np.ndarray) -> float:
        matrix = np.bincount(cells, minlength=labels * labels).reshape(labels, labels)
        totals = matrix.sum(0) + matrix.sum(1)
        return float((2 * matrix.diagonal()[totals > 0] / totals[totals > 0]).mean())

    cells = right * labels + said
    generator = np.random.default_rng(0)
    drawn = [value(generator.choice(cells, len(cells))) for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value(cells), float(low), float(high))


def _error_rates(hypotheses, references) -> dict[str, Interval]:
    distances, lengths = [], []
    for hypothesis, word in zip(hypotheses, references, strict=True):
        candidates = ((Levenshtein.distance(hypothesis, phones), len(phones)) for phones in word)
        distance, length = min(candidates, key=lambda candidate: candidate[0])
        distances.append(distance)
        lengths.append(length)
    errors = np.array(distances)
    return {
        "wer": _ratio(errors > 0, np.ones(len(errors))),
        "per": _ratio(errors, np.array(lengths)),
    }


def _ratio(errors: np.ndarray, lengths: np.ndarray) -> Interval:
    """Returns ``sum(errors) / sum(lengths)``; its interval comes from resampling the examples.

    It is the percentile bootstrap of Efron and Tibshirani (1993, chapter 13), with 1,000 resamples
    and a fixed seed. A single example can only be drawn again, so its interval has no width.
    """
    value = float(errors.sum() / lengths.sum())
    if len(errors) == 1:
        return Interval(value, value, value)
    interval = stats.bootstrap(
        (errors, lengths),
        lambda errors, lengths, axis: errors.sum(axis) / lengths.sum(axis),
        n_resamples=_RESAMPLES,
        batch=100,  # bounds the memory: resamples that are held at once
        paired=True,
        vectorized=True,
        method="percentile",
        rng=0,
    ).confidence_interval
    return Interval(value, float(interval.low), float(interval.high))
