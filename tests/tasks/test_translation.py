"""Translation: raw text in and out, scores, fine-tuning, ONNX Runtime, and what is refused."""

import csv
import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from samples import captions

import zoo
from zoo.analysis import plotting
from zoo.data.columns import Columns
from zoo.errors import InputError, WeightsError
from zoo.export import folder as folders
from zoo.fitting import start
from zoo.preprocessing.byte_subwords import ByteSubwords
from zoo.preprocessing.symbols import END, PAD, START
from zoo.preprocessing.translation import SentenceTokenizer, TranslationPreprocessor
from zoo.tasks import find_task
from zoo.tasks.infer import infer_task
from zoo.training.config import TrainingConfig

main = importlib.import_module("zoo.cli.main").main
QUICK = TrainingConfig(epochs=12, batch_size=32, learning_rate=1e-2, ema_decay=0.9, label_smoothing=0.0)
TASK = find_task("translation")


def run(*arguments, code=0):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, (arguments, result.output, result.exception)
    return result


def table(path: Path, examples) -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("en", "de"), *zip(examples.inputs, examples.targets, strict=True)])
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model, trained until it translates."""
    folder = tmp_path_factory.mktemp("models") / "captions"
    zoo.fine_tune("transformer_tiny", captions(), task="translation", training_config=QUICK, output=folder)
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))


SUBWORDS = ByteSubwords.learn([*captions(50).inputs, *captions(50).targets, *["Straße, süß"] * 3], 700)
PREPROCESSOR = TranslationPreprocessor(SentenceTokenizer(SUBWORDS), 30, 30)


@pytest.mark.parametrize("text", ["Der Hund, «Rex», läuft!", "a  b\tc", "5 % of 猫", "’s", "x" * 25])
def test_decoding_gives_the_same_text(text):
    ids = PREPROCESSOR.encode_target(text)
    assert ids[0] == START and ids[-1] == END and not {PAD, START, END} & set(ids[1:-1])
    assert max(ids) < PREPROCESSOR.target.size
    assert PREPROCESSOR.target.decode([*ids[1:], *ids]) == text  # nothing after the end
    assert len(PREPROCESSOR.source.split(f" {text} ")) == len(ids) - 2
    assert PREPROCESSOR.encode_input(text) == ids[1:]


def test_a_preprocessor_is_its_json():
    state = json.loads(json.dumps(PREPROCESSOR.to_json()))
    assert TranslationPreprocessor.from_json(state) == PREPROCESSOR
    for change, words in (
        ({"max_source": 0}, "max_source: expected 1 to"),
        ({"max_target": "9"}, "max_target: expected int"),
        ({"tokenizer": {"merges": ["a b c"]}}, "tokenizer.merges"),
        ({"other": 1}, "expected an object"),
    ):
        with pytest.raises(WeightsError, match=words):
            TranslationPreprocessor.from_json({**state, **change}, "spec.preprocessor")


def test_characters_of_another_script_are_noted():
    assert PREPROCESSOR.note("Der Hund süß.") is None
    assert PREPROCESSOR.note("Der 猫.") == (
        "'猫': not in the model's vocabulary: read byte by byte, and hardly translated"
    )
    assert TASK.unknown_share(PREPROCESSOR, ["猫猫"]) > 0.5 > TASK.unknown_share(PREPROCESSOR, ["Der Hund"]) == 0


def test_the_vocabulary_is_joint_and_bounded():
    examples = captions(50)
    architecture = TASK.architecture("tcn")
    preprocessor = TASK.fit(examples, architecture)
    assert preprocessor.source is preprocessor.target
    assert (preprocessor.max_source, preprocessor.max_target) == (64, 64)
    assert preprocessor.source.size <= 8_000 and len(preprocessor.encode_input("The man sees a red dog.")) == 8
    fields = TASK.fields(preprocessor, architecture)
    assert fields["source_vocab_size"] == fields["target_vocab_size"] == preprocessor.source.size
    assert fields["max_source"] == fields["max_target"] == 65
    assert TASK.prefers(architecture) == {"tie_embeddings": True}


def test_texts_are_never_taken_for_a_translation_unless_the_user_says_so():
    assert infer_task(captions(30)) == "sequence_to_sequence"
    examples = dataclasses.replace(captions(30), targets=captions(30).inputs)
    assert TASK.warnings(PREPROCESSOR, examples) == ["30 of 30 sentences are their own translation: check the columns"]


def test_validation_scores_a_fixed_sample():
    cases = TASK.cases(captions(600))
    chosen = TASK.validation_cases(cases)
    assert len(chosen) == 500 and chosen.inputs == TASK.validation_cases(cases).inputs
    few = TASK.cases(captions(20))
    assert TASK.validation_cases(few) is few


def test_a_model_learns_to_translate(folder, tmp_path):
    model = zoo.load(folder)
    assert model.predict("The dog likes a grey bird.") == ["Der Hund mag einen grauen Vogel."]
    values = {name: metric["value"] for name, metric in model.document["metrics"][0]["values"].items()}
    assert values["bleu"] > 80 and values["bleu_error"] == pytest.approx(100 - values["bleu"])
    assert set(model.document["metrics"][0]["signatures"]) == {"bleu", "chrf", "bleu_lowercase"}
    assert len(model.document["golden"]["logits"][0]) <= 256
    assert model.predict("The dog likes a grey bird.", beam_size=1) == ["Der Hund mag einen grauen Vogel."]
    assert model.model.config.tie_embeddings
    read, written, weights = model.alignment("The dog likes a grey bird.")
    assert (read[1], written[1], written[-1]) == (" dog", " Hund", "</s>")
    assert weights.shape == (len(written), len(read))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_onnx_runtime_and_the_exported_program_answer_alike(folder, tmp_path):
    inputs = captions(6).inputs
    expected = zoo.load(folder).predict(inputs)
    answers = run("predict", str(folder), *inputs, "--backend", "onnx", "--json").stdout.splitlines()
    assert [json.loads(line)["output"] for line in answers] == expected
    folders.export(folder, tmp_path / "out")
    command = [sys.executable, str(tmp_path / "out" / "runner.py"), *inputs]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    greedy = zoo.load(folder).predict(inputs, beam_size=1)
    assert done.stdout.splitlines() == [f"{a}\t{b}" for a, b in zip(inputs, greedy, strict=True)]
    long = subprocess.run([*command[:2], "x y " * 100], capture_output=True, text=True)
    assert long.returncode == 1 and "subwords: give 1 to 64" in long.stderr.strip().splitlines()[-1]


def test_a_picture_of_the_alignment(folder, tmp_path):
    picture = tmp_path / "alignment.png"
    run("predict", str(folder), "The dog likes a grey bird.", "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_any_subword_can_be_a_label_of_the_picture(tmp_path):
    labels = [" $a$", "\x06", "$x_{$"]  # formulae and control characters, which bytes can spell
    plotting.alignment(labels, labels, np.full((3, 3), 1 / 3), tmp_path / "alignment.png")
    assert (tmp_path / "alignment.png").stat().st_size > 1_000


def test_evaluation_of_a_table_prints_scores_and_signatures(folder, tmp_path):
    file = table(tmp_path / "pairs.csv", captions(40))
    columns = ["--input", "en", "--target", "de"]
    found = json.loads(run("evaluate", str(folder), file, *columns, "--json").stdout)
    assert found["signatures"]["bleu"].startswith("nrefs:1|case:mixed")
    assert found["values"]["chrf"]["low"] <= found["values"]["chrf"]["value"]
    shown = run("evaluate", str(folder), file, *columns, "--against", str(folder)).stdout
    assert "BLEU: nrefs:1|" in shown and "chrF: nrefs:1|" in shown and "on the same inputs: BLEU +0 (+0 to +0)" in shown
    result = run("evaluate", str(folder), file, *columns, "--report", str(tmp_path / "page"), code=2)
    assert "translation has no answers that are right or wrong" in result.output


def test_fine_tuning_keeps_the_vocabulary(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(start, "FROM_SCRATCH", dataclasses.replace(QUICK, epochs=1, min_steps=0))
    file = table(tmp_path / "pairs.csv", captions(60))
    output = tmp_path / "mine"
    run("finetune", str(folder), file, "--input", "en", "--target", "de", "--output", str(output))
    mine, base = zoo.load(output), zoo.load(folder)
    assert mine.preprocessor == base.preprocessor and mine.spec.task == "translation"
    assert mine.document["metrics"][0]["values"]["bleu"]["value"] > 60  # started from what the base knew
    assert any(not np.array_equal(value, base.tensors()[path]) for path, value in mine.tensors().items())


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "the text is empty: give a sentence"),
        ("  ", "the text is empty: give a sentence"),
        (
            "The dog sees " * 170,
            "'The dog sees The dog sees The dog see...' has 510 subwords, this model reads at most 64: give one"
            " sentence at a time",
        ),
    ],
    ids=["empty", "spaces", "500 words"],
)
def test_inputs_that_cannot_be_read_are_one_line(folder, text, words):
    result = run("predict", str(folder), text, code=2)
    assert result.stderr.strip().splitlines() == [f"error: {words}"]


def test_another_script_is_answered_with_a_note(folder):
    result = run("predict", str(folder), "猫が好き")
    assert result.stderr.startswith("note: '猫が好き': not in the model's vocabulary") and "猫が好き\t" in result.stdout


@pytest.mark.parametrize(
    "content, columns, words",
    [
        ("en,de\nThe man.,Der Mann.\nThe dog.,\n", ("en", "de"), "pairs.csv:3: column 'de' is empty"),
        ("en,de\nThe man.,Der Mann.\n", ("en", "en"), "column 'en': named as input and as target: name two columns"),
        (
            "en,de\n" + "".join(f"{x}が好き,{x}\n" for x in "猫犬鳥魚馬牛羊虎象熊狼猿"),
            ("en", "de"),
            "which knows the language or the script of other texts",
        ),
    ],
    ids=["one side empty", "the same column", "another script"],
)
def test_tables_that_cannot_be_used_are_one_line(folder, tmp_path, content, columns, words):
    (tmp_path / "pairs.csv").write_text(content, "utf-8")
    names = ["--input", columns[0], "--target", columns[1]]
    for command in (["evaluate", str(folder)], ["finetune", str(folder)]):
        more = ["--output", str(tmp_path / "mine")] if command[0] == "finetune" else []
        result = run(*command, str(tmp_path / "pairs.csv"), *names, *more, code=2)
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
        assert words in line, line
    assert not (tmp_path / "mine").exists()


def test_the_beam_and_the_columns_are_checked(folder):
    result = run("predict", str(folder), "The dog.", "--beam", "0", code=2)
    assert "beam size 0: give 1 to" in result.stderr
    with pytest.raises(InputError, match="name two columns"):
        Columns("en", "en")
