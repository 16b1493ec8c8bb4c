"""Metrics of symbol sequences: word and symbol error rates from edit distances."""

import re
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from zoo.errors import InputError
from zoo.metrics.intervals import Interval, ratio


def strip_stress(phones: Sequence[str]) -> list[str]:
    """Returns ARPAbet phones without their stress digits: ``AH0`` becomes ``AH``.

    Example:
        >>> strip_stress(["AH0", "B", "AW1", "T"])
        ['AH', 'B', 'AW', 'T']
    """
    return [re.sub("[0-9]", "", phone) for phone in phones]


def sequence_to_sequence_metrics(
    hypotheses: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
    stress: bool,
) -> dict[str, Interval]:
    """Compute word and phoneme error rates where a word may have several correct pronunciations.

    The word error rate is the share of words whose hypothesis equals none of its references. For the phoneme error
    rate, each word counts the edit distance to its closest reference, the first of equally close ones. The rate is the
    sum of these distances divided by the sum of the lengths of these references.

    Args:
        hypotheses: A sequence of phones per word; it may be empty.
        references: One or more sequences of phones per word.
        stress: Whether the phones have stress digits; the rates without stress are then returned too.

    Returns:
        ``wer`` and ``per``; with ``stress`` also ``wer_no_stress`` and ``per_no_stress``.

    Raises:
        InputError: There is no word, the lengths differ, a word has no reference, a reference is empty, or phones were
            given as one string.

    Example:
        >>> references = [[["K", "AE", "T"]], [["D", "AO", "G"]]]
        >>> rates = sequence_to_sequence_metrics([["K", "AE", "T"], ["D", "AO"]], references, stress=False)
        >>> rates["wer"].value
        0.5
        >>> round(rates["per"].value, 4)
        0.1667
    """
    if len(hypotheses) != len(references):
        raise InputError(f"{len(hypotheses)} hypotheses for {len(references)} words: give one per word")
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
    """Returns hypotheses and references, each a list of phones, without stress digits.

    Example:
        >>> without_stress([["AH0"]], [[["AH1"], ["AE1"]]])
        ([['AH']], [[['AH'], ['AE']]])
    """
    plain = [[strip_stress(phones) for phones in word] for word in references]
    return [strip_stress(phones) for phones in hypotheses], plain


def edits(hypotheses, references) -> np.ndarray:
    """Returns ``(words, 2)``: the edit distance to the closest (first if equal) reference, and its length.

    Example:
        >>> edits([["K", "AE", "T"]], [[["K", "AE", "T", "S"]]]).tolist()
        [[1, 4]]
    """
    result = np.zeros((len(hypotheses), 2), "int32")
    for i, (hypothesis, word) in enumerate(zip(hypotheses, references, strict=True)):
        candidates = ((Levenshtein.distance(hypothesis, phones), len(phones)) for phones in word)
        result[i] = min(candidates, key=lambda candidate: candidate[0])
    return result


def error_rates(edits: np.ndarray) -> dict[str, Interval]:
    """Returns ``wer`` and ``per`` for the result of ``edits``.

    Example:
        >>> import numpy as np
        >>> rates = error_rates(np.array([[0, 3], [1, 3]]))
        >>> rates["wer"].value
        0.5
        >>> round(rates["per"].value, 4)
        0.1667
    """
    errors, lengths = edits.T
    return {"wer": ratio(errors > 0, np.ones(len(errors), "int32")), "per": ratio(errors, lengths)}
