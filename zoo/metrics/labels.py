"""Metrics of labels and tags: accuracy, F1 and calibration."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.errors import InputError
from zoo.metrics.intervals import Counts, Interval, _interval, _none_wrong, ratio
from zoo.preprocessing.tags import spans, to_iob2


def classification_metrics(outputs: Sequence[str], references: Sequence[str]) -> dict[str, Interval]:
    """Compute accuracy and macro F1 of predicted labels.

    Args:
        outputs: Predicted label per example.
        references: True label per example.

    Returns:
        ``accuracy``, its complement ``error``, and ``macro_f1``: the mean F1 over the labels that occur in either list.

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
    predicted = np.array([labels.index(label) for label in outputs])
    true = np.array([labels.index(label) for label in references])
    ones = np.ones(len(predicted))
    accuracy = ratio(predicted == true, ones)
    return {
        "accuracy": accuracy,
        "error": Interval(1 - accuracy.value, 1 - accuracy.high, 1 - accuracy.low),
        "macro_f1": _macro_f1(predicted, true, len(labels)),
    }


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions with similar confidence: their number, mean confidence and accuracy.

    Example:
        >>> Bin(10, 0.93, 0.9).size
        10
    """

    size: int
    confidence: float
    accuracy: float


def calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[float, list[Bin]]:
    """Returns the expected calibration error and the bins of a reliability diagram.

    Guo et al. 2017 (arXiv 1706.04599), equation 3, with ten bins of equal width: the mean distance between the
    confidence and the accuracy of a bin, over all predictions.

    Args:
        confidence: Probability of each predicted label, ``(examples,)``.
        right: Whether the prediction is correct, ``(examples,)``.

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
    """Compute span F1 and accuracies of tagged sentences.

    Args:
        outputs: Predicted tags between spaces, and after a tab the sentence label, if any.
        references: True tags and labels, in the same form.

    Returns:
        ``slot_f1`` over spans (a span is correct if its kind and both ends are) and its complement ``slot_error``;
        ``tag_accuracy`` of the words, for tags without spans such as parts of speech; with labels ``intent_accuracy``;
        and ``sentence_accuracy``, the share of sentences without any error.

    Raises:
        InputError: There is no sentence, or the lengths differ.

    Example:
        >>> tagging_metrics(["O B-city I-city"], ["O B-city O"])["slot_f1"].value
        0.0
        >>> tagging_metrics(["O B-city I-city"], ["O B-city I-city"])["slot_f1"].value
        1.0
        >>> tagging_metrics(["DET NOUN"], ["DET VERB"])["tag_accuracy"].value
        0.5
    """
    if len(outputs) != len(references) or not outputs:
        raise InputError(f"{len(outputs)} answers for {len(references)} sentences: give one per sentence, at least one")
    predicted, intents = _tags_and_labels(outputs)
    true, true_intents = _tags_and_labels(references)
    ones = np.ones(len(predicted))
    f1 = ratio(*_spans_right(predicted, true))
    values = {"slot_f1": f1, "slot_error": Interval(1 - f1.value, 1 - f1.high, 1 - f1.low)}
    if not any(tag == "O" or tag.startswith("B-") for tags in true for tag in tags):
        right = [sum(a == b for a, b in zip(*pair, strict=False)) for pair in zip(predicted, true, strict=True)]
        values["tag_accuracy"] = ratio(np.array(right), np.array([len(tags) for tags in true]))
    same = np.array(intents) == np.array(true_intents)
    if any(true_intents):
        values["intent_accuracy"] = ratio(same, ones)
    exact = np.array([a == b for a, b in zip(predicted, true, strict=True)])
    values["sentence_accuracy"] = ratio(exact & same, ones)
    return values


def slot_counts(outputs: Sequence[str], references: Sequence[str]) -> Counts:
    """Returns numerator and denominator of ``slot_f1`` per sentence; see ``tagging_metrics``.

    Example:
        >>> slot_counts(["O B-city"], ["O B-city"]).name
        'slot_f1'
    """
    return Counts("slot_f1", *_spans_right(_tags_and_labels(outputs)[0], _tags_and_labels(references)[0]))


def _spans_right(predicted: list[list[str]], true: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns, per sentence, twice the number of correct spans, and the number of predicted and true spans."""
    pairs = [(spans(a), spans(b)) for a, b in zip(predicted, true, strict=True)]
    return np.array([2 * len(a & b) for a, b in pairs]), np.array([len(a) + len(b) for a, b in pairs])


def _tags_and_labels(answers: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    parts = [answer.partition("\t") for answer in answers]
    return [to_iob2(tags.split()) for tags, _, _ in parts], [label for _, _, label in parts]


def _macro_f1(predicted: np.ndarray, true: np.ndarray, labels: int) -> Interval:
    """Returns macro F1; labels that are missing from a resample do not count."""

    def value(counts: np.ndarray) -> np.ndarray:
        matrix = counts.reshape(-1, labels, labels)
        totals = matrix.sum(1) + matrix.sum(2)
        scores = 2 * matrix.diagonal(axis1=1, axis2=2) / np.maximum(totals, 1)
        return scores.sum(1) / (totals > 0).sum(1)

    if (predicted == true).all():
        return _none_wrong(len(predicted))
    counts = np.bincount(true * labels + predicted, minlength=labels * labels)
    return _interval(counts, value)
