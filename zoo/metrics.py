"""Metrics as pure functions of what was said and what would have been right; each with its interval."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from zoo.bio import begun, spans
from zoo.errors import InputError

_RESAMPLES = 1000
_DRAWN_AT_ONCE = 10_000_000  # counts held at once, which bounds the memory
_LEAST = 1e-9  # divides where there is nothing to count, a resample without spans for instance


@dataclasses.dataclass(frozen=True)
class Interval:
    """A metric and its 95 % bootstrap interval.

    Attributes:
        value: The metric over all examples, as a share (0.2 is 20 %) unless it is in ``zoo.scores.NO_SHARES``.
        low: The 2.5th percentile of the metric over resampled examples; the exact bound where all are right, or wrong.
        high: The 97.5th percentile, or that bound.
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a metric is the ratio of, example by example, so that two models can be held against each other.

    Attributes:
        name: The metric, ``sum(above) / sum(below)``.
        above: ``(examples,)``.
        below: ``(examples,)``.
    """

    name: str
    above: np.ndarray
    below: np.ndarray


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

    rates = error_rates(edits(hypotheses, references))
    if stress:
        plain = error_rates(edits(*without_stress(hypotheses, references)))
        rates |= {f"{name}_no_stress": interval for name, interval in plain.items()}
    return rates


def without_stress(hypotheses, references) -> tuple[list, list]:
    """Returns hypotheses and references, each a list of phones, with the stress digits taken off."""
    plain = [[strip_stress(phones) for phones in word] for word in references]
    return [strip_stress(phones) for phones in hypotheses], plain


def edits(hypotheses, references) -> np.ndarray:
    """Returns ``(words, 2)``: the edit distance to the closest reference, of equal ones the first, and its length."""
    found = np.zeros((len(hypotheses), 2), "int32")
    for i, (hypothesis, word) in enumerate(zip(hypotheses, references, strict=True)):
        candidates = ((Levenshtein.distance(hypothesis, phones), len(phones)) for phones in word)
        found[i] = min(candidates, key=lambda candidate: candidate[0])
    return found


def error_rates(edits: np.ndarray) -> dict[str, Interval]:
    """Returns ``wer`` and ``per`` of what ``edits`` returned."""
    errors, lengths = edits.T
    return {"wer": ratio(errors > 0, np.ones(len(errors), "int32")), "per": ratio(errors, lengths)}


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
    accuracy = ratio(said == right, ones)
    return {
        "accuracy": accuracy,
        "error": Interval(1 - accuracy.value, 1 - accuracy.high, 1 - accuracy.low),
        "macro_f1": _macro_f1(said, right, len(labels)),
    }


def mean_per_step(sums: Sequence[float], steps: Sequence[int]) -> Interval:
    """Returns ``sum(sums) / sum(steps)`` with the bootstrap interval over sequences, or blocks of a long one.

    Args:
        sums: What was added up over each, nats for instance.
        steps: Number of steps of each.

    Raises:
        InputError: There is no step.
    """
    if not sum(steps):
        raise InputError("no steps: a mean needs at least one")
    return _resampled(np.array(sums), np.array(steps))


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
    said, intents = _tags_and_labels(outputs)
    right, meant = _tags_and_labels(references)
    ones = np.ones(len(said))
    f1 = ratio(*_spans_right(said, right))
    values = {"slot_f1": f1, "slot_error": Interval(1 - f1.value, 1 - f1.high, 1 - f1.low)}
    same = np.array(intents) == np.array(meant)
    if any(meant):
        values["intent_accuracy"] = ratio(same, ones)
    whole = np.array([a == b for a, b in zip(said, right, strict=True)])
    values["sentence_accuracy"] = ratio(whole & same, ones)
    return values


def slot_counts(outputs: Sequence[str], references: Sequence[str]) -> Counts:
    """Returns what ``slot_f1`` of ``tagging_metrics`` is the ratio of, sentence by sentence."""
    return Counts("slot_f1", *_spans_right(_tags_and_labels(outputs)[0], _tags_and_labels(references)[0]))


def _spans_right(said: list[list[str]], right: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns twice the number of spans that are right and the number of all, of both sides, of each sentence."""
    pairs = [(spans(a), spans(b)) for a, b in zip(said, right, strict=True)]
    return np.array([2 * len(a & b) for a, b in pairs]), np.array([len(a) + len(b) for a, b in pairs])


