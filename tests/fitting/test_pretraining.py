"""Language models of subwords: the vocabulary, the shards, the windows, the sampled softmax and the scores."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from zoo import datasets
from zoo.data.examples import Examples
from zoo.data.token_shards import open_shards, write_shards
from zoo.errors import InputError, WeightsError
from zoo.evaluation.measure import evaluate
from zoo.fitting import pretraining, recipe_run
from zoo.fitting.fine_tuning import fine_tune
from zoo.inference.generation import generate
from zoo.loading import load
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.recipes.recipe import Corpus
from zoo.recipes.recipes import RECIPES
from zoo.tasks import find_preprocessor, find_task
from zoo.training.windows import Windows

WORDS = "the river flows through an old town and its people walk along the water in the evening".split()  # noqa: SIM905
TASK = find_task("language_modelling")


def corpus(count=60):
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(WORDS, generator.integers(8, 30))).capitalize() + "." for _ in range(count)]


@pytest.fixture(scope="module")
def subwords():
    return ByteSubwords.learn(corpus(), 300)


@pytest.fixture(scope="module", params=["lstm", "tcn", "transformer"])
def writer(request, subwords):
    return model(request.param, subwords)


def model(family, subwords, context=16):
    architecture = registry.find_backbone(family)
    fields = {**architecture.sizes["tiny"], **({"embedding_dim": 16} if family == "tcn" else {})}
    return Pipeline(TASK.spec(architecture, "tiny", SubwordTextPreprocessor(subwords, context), fields))


@settings(deadline=None, max_examples=200)
@given(text=st.text(min_size=1))
def test_the_ids_of_any_text_give_it_back(subwords, text):
    import unicodedata

    normal = unicodedata.normalize("NFC", text)
    ids = subwords.encode_batch([text])[0]
    assert all(2 <= number < subwords.size for number in ids)
    assert subwords.decode(ids) == (normal[1:] if normal.startswith(" ") else normal)


def test_a_word_has_the_same_ids_wherever_it_stands(subwords):
    alone, first, later = subwords.encode_batch(["river", "river town", "old river"])
    assert first[: len(alone)] == alone == later[-len(alone) :]


def test_merges_are_checked(subwords):
    assert ByteSubwords.from_json(subwords.to_json(), "x") == subwords
    for merges in (["a"], ["a b c"], [3], ["no such"], ["a "]):
        with pytest.raises(WeightsError, match="x.merges"):
            ByteSubwords.from_json({"merges": merges}, "x")


def test_shards_are_read_as_they_were_written(subwords, tmp_path):
    made = write_shards(tmp_path, {"train": corpus(), "validation": corpus(3)}, subwords, SEPARATOR)
    result = open_shards(tmp_path)
    assert result == made
    ids = result.split("validation")
    expected = [number for row in subwords.encode_batch(corpus(3)) for number in (SEPARATOR, *row)]
    assert ids.dtype == np.uint16 and ids.tolist() == expected
    assert write_shards(tmp_path / "b", {"train": corpus(59)}, subwords, SEPARATOR).fingerprint != made.fingerprint
    np.save(tmp_path / "train.npy", ids)
    with pytest.raises(InputError, match="not the shard of its manifest"):
        result.split("train")
    with pytest.raises(InputError, match="no split 'test'"):
        result.split("test")
    (tmp_path / "shards.json").write_text("{")
    with pytest.raises(InputError, match="not a manifest"):
        open_shards(tmp_path)


def windows(sampled=0, seed=1, ids=None, tokens=4_000):
    ids = np.random.default_rng(0).zipf(1.3, 6_000).clip(2, 299).astype("uint16") if ids is None else ids
    return Windows(ids, 300, 16, SEPARATOR, 4, epochs=3, tokens=tokens, seed=seed, sampled=sampled)


def test_each_window_is_read_once_and_a_resumed_epoch_goes_on_where_it_stopped():
    ids = np.arange(6_000).astype("uint16")
    batches = [batch for epoch in range(3) for batch in windows(ids=ids).epoch(epoch)]
    targets = np.concatenate([batch[1] for batch in batches])
    assert len(np.unique(targets)) == targets.size, "a token was read twice"
    assert targets.size == 3 * windows(ids=ids).per_epoch * 4 * 16 <= 4_000
    for inputs, target, weights in batches:
        assert (inputs["tokens"][:, 0] == SEPARATOR).all() and (weights == 1).all()
        np.testing.assert_array_equal(inputs["tokens"][:, 1:], target[:, :-1])
    again = list(windows(ids=ids).epoch(1, start=2))
    np.testing.assert_array_equal(again[0][1], batches[windows(ids=ids).per_epoch + 2][1])
    with pytest.raises(ValueError, match="less than a batch"):
        windows(tokens=100)


def test_candidates_hold_every_target_and_their_rates_are_their_frequencies():
    batches = windows(sampled=120)
    seen, rates, count = np.zeros(300), np.zeros(300), 0
    for seed in range(60):
        batches.seed = seed
        for epoch in range(3):
            for inputs, targets, _ in batches.epoch(epoch):
                candidates = inputs["candidates"]
                assert len(candidates) == 120 and (np.diff(candidates) > 0).all()
                plain = candidates[targets]
                np.testing.assert_array_equal(plain[:, :-1], inputs["tokens"][:, 1:])
                seen[candidates] += 1
                rates[candidates] += np.exp(inputs["log_rates"])
                count += 1
    # The frequent ones are always there. Of the others the mean rate is the share of batches that hold them.
    frequent = np.zeros(300, bool)
    frequent[batches.frequent] = True
    assert (seen[frequent] == count).all()
    stated = rates[~frequent].sum() / seen[~frequent].sum()
    assert stated == pytest.approx(seen[~frequent].mean() / count, rel=0.1)


def test_a_tied_layer_is_the_embedding_in_numpy(writer):
    tokens = np.array([[1, 5, 9, 7]], "int32")
    hidden = ops.convert_to_numpy(writer.model.backbone({"tokens": tokens}))
    tensors = writer.tensors()
    table = next(value for path, value in tensors.items() if path.endswith("embed/embeddings"))
    bias = np.arange(len(table), dtype="float32") / 100
    writer.model.head.bias.assign(bias)
    assert sum(value.shape == table.shape for value in tensors.values()) == 1, "the table stands twice in the weights"
    logits = ops.convert_to_numpy(writer.model({"tokens": tokens}))
    np.testing.assert_allclose(logits, hidden @ table.T + bias, atol=1e-5)
    chosen, rates = np.array([3, 8, 200], "int32"), np.log([0.5, 1.0, 0.25]).astype("float32")
    some = writer.model({"tokens": tokens, "candidates": chosen, "log_rates": rates})
    np.testing.assert_allclose(ops.convert_to_numpy(some), logits[..., chosen] - rates, atol=1e-5)


def test_texts_are_scored_as_numpy_scores_them(writer):
    texts = corpus(5)
    nats, size, words = 0.0, 0, 0
    for text in texts:
        ids = writer.preprocessor.encode_input(text)
        if len(ids) > 16:  # longer than a window: scored in several
            text, ids = writer.preprocessor.decode(ids[:16]), ids[:16]
        logits = ops.convert_to_numpy(writer.model({"tokens": np.concatenate([[SEPARATOR], ids[:-1]])[None]}))[0]
        logits = logits.astype("float64")
        nats += (np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(ids)), ids]).sum()
        size, words = size + len(text.encode()), words + len(text.split())
    short = [writer.preprocessor.decode(writer.preprocessor.encode_input(text)[:16]) for text in texts]
    result = evaluate(writer, Examples(short, [""] * 5, ["x"] * 5)).values
    assert result["bits_per_byte"].value == pytest.approx(nats / math.log(2) / size, rel=1e-5)
    assert result["word_perplexity"].value == pytest.approx(math.exp(nats / words), rel=1e-4)
    assert result["bits_per_byte"].low <= result["bits_per_byte"].value <= result["bits_per_byte"].high
    # A text whose words are counted by its source is scored by that number.
    scaled = evaluate(writer, Examples(short, ["20"] * 5, ["x"] * 5)).values["word_perplexity"].value
    assert scaled == pytest.approx(math.exp(nats / 100), rel=1e-4)


def test_units_count_what_the_text_has(subwords):
    preprocessor = SubwordTextPreprocessor(subwords, 16)
    for text in (*corpus(10), "naïve  café\n\n“two”\tthree", "猫", " x"):
        units = preprocessor.units(preprocessor.encode_input(text))
        read = preprocessor.decode(preprocessor.encode_input(text))
        assert units["bytes"].sum() == len(read.encode())
        assert units["words"].sum() == len(text.split())


def test_parts_of_a_character_wait_for_its_rest(subwords):
    preprocessor = SubwordTextPreprocessor(subwords, 16)
    ids = preprocessor.encode_input("a 猫 river")
    parts = list(preprocessor.decode_parts([ids[i : i + 1] for i in range(len(ids))], begins=True))
    assert "".join(parts) == "a 猫 river" and len(parts) == len(ids)
    ended = [ids[:2], np.array([SEPARATOR, *ids[2:]]), ids]
    assert "".join(preprocessor.decode_parts(ended, begins=True)) == preprocessor.decode(ids[:2])


def test_generation_continues_a_prompt_and_repeats_with_its_seed(writer):
    one = generate(writer, "The river", 40, seed=3)
    assert one == generate(writer, "The river", 40, seed=3) and isinstance(one, str)


@pytest.mark.parametrize("sampled", [0, 120])
def test_a_recipe_trains_on_shards_and_a_resumed_run_ends_alike(monkeypatch, tmp_path, sampled):
    rows = {"train": corpus(400), "validation": corpus(20), "test": corpus(10)}
    monkeypatch.setattr(
        datasets, "load", lambda name, split: Examples(rows[split], [""] * len(rows[split]), ["x"] * len(rows[split]))
    )
    recipe = RECIPES["lstm_small.english"]
    recipe = dataclasses.replace(
        recipe,
        size="tiny",
        config={},
        evaluate=(("english", "test"),),
        training_config=dataclasses.replace(recipe.training_config, epochs=2, batch_size=4, learning_rate=0.02),
        corpus=Corpus(tokens=4_000, vocab_size=300, context=16, sampled=sampled),
    )
    monkeypatch.setitem(RECIPES, "lstm_small.english", recipe)
    whole = recipe_run.train("lstm_small.english", tmp_path / "whole", tmp_path / "runs_a")
    assert whole.document["metrics"][0]["values"]["bits_per_byte"]["value"] < 8
    curve = [row["nats"] for row in whole.document["training"]["curve"]]
    assert curve[-1] < math.log(300) - 1, "training does not lower the full softmax's loss"

    result = pretraining.shards(recipe, tmp_path / "runs_b" / "shards")
    _, trainer = pretraining.setup(recipe, result, tmp_path / "runs_b" / "lstm_small.english", "")
    stopped = trainer.fit

    def stop(*arguments):
        if trainer.step == trainer.train.per_epoch + 2:
            trainer.save()
            raise KeyboardInterrupt
        return stopped(*arguments)

    trainer.fit = stop
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    resumed = recipe_run.train("lstm_small.english", tmp_path / "resumed", tmp_path / "runs_b", resume=True)
    for path, value in whole.tensors().items():
        np.testing.assert_array_equal(value, resumed.tensors()[path], err_msg=path)
    again = load(tmp_path / "resumed")
    assert again.document["data"]["fingerprint"] == whole.document["data"]["fingerprint"]
    state = again.spec.preprocessor
    assert find_preprocessor("language_modelling", state) == again.preprocessor


@pytest.fixture(scope="module")
def own_shards(subwords, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "shards"
    texts = corpus(90)
    parts = {"train": texts[:70], "validation": texts[70:80], "test": texts[80:]}
    return write_shards(folder, parts, subwords, SEPARATOR)


def test_a_language_model_is_trained_further_on_shards(subwords, own_shards, tmp_path):
    base = model("lstm", subwords)
    config = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01}
    before = {path: np.array(value) for path, value in base.tensors().items()}
    mine = fine_tune(base, own_shards.folder, training_config=config, output=tmp_path / "mine")
    curve = mine.document["training"]["curve"]
    assert len(curve) == 2 and curve[1]["nats"] < curve[0]["nats"] < math.log(subwords.size)
    assert mine.document["data"]["splits"] == own_shards.tokens
    assert mine.document["metrics"][0]["size"] == 10 and not (tmp_path / "mine.unfinished").exists()
    assert load(tmp_path / "mine").predict(["the river"]) == mine.predict(["the river"])
    assert all(np.array_equal(before[path], value) for path, value in base.tensors().items())
    again = fine_tune(base, own_shards.folder, training_config=config)
    assert [row["nats"] for row in again.document["training"]["curve"]] == [row["nats"] for row in curve]


def test_shards_that_do_not_fit_are_refused(subwords, own_shards, tmp_path):
    base, folder = model("lstm", subwords), own_shards.folder
    for options, problem in (
        ({"input": "text"}, "have no columns"),
        ({"test": ["a"]}, "have no columns"),
        ({"training_config": {"lora_rank": 2}}, "lora_rank: not for token shards"),
        ({"training_config": {"batch_size": 10_000}}, "less than a batch per epoch"),
    ):
        with pytest.raises(InputError, match=problem):
            fine_tune(base, folder, **options)
    with pytest.raises(InputError, match="no language model of subwords"):
        fine_tune("gru_small.cmudict", folder)
    others = ByteSubwords.learn(["an other text of other words"], 280)
    with pytest.raises(InputError, match="encoded with other subwords"):
        fine_tune(model("lstm", others), folder)
