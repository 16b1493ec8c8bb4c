"""Pronunciations without spaces between their phones."""

import random

from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.fitting.fine_tuning import prepare
from zoo.preprocessing.symbols import SymbolTokenizer, are_unspaced, split_graphemes
from zoo.training.config import TrainingConfig


def words(spaced, count=120):
    generator = random.Random(0)
    phones = {letter: phone for letter, phone in zip("bdgaeo", ["b", "d", "ɡʷ", "ãː", "t͡s", "ə"], strict=True)}
    made = sorted({"".join(generator.choices("bdgaeo", k=6)) for _ in range(count)})
    targets = [(" " if spaced else "").join(phones[letter] for letter in word) for word in made]
    return Examples(made, targets, [f"made:{i + 1}" for i in range(len(made))])


def test_marks_length_and_tie_bars_stay_with_their_letter():
    assert split_graphemes("t͡sãːɡʷd͜ʒe\u0301") == ["t͡s", "ãː", "ɡ", "ʷ", "d͜ʒ", "e\u0301"]
    assert split_graphemes("\u0301a") == ["\u0301", "a"] and split_graphemes("") == []


def test_phones_without_spaces_are_split_and_a_note_says_so():
    start = prepare("gru_tiny", words(spaced=False), Columns(), training_config=TrainingConfig(epochs=1))
    target = start.pipeline.preprocessor.target
    assert target.symbols == ("b", "d", "t͡s", "ãː", "ə", "ɡ", "ʷ") and target.graphemes
    assert any("are split into letters (" in note for note in start.notes)
    text = words(spaced=False).targets[0]
    assert target.decode(target.encode(text)) == text
    assert SymbolTokenizer.from_json(target.to_json(), "here") == target


def test_phones_with_spaces_stay_and_the_user_has_the_last_word():
    target = prepare(
        "gru_tiny", words(spaced=True), Columns(), training_config=TrainingConfig(epochs=1)
    ).pipeline.preprocessor.target
    assert target.separator == " " and set(target.symbols) == {"b", "d", "ɡʷ", "ãː", "t͡s", "ə"}
    start = prepare(
        "gru_tiny", words(spaced=False), Columns(symbols="spaces"), training_config=TrainingConfig(epochs=1)
    )
    assert len(start.pipeline.preprocessor.target.symbols) > 90
    start = prepare(
        "gru_tiny", words(spaced=True), Columns(symbols="characters"), training_config=TrainingConfig(epochs=1)
    )
    assert " " in start.pipeline.preprocessor.target.symbols and not any("--symbols" in note for note in start.notes)


def test_few_long_targets_say_nothing():
    assert not are_unspaced(["one two three four", "five six seven eight"])
    assert not are_unspaced(["K AE T", "D AO G"] * 30)
    assert not are_unspaced(["a", "b", "c"]), "letters alone are symbols"
    assert are_unspaced(["/baɡubu/", "/dida/", "/bada/"])
