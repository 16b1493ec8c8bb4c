"""What a reader says for numbers, money, dates, times, units, abbreviations, capitals and signs."""

import time

import pytest

from zoo.speech.normalization import normalize
from zoo.speech.pronunciation import dictionary

SPOKEN = {
    "Dr. Smith paid $3.50 on May 3rd, didn't he?": (
        "doctor smith paid three dollars and fifty cents on may third , didn't he ?"
    ),
    "In 1984, 2,500 people came.": "in nineteen eighty four , two thousand five hundred people came .",
    "It was 1900 and 2005.": "it was one thousand nine hundred and two thousand five .",
    "It ends at 7:05 p.m.": "it ends at seven oh five p m .",
    "At 3:00 and at 12:30.": "at three o'clock and at twelve thirty .",
    "On 2024-03-05 or 4 July 1999": "on march fifth twenty twenty four or the fourth of july nineteen ninety nine",
    "It may 3 times; May 3 is a date": "it may three times ; may third is a date",
    "the 1990s and the ’80s": "the nineteen nineties and the eighties",
    "Henry VIII's Chapter IV, World War II": "henry the eighth's chapter four , world war two",
    "Call 555-1234 at 10-12": "call five five five one two three four at ten to twelve",
    "20°C, -5, 50% and 1/2": "twenty degrees celsius , minus five , fifty percent and one half",
    "1 km, 3 km, 5kg, 3.14 m": "one kilometer , three kilometers , five kilograms , three point one four meters",
    "$5 million, £0.01, €1, ¥300, -$2": (
        "five million dollars , one penny , one euro , three hundred yen , minus two dollars"
    ),
    "St. John lives on Main St. near 42nd Ave.": "saint john lives on main street near forty second avenue .",
    "No. 5 is alive. No. Never.": "number five is alive . no . never .",
    "Mr. Jones vs. Mrs. Wu, etc.": "mister jones versus missus wu , et cetera .",
    "The U.S. and the FBI like NASA; CDs": "the u s and the f b i like nasa ; c d's",
    "MP3 and 4K and 007": "m p three and four k and zero zero seven",
    "THE WHOLE SENTENCE IS SHOUTED": "the whole sentence is shouted",
    "bob@example.com or www.keras.io": "bob at example dot com or w w w dot keras dot i o",
    "well-known, re-xyzzy": "well-known , re xyzzy",
    "Tom & Jerry + 2 = fun": "tom and jerry plus two equals fun",
    "٣ cats, ｆｕｌｌ": "three cats , ｆｕｌｌ",
    "zero\u200bwidth \u202emarks 😀": "zerowidth marks 😀",
    "": "",
}


def words(text):
    return " ".join(word for token in normalize(text, known) for word in token.words or (token.text,))


def known(word):
    return word in dictionary() or word == "keras"


@pytest.mark.parametrize("text", SPOKEN)
def test_what_is_said(text):
    assert words(text) == SPOKEN[text]


def test_every_character_that_is_seen_stands_in_a_token():
    for text in SPOKEN:
        seen = "".join(c for c in text if not c.isspace() and c not in "\u200b\u202e")
        joined = "".join(token.text for token in normalize(text, known)).replace(" ", "")
        assert joined == seen.replace("٣", "3"), text


def test_phones_in_the_text_are_kept():
    (first, second) = normalize("[read](/R EH1 D/) it")
    assert (first.text, first.words, first.phones, second.phones) == ("read", ("read",), "R EH1 D", "")


@pytest.mark.parametrize("piece", ["9", "a", "1,", "A.", "-", "$", "1/", "St. ", "é", "\u0301", "😀", "[", "1:0"])
def test_the_time_grows_with_the_length_and_not_with_its_square(piece):
    start = time.process_time()
    assert normalize(piece * (30_000 // len(piece.encode())))
    assert time.process_time() - start < 8  # about one second; with the square it was sixteen
