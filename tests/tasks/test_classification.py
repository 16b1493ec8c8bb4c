"""Texts to labels: preprocessing, every family, fine-tuning on a file, the command."""

import importlib
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from samples import reviews

import zoo
from zoo.analysis.plotting import attention_page
from zoo.data.examples import Examples
from zoo.data.splits import split
from zoo.errors import InputError
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.setup import fresh
from zoo.metrics.labels import calibration, classification_metrics
from zoo.models import registry
from zoo.preprocessing.subwords import Subwords
from zoo.preprocessing.text import TextPreprocessor, split_sentences
from zoo.tasks import find_task
from zoo.tasks.classification import attention
from zoo.tasks.infer import infer_task
from zoo.training.config import TrainingConfig

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
CLASSIFICATION = find_task("classification")
FAMILIES = (*registry.ARCHITECTURES, *registry.DOCUMENT)


def untrained(family: str):
    return fresh(CLASSIFICATION, family, "tiny", reviews(), seed=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_neither_neighbours_nor_padding_change_a_prediction(family):
    pipeline = untrained(family)
    texts = ["A good film.", "An awful story of people. And a sad house. The end.", "old town"]
    together = pipeline.predict(texts, probabilities=True)
    for text, likely in zip(texts, together, strict=True):
        assert sum(likely.values()) == pytest.approx(1, abs=1e-5)
        (alone,) = pipeline.predict([text], probabilities=True)
        assert alone == pytest.approx(likely, abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_gets_a_gradient(family):
    pipeline = untrained(family)
    inputs, answers, weights = next(
        iter(CLASSIFICATION.batches(pipeline.preprocessor, reviews(), TrainingConfig(batch_size=16)).epoch(0))
    )
    before = [keras.ops.convert_to_numpy(v) for v in pipeline.model.trainable_variables]
    pipeline.model.compile(optimizer=keras.optimizers.SGD(1.0), loss="sparse_categorical_crossentropy")
    pipeline.model.train_on_batch(inputs, answers, sample_weight=weights)
    for old, variable in zip(before, pipeline.model.trainable_variables, strict=True):
        assert not np.array_equal(old, keras.ops.convert_to_numpy(variable)), variable.path


@pytest.mark.slow
def test_fine_tuning_learns_what_the_words_say(tmp_path):
    lines = []
    training_config = TrainingConfig(epochs=20, batch_size=8, learning_rate=0.01, ema_decay=0.9)
    mine = fine_tune(
        "gru_tiny",
        reviews(),
        training_config=training_config,
        output=tmp_path / "mine",
        callbacks=Callbacks(on_message=lines.append),
    )
    (result,) = mine.document["metrics"]
    assert result["values"]["accuracy"]["value"] > 0.9
    assert lines[0] == "task: classification, 2 labels: blame, praise"
    assert lines[1] == "rows: train 98, validation 10, test 12"
    again = zoo.load(tmp_path / "mine")
    texts = ["a lovely film", "a dreadful film"]
    assert again.predict(texts) == mine.predict(texts)
    (baseline,) = again.document["published"]
    assert baseline["values"]["accuracy"] == 0.5

    other = Examples(["good day", "bad day", "so so"] * 20, ["a", "b", "c"] * 20, [f"x:{i}" for i in range(60)])
    other = Examples([f"{text} {i}" for i, text in enumerate(other.inputs)], other.targets, other.locations)
    third = fine_tune(again, other, training_config=TrainingConfig(epochs=1, batch_size=8))
    assert third.preprocessor.labels == ("a", "b", "c")
    assert third.preprocessor.tokenizer == again.preprocessor.tokenizer
    assert third.document["training"]["recipe"]["base"] == "mine"


def test_the_command_goes_from_a_csv_to_predictions(tmp_path):
    file = tmp_path / "reviews.csv"
    rows = zip(reviews().inputs, reviews().targets, strict=True)
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    folder = str(tmp_path / "mine")
    run = CliRunner().invoke
    result = run(
        main,
        [
            "finetune",
            "tcn_tiny",
            str(file),
            "--input",
            "text",
            "--target",
            "label",
            "--output",
            folder,
            "--epochs",
            "1",
        ],
    )
    assert result.exit_code == 0, result.output
    assert "always 'blame', the most frequent label" in result.output or "always 'praise'" in result.output
    result = run(main, ["predict", folder, "a lovely film", "--json"])
    answer = json.loads(result.stdout)
    assert set(answer["output"]) == {"praise", "blame"}
    result = run(main, ["evaluate", folder, str(file), "--input", "text", "--target", "label", "--json"])
    assert json.loads(result.stdout)["size"] == 120
    arguments = ["--input", "text", "--target", "label", "--report", str(tmp_path / "page")]
    assert run(main, ["evaluate", folder, str(file), *arguments]).exit_code == 0
    page = (tmp_path / "page" / "index.html").read_text("utf-8")
    for part in ("Confusion", "Expected calibration error", "Training", "Mistakes", "data:image/png"):
        assert part in page
    assert "http" not in page, "the page must need nothing from elsewhere"
    result = run(main, ["predict", folder, "a film", "--beam", "3"])
    assert result.exit_code == 2 and "beam_size" in result.output


def test_one_label_is_refused_and_an_unknown_one_is_named():
    one = Examples(["a b", "c d", "e f", "g h"], ["x"] * 4, ["f:1", "f:2", "f:3", "f:4"])
    with pytest.raises(InputError, match="only one label"):
        fine_tune("gru_tiny", one, task="classification")
    with pytest.raises(InputError, match=r"f:9: label 'y' is unknown"):
        CLASSIFICATION.batches(untrained("gru").preprocessor, Examples(["a"], ["y"], ["f:9"]), TrainingConfig())


def test_the_task_is_told_from_the_targets():
    assert infer_task(reviews()) == "classification"
    words = [f"w{i}" for i in range(50)]
    assert infer_task(Examples(words, [" ".join(word) for word in words], words)) == "sequence_to_sequence"


def test_each_part_has_its_share_of_every_label():
    examples = Examples([f"t{i}" for i in range(100)], ["rare"] * 10 + ["usual"] * 90, [""] * 100)
    rest, held = split(examples, 0.2, 1, stratify=True)
    assert sorted(held.targets) == ["rare"] * 2 + ["usual"] * 18
    assert not set(rest.inputs) & set(held.inputs)


def test_of_a_long_text_both_ends_are_read_and_the_user_is_told():
    subwords = Subwords.learn(["one two three four five"] * 3, 200)
    short = TextPreprocessor(subwords, ("a", "b"), 3)
    assert short.tokens(short.encode_input("one two three four five")) == ["one ", "four ", "five "]
    assert short.tokens(short.encode_input("one two three")) == ["one ", "two ", "three "]
    long = Examples(["one", "one two three four"], ["a", "b"], ["", ""])
    (line,) = CLASSIFICATION.warnings(short, long)
    assert line == "1 of 2 texts are longer than 3 subwords: only the first 1 and the last 2 are read"
    (line,) = CLASSIFICATION.warnings(TextPreprocessor(subwords, ("a", "b"), 3, 2), long)
    assert line == "1 of 2 texts are longer than 3 subwords: only the first 3 are read"
    skewed = Examples(["one", "One", "two", "three"], ["a", "a", "a", "b"], [""] * 4)
    shares, skewed_shares = CLASSIFICATION.warnings(TextPreprocessor(subwords, ("a", "b"), 5), skewed)
    assert shares.startswith("labels are skewed, 'a' in 75.0 % of the rows, 'b' in 25.0 %")
    assert skewed_shares.startswith("1 of 4 texts are duplicates")
    assert TextPreprocessor.from_json(json.loads(json.dumps(short.to_json()))) == short
    nested = TextPreprocessor(subwords, ("a", "b"), 5, 2)
    assert [len(row) for row in nested.encode_input("one two three. four! five")] == [2, 2, 1]
    with pytest.raises(InputError, match="no word"):
        short.encode_input("   ")


@pytest.mark.parametrize("words", [False, True])
def test_the_same_texts_give_the_same_tokenizer(words):
    texts = [*reviews().inputs, "Ties: ab ab cd cd ef ef gh gh ij ij, 3.5 € (twice) twice; naïve naïve 東京 東京!"]
    first = Subwords.learn(texts, 400, words)
    assert all(Subwords.learn(texts, 400, words) == first for _ in range(5))


def test_sentences_end_at_their_marks_and_at_line_ends():
    assert split_sentences("One. Two? Three!\n\nFour<br />Five 3.5 m") == [
        "One.",
        "Two?",
        "Three!",
        "Four",
        "Five 3.5 m",
    ]


def test_macro_f1_weighs_labels_alike():
    result = classification_metrics(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    assert result["accuracy"].value == 0.75 and result["error"].value == 0.25
    assert result["macro_f1"].value == pytest.approx((0.8 + 2 / 3) / 2)
    assert result["macro_f1"].low <= result["macro_f1"].value <= result["macro_f1"].high


def test_calibration_is_the_distance_between_being_sure_and_being_right():
    error, bins = calibration(np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False]))
    assert error == pytest.approx((2 * 0.05 + 2 * 0.05) / 4)
    assert [(b.size, b.accuracy) for b in bins] == [(2, 0.5), (2, 1.0)]
    assert calibration(np.array([1.0]), np.array([True]))[0] == 0


def test_the_hierarchy_shows_what_it_attended_to(tmp_path):
    pipeline = untrained("hierarchical_attention_network")
    read = attention(pipeline, "A good <film>. An awful story of people!")
    assert len(read) == 2
    assert sum(weight for weight, _ in read) == pytest.approx(1, abs=1e-5)
    for _, words in read:
        assert sum(share for _, share in words) == pytest.approx(1, abs=1e-5)
    assert "".join(word for word, _ in read[0][1]).startswith("a good ")
    attention_page(read, "praise & blame", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "praise &amp; blame" in page and page.count("<tr>") == 2 and "<film>" not in page
    with pytest.raises(InputError, match="gru has no attention"):
        attention(untrained("gru"), "A good film.")


def test_balanced_labels_weigh_alike():
    preprocessor = untrained("gru").preprocessor
    rows = Examples([f"a {i}" for i in range(8)], ["praise"] * 6 + ["blame"] * 2, [""] * 8)
    for class_balanced, expected in ((True, [4.0, 4.0]), (False, [2.0, 6.0])):
        ((_, answers, weights),) = CLASSIFICATION.batches(
            preprocessor, rows, TrainingConfig(batch_size=16, class_balanced=class_balanced)
        ).epoch(0)
        assert np.bincount(answers, weights=weights).tolist() == pytest.approx(expected)
