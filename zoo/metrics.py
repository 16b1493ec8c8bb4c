"""Metrics as pure functions of what was said and what would have been right; each with its interval."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy import stats

from zoo.errors import InputError

_RESAMPLES = 1000
_LEAST = 1e-9  # divides where there is nothing to count, a resample without spans for instance


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


@dataclasses.dataclass(frozen=True)
class Bin:
    """Answers given with about the same confidence: their number, its mean, and the share that was right."""

    size: int
    confidence: float
    accuracy: float


def calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[float, list[Bin]]:
    """Returns the expected calibration error and the bins of a reliability diagram.

    Guo et al. 2017 (arXiv 1706.04599), equation 3, with ten bins of equal width: the mean over all
    answers of the distance between the confidence and the accuracy of their bin.

    Args:
        confidence: Probability of each answer given, ``(examples,)``.
        right: Whether it was right, ``(examples,)``.
    """
    places = np.minimum((confidence * 10).astype(int), 9)
    bins = [
        Bin(int(chosen.sum()), float(confidence[chosen].mean()), float(right[chosen].mean()))
        for chosen in (places == i for i in range(10))
        if chosen.any()
    ]
    error = sum(b.size * abs(b.confidence - b.accuracy) for b in bins) / len(confidence)
    return error, bins


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Returns the spans of BIO tags as (kind, first, last), the way conlleval and seqeval read them.

    A span begins at ``B-``, and also at an ``I-`` of another kind than the tag before, or after ``O``.
    """
    found, kind, first = set(), None, 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind is not None and (prefix != "I" or name != kind):
            found.add((kind, first, i - 1))
            kind = None
        if kind is None and prefix in ("B", "I"):
            kind, first = name, i
    return found


def tagging_metrics(outputs: Sequence[str], references: Sequence[str]) -> dict[str, Interval]:
    """Returns how well sentences are tagged.

    Args:
        outputs: Tags between blanks, and behind a tab the sentence's label if there is one.
        references: What would have been right, in the same form.

    Returns:
        ``slot_f1`` over spans (a span counts if its kind and both ends are right) and its complement
        ``slot_error``; with labels ``intent_accuracy``; ``sentence_accuracy``: everything right.

    Raises:
        InputError: There is no sentence, or the lengths differ.
    """
    if len(outputs) != len(references) or not outputs:
        raise InputError(f"{len(outputs)} answers for {len(references)} sentences: give one a sentence, at least one")
    pairs = [
        (spans(a.partition("\t")[0].split()), spans(b.partition("\t")[0].split()))
        for a, b in zip(outputs, references, strict=True)
    ]
    hits = np.array([2 * len(said & right) for said, right in pairs])
    sizes = np.array([len(said) + len(right) for said, right in pairs])
    ones = np.ones(len(pairs))
    f1 = _ratio(hits, sizes)
    values = {"slot_f1": f1, "slot_error": Interval(1 - f1.value, 1 - f1.high, 1 - f1.low)}
    labels = [(a.partition("\t")[2], b.partition("\t")[2]) for a, b in zip(outputs, references, strict=True)]
    if any(right for _, right in labels):
        values["intent_accuracy"] = _ratio(np.array([said == right for said, right in labels]), ones)
    values["sentence_accuracy"] = _ratio(np.array([a == b for a, b in zip(outputs, references, strict=True)]), ones)
    return values


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
    value = float(errors.sum() / np.maximum(lengths.sum(), _LEAST))
    if len(errors) == 1:
        return Interval(value, value, value)
    interval = stats.bootstrap(
        (errors, lengths),
        lambda errors, lengths, axis: errors.sum(axis) / np.maximum(lengths.sum(axis), _LEAST),
        n_resamples=_RESAMPLES,
        batch=100,  # bounds the memory: resamples that are held at once
        paired=True,
        vectorized=True,
        method="percentile",
        rng=0,
    ).confidence_interval
    return Interval(value, float(interval.low), float(interval.high))
