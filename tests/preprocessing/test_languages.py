"""Languages of a sequence-to-sequence preprocessor: tags, alphabets, and texts that a language does not have."""

import dataclasses

import pytest
from samples_languages import two_languages

from zoo.data.examples import Examples
from zoo.data.languages import find_language, lowercase, split_tag, tag
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.sequence_to_sequence import SequenceToSequencePreprocessor
from zoo.preprocessing.symbols import END, SymbolTokenizer
from zoo.tasks import find_task

TASK = find_task("sequence_to_sequence")


def fitted(rows: dict[str, str]) -> SequenceToSequencePreprocessor:
    return TASK.fit(Examples(list(rows), list(rows.values()), list(rows)), TASK.architecture("gru"))


MANY = fitted({"<de>über": "y b ɐ", "<ko>한": "h a n", "<vi>a bà": "a b a", "<tr>ılgın": "ɯ n", "<ru>да": "d a"})


def test_a_language_is_the_first_symbol_and_letters_are_taken_apart():
    ids = MANY.encode_input("<de>Über")
    assert [MANY.source.symbols[i - 3] for i in ids[:-1]] == ["<de>", "u", "\u0308", "b", "e", "r"] and ids[-1] == END
    assert MANY.symbols("<ko>한") == ["<ko>", "\u1112", "\u1161", "\u11ab"]
    assert MANY.with_language("de").encode_input("über") == ids
    assert MANY.languages == ["de", "ko", "ru", "tr", "vi"]


def test_upper_case_follows_the_language():
    assert lowercase("ILGIN", "tr") == "ılgın" and lowercase("İ", "tr-TR") == "i" and lowercase("I", "de") == "i"
    assert MANY.encode_input("<tr>ILGIN") == MANY.encode_input("<tr>ılgın")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("über", "reads 5 languages: name one with --language"),
        ("<en>ab", "language 'en': unknown to this model: nearest: de"),
        ("<de>да", "has 'а', 'д', unknown to de in this model"),
        ("<de>", "the text is empty"),
        ("<de>" + "u" * 100, "has 100 symbols"),
        ("<de>u3", "has '3', unknown to de"),
    ],
)
def test_what_a_language_lacks_is_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        MANY.encode_input(text)
    assert "\n" not in str(caught.value)


def test_accents_that_the_language_lacks_are_folded_and_letters_of_its_script_are_read():
    assert MANY.encode_input("<de>ébu") == MANY.encode_input("<de>ebu") and MANY.read_as("<de>ébu") == "ebu"
    assert MANY.read_as("<de>ubu") is None
    # No German word here has an n, but Turkish has it, in the same script.
    assert MANY.encode_input("<de>nur")[1] == MANY.encode_input("<tr>n")[1]


def test_a_space_is_a_word_boundary_unless_the_language_writes_it():
    assert MANY.words("<de>über  ber") == ["<de>über", "<de>ber"]
    assert MANY.words("<vi>a bà") == ["<vi>a bà"]
    assert MANY.with_language("de").words("über ber") == ["über", "ber"]
    assert len(MANY.encode_words("<de>über ber")) == 2


def test_a_record_keeps_the_languages_and_a_damaged_one_is_refused():
    one = MANY.with_language("KO")
    assert one.language == "ko"
    assert SequenceToSequencePreprocessor.from_json(one.to_json()) == one
    for change in (
        {"alphabets": {"de": "q€"}},
        {"alphabets": {"xx": "a"}},
        {"alphabets": {"de": 3}},
        {"alphabets": {"<de>": ""}},
        {"language": "en"},
        {"language": 3},
    ):
        with pytest.raises(WeightsError, match=f"here.{next(iter(change))}"):
            SequenceToSequencePreprocessor.from_json({**one.to_json(), **change}, "here")


def test_a_record_without_languages_has_no_new_keys():
    plain = fitted({"ab": "A B"})
    assert set(plain.to_json()) == {"source", "target", "max_source", "max_target"}
    with pytest.raises(InputError, match="language 'de': this model has no languages: leave the language out"):
        plain.with_language("de")


def test_a_tag_in_some_rows_is_text():
    assert not fitted({"<b>ab": "A B", "ab": "A B"}).languages


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("en", "en-GB, en-US"),
        ("dut", "de"),
        ("por", "pt-BR"),
        ("pt_br", None),
        ("EN-us", None),
        ("deu", None),
        ("ger", None),
        ("eng-us", None),
        ("spanish", "choose"),
    ],
)
def test_the_nearest_languages_are_named(asked, near):
    known = ["de", "en-GB", "en-US", "pt-BR"]
    if near is None:
        assert find_language(asked, known) in known
        return
    with pytest.raises(InputError, match=near):
        find_language(asked, known)


def test_tags():
    assert split_tag(tag("es-419", "<x>")) == ("es-419", "<x>")
    assert split_tag("<3 u") == ("", "<3 u") and split_tag("<>a") == ("", "<>a")


def test_balanced_batches_have_the_same_number_of_rows_per_epoch_and_reach_all():
    from zoo.training.config import TrainingConfig

    examples = two_languages(200)
    few = examples.select([*range(58), *range(len(examples) - 10, len(examples))])
    preprocessor = TASK.fit(few, TASK.architecture("gru"))
    config = TrainingConfig(batch_size=4, language_rows=20)
    batches = TASK.batches(preprocessor, few, config)
    first = preprocessor.source.symbols.index("<aa>") + 3
    seen, sizes = set(), set()
    for epoch in range(4):
        result = list(batches.epoch(epoch))
        assert len(result) == batches.per_epoch
        rows = [tuple(row) for inputs, _, _ in result for row in inputs["source"].tolist() if any(row)]
        own = [row for row in rows if row[0] == first]
        sizes.add((len(own), len(rows) - len(own)))
        seen |= {tuple(i for i in row if i) for row in own}
    assert len(sizes) == 1
    assert next(iter(sizes))[1] == 10 and abs(next(iter(sizes))[0] - 20) <= 3
    assert len(seen) == 58  # 4 epochs of about 20 rows reach all 58
    again = TASK.batches(preprocessor, few, config)
    resumed = list(again.epoch(3, start=2))
    assert all((a[0]["source"] == b[0]["source"]).all() for a, b in zip(resumed, result[2:], strict=True))
    with pytest.raises(InputError, match="language_rows: the training data have no languages"):
        plain = dataclasses.replace(few, inputs=[split_tag(text)[1] for text in few.inputs])
        TASK.check_training_config(TASK.fit(plain, TASK.architecture("gru")), config)


def test_symbols_of_a_target_stay_apart_from_languages():
    assert SymbolTokenizer.fit(["<de>"]).split("<de>") == list("<de>")
