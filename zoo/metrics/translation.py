"""Metrics of translations: BLEU and chrF as sacreBLEU computes them, with bootstrap intervals over sentences."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import InputError
from zoo.metrics.intervals import Interval, SummedCounts, interval


@functools.cache
def _metrics() -> dict[str, Any]:
    """Returns sacreBLEU's metrics by name (raises InputError if it is not installed)."""
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise InputError('sacrebleu: not installed: pip install "seqzoo[translation]"') from None
    # force: sacreBLEU's own warning about tokenized texts is not for users of the zoo.
    return {"bleu": BLEU(force=True), "chrf": CHRF(), "bleu_lowercase": BLEU(lowercase=True, force=True)}


def check_installed() -> None:
    """Raise InputError if sacreBLEU is not installed.

    Example:
        >>> check_installed()
    """
    _metrics()


def sentence_counts(outputs: Sequence[str], references: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns what the metrics need of each sentence, by their names.

    Args:
        outputs: Translations.
        references: One reference for each.

    Returns:
        ``(sentences, counts)`` for each of three metrics: ``bleu`` and ``chrf`` of raw texts, as sacreBLEU computes
        them by default (Post 2018, arXiv 1804.08771; Popović 2015), and ``bleu_lowercase``, BLEU of lower-cased texts,
        which older papers report.

    Example:
        >>> counts = sentence_counts(["Ein Hund", "Eine Katze"], ["Ein Hund", "Ein Vogel"])
        >>> {name: len(values) for name, values in counts.items()}
        {'bleu': 2, 'chrf': 2, 'bleu_lowercase': 2}
    """
    return {
        name: np.array(metric._extract_corpus_statistics(list(outputs), [list(references)]), dtype="int64")
        for name, metric in _metrics().items()
    }


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns the counts of several parts as those of one.

    Example:
        >>> part = sentence_counts(["Ein Hund"], ["Ein Hund"])
        >>> len(joined([part, part])["bleu"])
        2
    """
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def metric_counts(name: str, counts: np.ndarray) -> SummedCounts:
    """Returns a metric's counts for comparisons of two models.

    Args:
        name: Name of the metric.
        counts: Its counts per sentence, from ``sentence_counts``.

    Example:
        >>> counts = sentence_counts(["ein Hund rennt im Park"], ["Ein Hund rennt im Park"])
        >>> lower = metric_counts("bleu_lowercase", counts["bleu_lowercase"])
        >>> lower.compute(lower.values).round().tolist()
        [100.0]
    """
    metric = _metrics()[name]

    def compute(sums: np.ndarray) -> np.ndarray:
        return np.array([metric._compute_score_from_stats(row).score for row in sums.tolist()])

    return SummedCounts(name, counts, compute)


def translation_metrics(counts: Mapping[str, np.ndarray]) -> dict[str, Interval]:
    """Returns the metrics in points of 0 to 100, with 95 % bootstrap intervals over sentences.

    Args:
        counts: Result of ``sentence_counts``.

    Returns:
        ``bleu``, ``chrf`` and ``bleu_lowercase``; and ``bleu_error``, 100 minus ``bleu``, which training minimises.

    Raises:
        InputError: There is no sentence, or sacreBLEU is not installed.

    Example:
        >>> counts = sentence_counts(["Ein Hund rennt im Park."], ["Ein Hund rennt im Park."])
        >>> round(translation_metrics(counts)["bleu"].value)
        100
    """
    if not len(counts["bleu"]):
        raise InputError("no sentences: a metric needs at least one")
    result = {name: interval(metric_counts(name, values)) for name, values in counts.items()}
    bleu = result["bleu"]
    return {**result, "bleu_error": Interval(100 - bleu.value, 100 - bleu.high, 100 - bleu.low)}


def signatures() -> dict[str, str]:
    """Returns sacreBLEU's signature of each metric: everything that its value depends on.

    Example:
        >>> signatures()["bleu"].split("|")[:4]
        ['nrefs:1', 'case:mixed', 'eff:no', 'tok:13a']
    """
    sentence_counts(["a"], ["a"])  # sacreBLEU learns the number of references from data
    return {name: metric.get_signature().format() for name, metric in _metrics().items()}
