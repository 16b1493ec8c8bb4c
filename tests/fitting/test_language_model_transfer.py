"""Fine-tuning a language model on labels: its backbone, the texts of the domain, a linear head and TF-IDF beside it."""

import dataclasses

import numpy as np
import pytest
from keras import ops
from samples import reviews

from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.fitting import baselines, few_rows, first_stages, interpolation, recipe_run, start, transfer
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.interpolation import SHARES
from zoo.fitting.start import TEXT, adapt, prepare
from zoo.loading import load
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.recipes.recipes import RECIPES
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig
from zoo.training.interruption import Interrupted

TRAINING_CONFIG = TrainingConfig(epochs=3, batch_size=16, learning_rate=0.01, ema_decay=0.5)


@pytest.fixture(scope="module", params=["lstm", "transformer"])
def base(request):
    task, architecture = find_task("language_modelling"), registry.find_backbone(request.param)
    subwords = ByteSubwords.learn(reviews().inputs, 400)
    pipeline = Pipeline(
        task.spec(architecture, "tiny", SubwordTextPreprocessor(subwords, 32), architecture.sizes["tiny"])
    )
    pipeline.document = {"name": "made", "licence": {"weights": "none", "data": "none"}}
    return pipeline


@pytest.fixture(autouse=True)
def many_rows(monkeypatch):
    """The few rows of most tests count as many, which saves three trainings each."""
    monkeypatch.setattr(few_rows, "FEW_ROWS", 0)


@pytest.fixture(scope="module")
def classifier(base):
    """A classifier of texts with the language model's backbone."""
    pipeline = transfer.for_task(base, find_task("classification"), reviews(), pretrained=True)
    pipeline.document = {"name": "made", "licence": {"weights": "none", "data": "none"}}
    return pipeline


@pytest.fixture
def short_default(monkeypatch):
    """Few rows count as few, and a short config as the default."""
    monkeypatch.setattr(few_rows, "FEW_ROWS", 500)
    monkeypatch.setattr(start, "is_default", lambda config, train: True)


@pytest.mark.parametrize("rate", [1e-12, 0.01])
@pytest.mark.parametrize("of", ["language model", "classifier"])
def test_few_rows_get_what_cross_validation_chooses(base, classifier, of, rate, short_default, monkeypatch, tmp_path):
    """With a rate of nearly 0, fine-tuning changes no prediction; of equal ways the linear head is chosen."""
    monkeypatch.setattr(first_stages, "VERY_FEW_ROWS", 0)
    monkeypatch.setattr(start, "VERY_FEW_ROWS", 0)
    lines, rows = [], []
    model = classifier if of == "classifier" else base
    config = dataclasses.replace(TRAINING_CONFIG, learning_rate=rate, ema_decay=0.0)
    callbacks = Callbacks(on_message=lines.append, on_epoch=rows.append)
    mine = fine_tune(model, reviews(), training_config=config, output=tmp_path / "mine", callbacks=callbacks)
    recipe = mine.document["training"]["recipe"]
    losses, share = recipe["few_rows"]["losses"], recipe["fine_tuned_share"]
    messages = [line for line in lines if line.startswith("cross-validation on the training rows: ")]
    assert len(messages) == 1 and f"loss {losses[0]:.4f} with a linear head" in messages[0]
    assert len(losses) == len(SHARES) and share == SHARES[losses.index(min(losses))]
    if rate == 1e-12:
        assert losses == pytest.approx([losses[0]] * len(SHARES), abs=1e-6)
    curve = mine.document["training"]["curve"]
    assert [row["epoch"] for row in curve] == ([1, 2, 3] if share else [0])
    assert load(tmp_path / "mine").predict(reviews().inputs[:5]) == mine.predict(reviews().inputs[:5])


def test_interpolated_weights_lie_on_the_line_between_start_and_end(classifier):
    pipeline = Pipeline(classifier.spec)
    first = {path: np.zeros_like(value) for path, value in pipeline.tensors().items()}
    last = {path: np.full_like(value, 2) for path, value in first.items()}
    for share in SHARES:
        interpolation.interpolate(pipeline, first, last, share)
        assert all((value == 2 * share).all() for value in pipeline.tensors().values())


