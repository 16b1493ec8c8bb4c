"""One model of two languages: predictions, evaluation, records, the command line, ONNX Runtime, and a new language."""

import importlib
import json
import pickle

import pytest
from click.testing import CliRunner
from samples import document
from samples_languages import two_languages, words

import zoo
from zoo.data.languages import split_tag
from zoo.errors import InputError
from zoo.export import cache
from zoo.fitting.setup import fresh, make_trainer
from zoo.loading import load
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig

main = importlib.import_module("zoo.cli.main").main
CONFIG = TrainingConfig(epochs=8, batch_size=16, learning_rate=0.02, ema_decay=0.9, language_rows=100)


def run(*arguments, **more):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained model of two languages, as a checkpoint."""
    examples = two_languages()
    pipeline = fresh(find_task("sequence_to_sequence"), "gru", "tiny", examples, 1)
    make_trainer(pipeline, examples, examples, CONFIG).run()
    pipeline.document = document("gru_tiny.two")
    pipeline.save(path := tmp_path_factory.mktemp("languages") / "gru_tiny.two")
    return path


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))


def test_the_language_decides_the_output(folder):
    pipeline = load(folder)
    some = words()[:20]
    upper, lower = pipeline.predict(some, language="aa"), pipeline.predict(some, language="BB-xx")
    assert all(text.isupper() for text in upper) and all(text.islower() for text in lower)
    assert pipeline.predict(["<bb-XX>" + word for word in some]) == lower
    assert pipeline.with_language("aa").predict(some) == upper
    assert pipeline.predict(["ab ad"], language="aa") == ["  ".join(pipeline.predict(["ab", "ad"], language="aa"))]
    with pytest.raises(InputError, match="language 3: give a text"):
        pipeline.predict(some, language=3)
    with pytest.raises(InputError, match="language 'bb': unknown to this model: nearest: bb-XX"):
        pipeline.predict(some, language="bb")


def test_onnx_runtime_gives_the_same_outputs(folder):
    predictor, pipeline = cache.load_predictor(folder), load(folder)
    for language in ("aa", "bb-XX"):
        assert predictor.predict(words(), language=language) == pipeline.predict(words(), language=language)
    assert predictor.predict(["ab âd"], language="aa") == pipeline.predict(["ab ad"], language="aa")


def test_an_evaluation_has_the_scores_of_each_language(folder, tmp_path):
    report = zoo.evaluate(folder, two_languages())
    assert {code: size for code, (size, _) in report.languages.items()} == {"aa": 49, "bb-XX": 49}
    means = [values["wer"].value for _, values in report.languages.values()]
    assert report.values["wer"].value == pytest.approx(sum(means) / 2)
    assert set(report.to_json()["languages"]) == {"aa", "bb-XX"}
    examples = two_languages()
    table = tmp_path / "aa.csv"
    rows = [(split_tag(x)[1], y) for x, y in zip(examples.inputs, examples.targets, strict=True) if "<aa>" in x]
    table.write_text("word,phones\n" + "".join(f"{x},{y}\n" for x, y in rows))
    one = zoo.evaluate(folder, table, input="word", target="phones", language="aa")
    assert one.values["wer"].value == pytest.approx(means[0]) and not one.languages
    # Other processes get the language with the pipeline.
    sent = pickle.loads(pickle.dumps(load(folder).with_language("aa")))
    assert sent.preprocessor.language == "aa" and sent.predict(["ab"]) == one_of(folder, "ab")
    with pytest.raises(InputError, match="name one with --language"):
        zoo.evaluate(folder, table, input="word", target="phones")


def one_of(folder, word):
    return load(folder).predict([f"<aa>{word}"])


def test_commands_take_a_language(folder, tmp_path):
    result = run("predict", folder, "--language", "AA", "ab", "ád")
    assert result.exit_code == 0 and [line.split("\t")[0] for line in result.stdout.splitlines()] == ["ab", "ád"]
    assert "note: 'ád' is read as 'ad'" in result.stderr
    assert "languages     2: aa, bb-XX" in run("info", folder).stdout
    table = tmp_path / "aa.csv"
    table.write_text("word,phones\n" + "".join(f"{word},{' '.join(word.upper())}\n" for word in words()))
    columns = ("--input", "word", "--target", "phones")
    result = run("evaluate", folder, table, *columns, "--language", "aa", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["size"] == 49
    for arguments, message in (
        (("predict", folder, "ab"), "error: 'ab': this model reads 2 languages: name one with --language"),
        (
            ("predict", folder, "--language", "bb", "ab"),
            "error: --language 'bb': unknown to this model: nearest: bb-XX",
        ),
        (("predict", "rnn_small.cmudict", "--language", "de", "ab"), "error: --language 'de': this model has no lang"),
        (
            ("predict", "lstm_small.snips", "--language", "de", "ab"),
            "error: --language de: this model has no languages",
        ),
        (("evaluate", folder, table, *columns, "--language", "x1"), "error: --language 'x1': unknown to this model"),
        (("finetune", folder, table, *columns, "--output", tmp_path / "o"), "error: the model reads many languages"),
        (
            ("finetune", "gru_tiny", table, *columns, "--language", "x", "--output", tmp_path / "o"),
            "error: language 'x'",
        ),
    ):
        result = run(*arguments)
        assert result.exit_code == 2 and not result.stdout, arguments
        assert result.stderr.splitlines()[-1].startswith(message)


def test_a_new_language_is_added_and_the_others_are_kept(folder, tmp_path):
    table = tmp_path / "new.csv"
    # A third language: each letter twice, with a letter and a phone that the others lack.
    rows = {word.replace("e", "f"): " ".join(2 * c for c in word) for word in words()}
    table.write_text("word,phones\n" + "".join(f"{x},{y}\n" for x, y in rows.items()))
    output = tmp_path / "three"
    arguments = ("--input", "word", "--target", "phones", "--language", "cc", "--epochs", 2, "--output", output)
    result = run("finetune", folder, table, *arguments)
    assert result.exit_code == 0, result.output
    pipeline = load(output)
    assert pipeline.preprocessor.languages == ["aa", "bb-XX", "cc"] and pipeline.preprocessor.language == "cc"
    old = load(folder).preprocessor
    assert pipeline.preprocessor.source.symbols[: len(old.source.symbols)] == old.source.symbols
    assert pipeline.preprocessor.target.symbols[: len(old.target.symbols)] == old.target.symbols
    assert "f" in pipeline.preprocessor.alphabets["cc"] and "f" not in pipeline.preprocessor.alphabets["aa"]
    assert run("predict", output, "fab").exit_code == 0  # its own language needs no name
    assert run("predict", output, "--language", "aa", "ab").exit_code == 0
    assert json.loads((output / "record.json").read_text())["training"]["recipe"]["columns"]["language"] == "cc"
