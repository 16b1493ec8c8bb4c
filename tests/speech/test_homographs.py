"""Homographs by context, on sentences that were not looked at while the rules were written."""

import csv
from pathlib import Path

import pytest

from zoo.speech.homographs import choose, homographs
from zoo.speech.normalization import normalize
from zoo.speech.phones import ARPABET

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(("split", "least"), [("dev", 0.85), ("test", 0.85)])
def test_the_right_pronunciation_is_chosen_in_most_sentences(split, least):
    rows = list(csv.DictReader((FOLDER / f"homographs_{split}.tsv").open(encoding="utf-8"), delimiter="\t"))
    right = 0
    for row in rows:
        words = [word for token in normalize(row["sentence"]) for word in token.words]
        right += choose(words, words.index(row["word"])) == row["phones"]
    assert len(rows) == 120 and right / len(rows) >= least


def test_every_homograph_has_phones_and_two_pronunciations():
    for word, entry in homographs().items():
        phones = [entry.noun, entry.verb, *filter(None, [entry.past])]
        assert {phone for text in phones for phone in text.split()} <= ARPABET and len(set(phones)) > 1, word
        assert entry.default in ("noun", "verb", "past")


@pytest.mark.parametrize(
    ("sentence", "phones"),
    [
        ("she will read it", "R IY1 D"),
        ("she has read it", "R EH1 D"),
        ("a live concert", "L AY1 V"),
        ("we live here", "L IH1 V"),
        ("the record is broken", "R EH1 K ER0 D"),
        ("please record it", "R AH0 K AO1 R D"),
    ],
)
def test_parts_of_speech_decide(sentence, phones):
    words = sentence.split()
    place = next(i for i, word in enumerate(words) if word in homographs())
    assert choose(words, place) == phones


def test_other_words_have_no_choice():
    assert choose(["the", "cat"], 1) == ""
