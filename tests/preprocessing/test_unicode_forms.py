"""One text in two Unicode forms, and characters that stand for known ones."""

import unicodedata

import pytest

from zoo.data.examples import Examples, identity
from zoo.data.splits import split
from zoo.data.unicode_forms import commonest_form, fold
from zoo.errors import InputError
from zoo.preprocessing.symbols import SymbolTokenizer
from zoo.tasks import find_task

LETTERS = SymbolTokenizer.fit(["don't", "ab-c", "fi", "café"], lowercase=True)


def both(text):
    return unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def test_composed_and_decomposed_words_are_one_input_on_one_side_of_a_split():
    words = [form for word in ("été", "naïve", "Ångström", "señor", "crème") for form in both(word)]
    assert len({identity(word) for word in words}) == 5
    made = Examples(words, ["x"] * 10, [f"a:{i}" for i in range(10)])
    for seed in range(5):
        train, held = split(made, 0.3, seed)
        assert len(train) % 2 == len(held) % 2 == 0
        assert not set(map(identity, train.inputs)) & set(map(identity, held.inputs))
    cases = find_task("sequence_to_sequence").cases(made)
    assert len(cases) == 5 and cases.references[0] == ["x", "x"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_form_of_most_texts_is_kept_and_the_other_is_read_alike(form):
    texts = [unicodedata.normalize(form, word) for word in ("été", "crème", "señor")]
    tokenizer = SymbolTokenizer.fit(texts)
    assert tokenizer.form == form == commonest_form(texts)
    for composed, decomposed in map(both, texts):
        assert tokenizer.encode(composed) == tokenizer.encode(decomposed)
    again = SymbolTokenizer.from_json(tokenizer.to_json(), "here")
    assert again == tokenizer


def test_a_record_that_says_no_form_is_composed():
    assert SymbolTokenizer.from_json({"symbols": ["é"], "separator": "", "lowercase": True}, "here").encode("E\u0301")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("don\u2019t", "don't"),
        ("don\u02bct,", "don't"),
        ("\u201cCafe\u0301\u201d.", "café"),
        ("\ufb01", "fi"),
        ("\uff21b\u2013c", "ab-c"),
        ("a\u00adb\u200b", "ab"),
        ("\ufeffab", "ab"),
        ("¿ab?", "ab"),
        ("\u202eab\u2069", "ab"),
        ("fàcé", "facé"),
        ("fì", "fi"),
    ],
)
def test_what_stands_for_known_characters_is_read_as_these(written, read):
    assert LETTERS.encode(written) == LETTERS.encode(read)


@pytest.mark.parametrize("text", ["na☃ve", "bxc", "a,b", "?", "cạfė3"])
def test_a_letter_that_is_unknown_is_still_refused(text):
    with pytest.raises(InputError, match="unknown to this model|is empty"):
        LETTERS.encode(text)


@pytest.mark.parametrize(
    ("text", "known", "read"),
    [
        ("Łódź", "lodz", "lodz"),
        ("Straße", "strae", "strasse"),
        ("smørrebrød", "smorebd", "smorrebrod"),
        ("कि", "क", "कि"),  # a vowel sign is no accent
        ("ж", "abc", "ж"),
    ],
)
def test_accents_of_european_letters_are_taken_off_and_other_letters_stay(text, known, read):
    assert fold(text, known.__contains__) == read


def test_known_text_is_never_touched():
    assert fold("“a”", "“a”".__contains__) == "“a”"