@pytest.mark.parametrize("nearest", [0, 1])
def test_the_validation_loss_chooses_between_linear_head_and_fine_tuned_weights(classifier, nearest):
    """Start and end predict opposite labels; the validation labels are those of one of them."""
    pipeline, rows, messages = Pipeline(classifier.spec), reviews(), []
    transfer.start_from(classifier, pipeline, rows, 0)
    ends = (
        pipeline.tensors(),
        {path: -value if path.startswith("head/") else value for path, value in pipeline.tensors().items()},
    )
    pipeline.assign(ends[nearest], "made")
    validation = dataclasses.replace(rows, targets=pipeline.predict(rows.inputs))
    pipeline.assign(ends[1], "made")
    share = interpolation.choose(pipeline, ends[0], validation, None, messages.append)
    assert abs(share - nearest) < 0.5
    assert pipeline.predict(rows.inputs) == validation.targets
    assert messages[0].startswith("validation loss: ") and len(messages) == 1


def test_the_chosen_share_is_told_in_words():
    assert (
        interpolation.describe(0.0, 0.5) == "linear head" and interpolation.describe(1.0, 0.5) == "fine-tuned weights"
    )
    assert interpolation.describe(0.25, 0.5) == "weights between them, 25% of the way (0.5000)"


@pytest.mark.parametrize("of", ["language model", "classifier"])
def test_very_few_rows_get_a_linear_head_in_seconds_unless_training_is_asked_for(base, classifier, of, monkeypatch):
    monkeypatch.setattr(few_rows, "FEW_ROWS", 500)
    lines = []
    callbacks = Callbacks(on_message=lines.append)
    model = classifier if of == "classifier" else base
    mine = fine_tune(model, reviews(), training_config={"seed": 3}, ngrams=False, callbacks=callbacks)
    assert any(
        "from made, a linear head on frozen features, because there are fewer than 200" in line for line in lines
    )
    recipe = mine.document["training"]["recipe"]
    assert recipe["few_rows"] == {"losses": []} and recipe["fine_tuned_share"] == 0
    assert mine.document["training"]["steps"] == 0
    asked = fine_tune(model, reviews(), epochs=1, ngrams=False)
    recipe = asked.document["training"]["recipe"]
    assert "few_rows" not in recipe and recipe["fine_tuned_share"] in SHARES
    assert asked.document["training"]["steps"] > 0


def test_a_linear_head_leaves_the_classifier_that_it_starts_from_as_it_is(classifier, monkeypatch):
    monkeypatch.setattr(few_rows, "FEW_ROWS", 500)
    before = classifier.tensors()
    other = Examples(reviews().inputs, [label.upper() for label in reviews().targets], reviews().locations)
    mine = fine_tune(classifier, other, ngrams=False)
    assert all(np.array_equal(value, before[path]) for path, value in classifier.tensors().items())
    backbone = [variable.path for variable in mine.model.backbone.weights]
    assert all(np.array_equal(mine.tensors()[path], before[path]) for path in backbone)
    assert set(mine.predict(other.inputs)) <= set(other.targets)
    right = np.mean([a == b for a, b in zip(mine.predict(other.inputs), other.targets, strict=True)])
    assert right > max(other.targets.count(label) for label in other.targets) / len(other)


def test_a_recipe_starts_from_a_language_model(base, monkeypatch, tmp_path):
    name, seen, rows = "transformer_small.imdb_reviews", [], reviews()
    monkeypatch.setitem(RECIPES, name, dataclasses.replace(RECIPES[name], architecture=base.spec.architecture))
    monkeypatch.setattr(recipe_run, "load", {"transformer_small.english": base}.get)
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: rows)
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: rows)

    def make(pipeline, *rest):
        seen.append(pipeline)
        raise InputError("enough")

    monkeypatch.setattr(recipe_run, "make_trainer", make)
    with pytest.raises(InputError, match="enough"):
        recipe_run.train(name, tmp_path / "out", tmp_path / "runs", settings=["dropout=0.3"])
    (pipeline,) = seen
    assert pipeline.spec.config["dropout"] == 0.3 and pipeline.spec.task == "classification"
    known, found = base.tensors(), pipeline.tensors()
    for variable in pipeline.model.backbone.weights:
        np.testing.assert_array_equal(found[variable.path], known[variable.path])
    with pytest.raises(InputError, match="hidden_dim=8.*: expected FIELD=VALUE"):
        recipe_run.train(name, tmp_path / "out", tmp_path / "runs", settings=["hidden_dim=8"])


