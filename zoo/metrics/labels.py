"""Metrics of labels and tags: accuracy, F1 and calibration."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.errors import InputError
from zoo.metrics.intervals import Counts, Interval, _interval, _none_wrong, ratio
from zoo.preprocessing.tags import spans, to_iob2


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

    Example:
        >>> classification_metrics(["good", "bad", "bad"], ["good", "bad", "good"])["macro_f1"].value
        0.6666666666666666
    """
    if len(outputs) != len(references):
        raise InputError(f"{len(outputs)} answers for {len(references)} examples: give one per example")
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


@dataclasses.dataclass(frozen=True)
class Bin:
    """Answers given with about the same confidence: their number, its mean, and the share that was right.

    Example:
        >>> Bin(10, 0.93, 0.9).size
        10
    """

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

    Example:
        >>> import numpy as np
        >>> error, bins = calibration(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False]))
        >>> round(error, 3)
        0.1
        >>> len(bins)
        2
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
        outputs: Tags between spaces, and behind a tab the sentence's label if there is one.
        references: What would have been right, in the same form.

    Returns:
        ``slot_f1`` over spans (a span counts if its kind and both ends are right) and its complement
        ``slot_error``; with labels ``intent_accuracy``; ``sentence_accuracy``: everything right.

    Raises:
        InputError: There is no sentence, or the lengths differ.

    Example:
        >>> tagging_metrics(["O B-city I-city"], ["O B-city O"])["slot_f1"].value
        0.0
        >>> tagging_metrics(["O B-city I-city"], ["O B-city I-city"])["slot_f1"].value
        1.0
    """
    if len(outputs) != len(references) or not outputs:
        raise InputError(f"{len(outputs)} answers for {len(references)} sentences: give one per sentence, at least one")
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
    """Returns what ``slot_f1`` of ``tagging_metrics`` is the ratio of, sentence by sentence.

    Example:
        >>> slot_counts(["O B-city"], ["O B-city"]).name
        'slot_f1'
    """
    return Counts("slot_f1", *_spans_right(_tags_and_labels(outputs)[0], _tags_and_labels(references)[0]))


def _spans_right(said: list[list[str]], right: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns twice the number of spans that are right and the number of all, of both sides, of each sentence."""
    pairs = [(spans(a), spans(b)) for a, b in zip(said, right, strict=True)]
    return np.array([2 * len(a & b) for a, b in pairs]), np.array([len(a) + len(b) for a, b in pairs])


def _tags_and_labels(answers: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    parts = [answer.partition("\t") for answer in answers]
    return [to_iob2(tags.split()) for tags, _, _ in parts], [label for _, _, label in parts]


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
