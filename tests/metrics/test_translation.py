"""The metrics are sacreBLEU's, and their intervals are those of resampled sentences."""

import sys

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest

from zoo.errors import InputError
from zoo.metrics import translation
from zoo.metrics.intervals import difference

TEXT = "Ein Hund rennt schnell durch den Park und Kinder spielen Ball am See , wo viele Leute sitzen"
WORDS = TEXT.split()


def sentences(count: int, wrong: float, seed: int) -> tuple[list[str], list[str]]:
    """Made-up outputs and references, which differ in a share of the words."""
    draw = np.random.default_rng(0)
    references = [" ".join(draw.choice(WORDS, draw.integers(4, 12))) + "." for _ in range(count)]
    draw = np.random.default_rng(seed)
    outputs = [" ".join("x" if draw.random() < wrong else word for word in text.split()) for text in references]
    return outputs, references


def test_values_are_those_of_the_library():
    outputs, references = sentences(60, 0.2, 1)
    outputs[3], outputs[4] = "", outputs[4].lower()
    result = translation.translation_metrics(translation.sentence_counts(outputs, references))
    expected = {"bleu": BLEU(), "chrf": CHRF(), "bleu_lowercase": BLEU(lowercase=True)}
    for name, metric in expected.items():
        assert result[name].value == pytest.approx(metric.corpus_score(outputs, [references]).score), name
        assert result[name].low < result[name].value < result[name].high
    assert result["bleu"].value < result["bleu_lowercase"].value
    assert result["bleu_error"].value == pytest.approx(100 - result["bleu"].value)
    assert result["bleu_error"].low < result["bleu_error"].value < result["bleu_error"].high


def test_intervals_are_as_wide_as_the_librarys():
    outputs, references = sentences(200, 0.2, 1)
    result = translation.translation_metrics(translation.sentence_counts(outputs, references))["bleu"]
    library = BLEU().corpus_score(outputs, [references], n_bootstrap=1000)
    assert (result.high - result.low) / 2 == pytest.approx(library._ci, rel=0.15)


def test_a_paired_difference_agrees_with_the_librarys_test():
    (ours, references), (others, _) = sentences(200, 0.15, 1), sentences(200, 0.3, 2)
    first, second = (
        translation.metric_counts("bleu", translation.sentence_counts(outputs, references)["bleu"])
        for outputs in (ours, others)
    )
    result = difference(first, second)
    scores = [BLEU().corpus_score(outputs, [references]).score for outputs in (ours, others)]
    assert result.value == pytest.approx(scores[0] - scores[1])
    assert 0 < result.low < result.value < result.high
    systems = [("others", others), ("ours", ours)]
    _, results = PairedTest(systems, {"BLEU": BLEU()}, [references], test_type="bs", n_samples=300)()
    assert results["BLEU"][1].p_value < 0.05
    turned = difference(second, first)
    assert turned.value == -result.value
    assert difference(first, first).high == 0


def test_parts_are_joined():
    outputs, references = sentences(30, 0.2, 1)
    whole = translation.sentence_counts(outputs, references)
    parts = [translation.sentence_counts(outputs[a:b], references[a:b]) for a, b in ((0, 10), (10, 30))]
    joined = translation.joined(parts)
    assert all(np.array_equal(joined[name], whole[name]) for name in whole)


def test_signatures_say_what_values_depend_on():
    result = translation.signatures()
    assert "case:mixed" in result["bleu"] and "case:lc" in result["bleu_lowercase"]
    assert "tok:13a" in result["bleu"] and "nc:6" in result["chrf"] and "version:" in result["chrf"]


def test_no_sentence_and_no_library_are_one_line(monkeypatch):
    empty = {name: values[:0] for name, values in translation.sentence_counts(["a"], ["a"]).items()}
    with pytest.raises(InputError, match="no sentences"):
        translation.translation_metrics(empty)
    translation._metrics.cache_clear()
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(InputError, match=r'^sacrebleu: not installed: pip install "seqzoo\[translation\]"$'):
        translation.check_installed()
    translation._metrics.cache_clear()