def test_a_recipe_adds_a_linear_model_on_ngrams(base, monkeypatch, tmp_path):
    name, rows = "transformer_small.imdb_reviews", reviews()
    assert RECIPES[name].ngrams
    recipe = dataclasses.replace(
        RECIPES[name], architecture=base.spec.architecture, training_config=dataclasses.replace(TEXT, epochs=1)
    )
    monkeypatch.setattr(recipe_run, "load", {"transformer_small.english": base}.get)
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: rows)
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: rows)
    lines = []
    callbacks = Callbacks(on_message=lines.append)
    with_them = recipe_run._train(name, recipe, tmp_path / "out", tmp_path / "state", False, callbacks, "")
    assert any(line.startswith("n-grams: a linear model on them is added") for line in lines)
    assert "ngrams/kernel" in with_them.tensors()
    assert load(tmp_path / "out").predict(rows.inputs) == with_them.predict(rows.inputs)


def test_one_row_per_label_needs_no_cross_validation(base, monkeypatch):
    texts = [f"word {i}" for i in range(6)]
    examples = Examples(texts, [f"l{i}" for i in range(6)], [f"x:{i}" for i in range(6)])
    pipeline = transfer.for_task(base, find_task("classification"), examples, pretrained=True)
    monkeypatch.setattr(few_rows, "FEW_ROWS", 500)
    assert not few_rows.has_few_rows(pipeline, examples)
    assert few_rows.has_few_rows(pipeline, reviews())


def test_the_classifier_starts_from_the_backbone_and_reads_what_the_language_model_read(base):
    start = prepare(base, reviews(), Columns())
    assert start.pipeline.spec.task == "classification" and start.language_model is base
    known = base.tensors()
    kept = [path for path, value in start.pipeline.tensors().items() if path in known and path not in start.new]
    assert len(kept) == len(base.model.backbone.weights)
    text = reviews().inputs[0]
    ids = start.pipeline.preprocessor.encode_input(text)
    assert ids == [SEPARATOR, *base.preprocessor.encode_input(text)]
    np.testing.assert_allclose(start.pipeline.embed([text]), base.embed([text]), atol=1e-5)
    fresh = prepare(base, reviews(), Columns(), pretrained=False)
    assert fresh.language_model is None and fresh.base is None


def test_a_linear_head_is_logistic_regression_on_the_features(base):
    examples = reviews()
    pipeline = transfer.for_task(base, find_task("classification"), examples, pretrained=True)
    transfer.fit_linear_head(pipeline, examples, seed=1)
    probabilities = pipeline.predict(examples.inputs, probabilities=True)
    features = pipeline.embed(examples.inputs)
    head = pipeline.model.head
    logits = features @ np.asarray(ops.convert_to_numpy(head.kernel)) + np.asarray(ops.convert_to_numpy(head.bias))
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose([row["praise"] for row in probabilities], expected, atol=1e-4)
    # Logistic regression with a penalty leaves the mean of its probabilities at the share of the labels.
    assert np.mean(expected) == pytest.approx(examples.targets.count("praise") / len(examples), abs=1e-3)
    assert np.std(expected) > 0.01, "all texts look alike"


@pytest.mark.parametrize("labels", [2, 3])
def test_a_linear_head_knows_labels_by_their_place(base, labels):
    texts = [f"{'abc'[i % labels] * 3} word {i}" for i in range(30)]
    examples = Examples(texts, [f"l{i % labels}" for i in range(30)], [f"x:{i}" for i in range(30)])
    pipeline = transfer.for_task(base, find_task("classification"), examples, pretrained=True)
    transfer.fit_linear_head(pipeline, examples, seed=1)
    right = sum(
        prediction == label for prediction, label in zip(pipeline.predict(texts), examples.targets, strict=True)
    )
    assert right > 24