def _tags_and_labels(answers: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    parts = [answer.partition("\t") for answer in answers]
    return [begun(tags.split()) for tags, _, _ in parts], [label for _, _, label in parts]


def _macro_f1(said: np.ndarray, right: np.ndarray, labels: int) -> Interval:
    """Returns macro F1; labels missing from a resample do not count."""

    def value(counts: np.ndarray) -> np.ndarray:
        matrix = counts.reshape(-1, labels, labels)
        totals = matrix.sum(1) + matrix.sum(2)
        scores = 2 * matrix.diagonal(axis1=1, axis2=2) / np.maximum(totals, 1)
        return scores.sum(1) / (totals > 0).sum(1)

    if (said == right).all():
        return _none_wrong(len(said))
    counts = np.bincount(right * labels + said, minlength=labels * labels)
    return _interval(counts, value)


def ratio(errors: np.ndarray, lengths: np.ndarray) -> Interval:
    """Returns ``sum(errors) / sum(lengths)``, counts of examples, ``(examples,)`` each.

    Where no example has an error, or none has anything else, no resample differs, and the bootstrap would be without
    doubt: there ``_none_wrong`` bounds the share of such examples.
    """
    counted = np.count_nonzero(lengths)
    if counted and not errors.any():
        return Interval(0.0, 0.0, 1 - _none_wrong(counted).low)
    if counted and np.array_equal(errors, lengths):
        return _none_wrong(counted)
    return _resampled(errors, lengths)


def _resampled(above: np.ndarray, below: np.ndarray) -> Interval:
    # Examples that are alike are drawn together: with counts of errors there are few kinds.
    kinds, counts = np.unique(np.stack([above, below]), axis=1, return_counts=True)
    return _interval(counts, lambda counts: counts @ kinds[0] / np.maximum(counts @ kinds[1], _LEAST))


def _none_wrong(size: int) -> Interval:
    """Returns the share of right examples where all are right, with its exact interval.

    Clopper & Pearson 1934, Biometrika 26. It bounds as well what counts the parts of examples, for one that is wrong
    may be so in all its parts.
    """
    return Interval(1.0, float(0.025 ** (1 / size)), 1.0)


def difference(ours: Counts, others: Counts) -> Interval:
    """Returns our metric less the other model's on the same examples, with its interval.

    Both are computed from the same resamples (Koehn 2004, "Statistical Significance Tests for Machine Translation
    Evaluation", section 4): where the same examples are hard for both, the interval is narrower than the two
    metrics' own would let expect.

    Raises:
        InputError: They are not of the same metric, or not of as many examples.
    """
    if ours.name != others.name or len(ours.above) != len(others.above):
        raise InputError(
            f"{ours.name} of {len(ours.above)} and {others.name} of {len(others.above)} examples: only the same metric"
            " of the same examples can be compared"
        )
    stacked = np.stack([ours.above, ours.below, others.above, others.below])
    kinds, counts = np.unique(stacked, axis=1, return_counts=True)

    def value(counts: np.ndarray) -> np.ndarray:
        above, below, other_above, other_below = (counts @ kind for kind in kinds)
        return above / np.maximum(below, _LEAST) - other_above / np.maximum(other_below, _LEAST)

    return _interval(counts, value)


def _interval(counts: np.ndarray, value) -> Interval:
    """Returns a metric and its interval from resampling the examples, which are given as the count of each kind.

    It is the percentile bootstrap of Efron and Tibshirani (1993, chapter 13), with 1,000 resamples and a
    fixed seed. Drawing n examples with replacement draws the counts from a multinomial distribution.

    Args:
        counts: ``(kinds,)``.
        value: Maps ``(resamples, kinds)`` to the metric of each resample.
    """
    size = int(counts.sum())
    generator = np.random.default_rng(0)
    at_once = max(1, _DRAWN_AT_ONCE // len(counts))
    drawn = [
        value(generator.multinomial(size, counts / size, min(at_once, _RESAMPLES - start)))
        for start in range(0, _RESAMPLES, at_once)
    ]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(float(value(counts[None])[0]), float(low), float(high))
