"""Sentences: lexicon, context, dictionary and model; the command on arguments, files and pipes."""

import importlib
import json

import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.errors import InputError
from zoo.speech.phones import to_ipa
from zoo.speech.pronunciation import Pronouncer, dictionary, read_lexicon
from zoo.tasks import find_preprocessor

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
MODEL = "lstm_tiny.cmudict"
RECORD = locate.read_record(MODEL)
PREPROCESSOR = find_preprocessor(RECORD.spec.task, RECORD.spec.preprocessor)


class Model:
    """Predicts ``Z`` for each word, and keeps the words."""

    def __init__(self):
        self.asked = []

    def __call__(self, words):
        self.asked.append(words)
        return ["Z"] * len(words)


def sources(text, **options):
    return [(row.word, row.phones, row.source) for row in Pronouncer(Model(), PREPROCESSOR, **options)(text)]


def test_lexicon_then_context_then_dictionary_then_model():
    result = sources("Keras read it to Xyzzyq, 3 CDs.", lexicon={"Keras": "K EH1 R AH0 S"})
    assert result == [
        ("keras", "K EH1 R AH0 S", "lexicon"),
        ("read", "R IY1 D", "context"),
        ("it", "IH1 T", "dictionary"),
        ("to", "T UW1", "dictionary"),
        ("xyzzyq", "Z", "model"),
        ("", "", "punctuation"),
        ("three", "TH R IY1", "dictionary"),
        ("c", "S IY1", "letters"),
        ("d's", "D IY1 Z", "letters"),
        ("", "", "punctuation"),
    ]


def test_accents_possessives_and_phones_in_the_text():
    assert sources("café")[0] == ("café", dictionary()["cafe"], "dictionary")
    assert sources("the xerox's")[1] == ("xerox's", f"{dictionary()['xerox']} IH0 Z", "dictionary")
    assert sources("[live](/L AY1 V/) here")[0] == ("live", "L AY1 V", "text")
    assert sources("Привет")[0] == ("привет", "", "unknown")


def test_the_model_reads_the_words_of_many_sentences_at_once_and_each_word_once():
    model = Model()
    pronouncer = Pronouncer(model, PREPROCESSOR)
    rows = pronouncer.all(["Xyzzyq and qwrtz.", "Xyzzyq!", "the cat"])
    assert [len(row) for row in rows] == [4, 2, 2] and model.asked == [["qwrtz", "xyzzyq"]]
    pronouncer.all(["xyzzyq"])
    assert len(model.asked) == 1


def test_ipa_has_stress_before_the_syllable():
    assert [row.phones for row in Pronouncer(Model(), PREPROCESSOR, alphabet="ipa")("Extreme doctor")] == [
        "ɛkˈstɹim",
        "ˈdɑktɚ",
    ]
    assert to_ipa("P R AH0 N AH2 N S IY0 EY1 SH AH0 N") == "pɹəˌnʌnsiˈeɪʃən"
    with pytest.raises(InputError, match="'QQ' is not an ARPAbet phone"):
        to_ipa("QQ")


@pytest.mark.parametrize(
    ("line", "message"),
    [("zoo", "x.txt:2: no phones"), ("zoo\tZ UW", ""), ("zoo K Q", "x.txt:2: 'Q' is not an ARPAbet phone")],
)
def test_a_bad_line_of_a_lexicon_is_named(line, message, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(f"Keras\tK EH1 R AH0 S\n{line}\n", "utf-8")
    if message:
        with pytest.raises(InputError, match=message):
            read_lexicon(path)
    else:
        assert read_lexicon(path) == {"keras": "K EH1 R AH0 S", "zoo": "Z UW"}


def test_other_models_and_alphabets_are_refused():
    with pytest.raises(InputError, match="writes no ARPAbet phones"):
        Pronouncer(Model(), object())
    with pytest.raises(InputError, match="alphabet 'sampa': give one of arpabet, ipa"):
        Pronouncer(Model(), PREPROCESSOR, alphabet="sampa")


def run(*arguments, input=None):
    return CliRunner().invoke(main, ["predict", MODEL, "--sentences", *map(str, arguments)], input=input)


def test_the_command_prints_a_word_per_line_and_where_its_phones_come_from():
    result = run("Dr. Xyzzyq paid $1.")
    assert result.exit_code == 0, result.output
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows[0] == ["Dr.", "doctor", "D AA1 K T ER0", "dictionary"] and rows[1][3] == "model" and rows[1][2]
    assert [row[0] for row in rows] == ["Dr.", "Xyzzyq", "paid", "$1", "", ".", ""]


def test_a_pipe_is_answered_line_by_line_and_a_bad_line_stops_nothing(tmp_path):
    content = b"I read it.\n\xff\xfe\nShe will read it.\n"
    result = run("--json", input=content)
    assert result.exit_code == 7 and "error: stdin:2: " in result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["input"] for row in rows] == ["I read it.", "She will read it."]
    assert rows[1]["words"][2] == {"text": "read", "word": "read", "phones": "R IY1 D", "source": "context"}
    (tmp_path / "a.txt").write_bytes(content)
    assert run("--file", tmp_path / "a.txt", "--json").stdout == result.stdout
    assert run("--strict", input=content).exit_code == 2


def test_options_that_do_not_fit_are_refused(tmp_path):
    assert "--sentences: reads texts" in run("a", "--plot", tmp_path / "a.png").stderr
    result = CliRunner().invoke(main, ["predict", MODEL, "a", "--alphabet", "ipa"])
    assert result.exit_code == 2 and "--alphabet: needs --sentences" in result.stderr
    result = CliRunner().invoke(main, ["predict", "lstm_small.snips", "--sentences", "a"])
    assert result.exit_code == 2 and "writes no ARPAbet phones" in result.stderr