def test_fine_tuning_reads_the_domain_first_and_tells_what_tfidf_gets(base, tmp_path):
    lines, rows = [], []
    more = ["a lovely old house in town."] * 3
    mine = fine_tune(
        base,
        reviews(),
        training_config=TRAINING_CONFIG,
        unlabelled=more,
        output=tmp_path / "mine",
        callbacks=Callbacks(on_message=lines.append, on_epoch=rows.append),
    )
    assert any(line.startswith("language model: reads 101 texts") for line in lines), lines
    assert "nats" in rows[0] and "error" in rows[-1]
    again = load(tmp_path / "mine")
    assert again.predict(reviews().inputs[:4]) == mine.predict(reviews().inputs[:4])
    assert again.spec.task == "classification" and not (tmp_path / "mine.unfinished").exists()
    # The base is as it was.
    assert base.spec.task == "language_modelling"
    further = adapt(mine, [reviews()])
    assert further.preprocessor.tokenizer == base.preprocessor.tokenizer


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["domain", "labels"])
def test_an_interrupted_run_goes_on_in_its_stage(base, tmp_path, stage, monkeypatch):
    whole = fine_tune(base, reviews(), training_config=TRAINING_CONFIG, output=tmp_path / "whole")
    last = {"domain": "nats", "labels": "error"}[stage]

    def stop(row):
        if last in row:
            raise Interrupted("stopped", 2)

    with pytest.raises(Interrupted):
        fine_tune(
            base,
            reviews(),
            training_config=TRAINING_CONFIG,
            output=tmp_path / "again",
            callbacks=Callbacks(on_epoch=stop),
        )
    with pytest.raises(InputError, match="--resume"):
        fine_tune(base, reviews(), training_config=TRAINING_CONFIG, output=tmp_path / "again")
    resumed = fine_tune(base, reviews(), training_config=TRAINING_CONFIG, output=tmp_path / "again", resume=True)
    for path, value in whole.tensors().items():
        np.testing.assert_allclose(value, resumed.tensors()[path], atol=1e-6, err_msg=path)


def test_tagging_starts_from_a_language_model(base):
    rows = Examples(["play the river", "go to town"] * 12, ["O B-x I-x", "O O B-x"] * 12, [f"x:{i}" for i in range(24)])
    texts = [f"{text} {i}" for i, text in enumerate(rows.inputs)]
    rows = Examples(texts, [f"{tags} O" for tags in rows.targets], rows.locations)
    start = prepare(base, rows, Columns(), task="tagging")
    ids, last = start.pipeline.preprocessor.encode_input("play the river 0")
    assert ids == [SEPARATOR, *base.preprocessor.encode_input("play the river 0")]
    words = [start.pipeline.preprocessor.tokenizer.decode([ids[place]]) for place in last]
    assert all(["play", "the", "river", "0"][i].endswith(word) for i, word in enumerate(words))
    assert start.pipeline.model.lookahead and last[-1] == len(ids) - 1


def test_other_tasks_are_refused(base):
    with pytest.raises(InputError, match="does not start from a language model"):
        prepare(base, reviews(), Columns(), task="sequence_to_sequence")
    with pytest.raises(InputError, match="no features of a whole input"):
        load("gru_small.snips").embed(["play"])


def test_unlabelled_texts_are_read_or_refused(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("one\ntwo\n", encoding="utf-8")
    assert transfer.read_unlabelled(file) == ["one", "two"] and transfer.read_unlabelled(None) == []
    file.write_bytes("naïve".encode("latin-1"))
    for bad, match in ((file, "UTF-8"), (tmp_path / "none.txt", "no such file"), ([""], "at least one")):
        with pytest.raises(InputError, match=match):
            transfer.read_unlabelled(bad)


def test_tfidf_learns_the_words():
    examples = reviews()
    model = baselines.tfidf(examples.inputs[:80], examples.targets[:80])
    assert np.mean(model.predict(examples.inputs[80:]) == np.array(examples.targets[80:])) > 0.9


def test_language_models_have_the_staged_config_and_fields_of_it_may_change(base):
    assert prepare(base, reviews(), Columns()).training_config.layer_lr_decay == TEXT.layer_lr_decay
    changed = prepare(base, reviews(), Columns(), training_config={"learning_rate": 0.5, "seed": 7}).training_config
    assert (changed.learning_rate, changed.seed, changed.schedule) == (0.5, 7, TEXT.schedule)
    with pytest.raises(InputError, match="no field rate"):
        prepare(base, reviews(), Columns(), training_config={"rate": 0.5})


def test_unlabelled_texts_need_a_language_model():
    with pytest.raises(InputError, match="only a language model reads"):
        fine_tune("tcn_tiny", reviews(), unlabelled=["a town"], epochs=1)
