"""Models that say what comes next: scores against plain NumPy, causality, crops, preprocessors, bad input."""

import itertools
import json
import math

import numpy as np
import pytest
from keras import ops
from samples import tunes, verses

from zoo.data.examples import Examples
from zoo.errors import InputError, WeightsError
from zoo.evaluation.measure import evaluate
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.setup import fresh, make_trainer
from zoo.metrics.intervals import mean_per_step
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.characters import CharacterPreprocessor
from zoo.preprocessing.music import MusicPreprocessor
from zoo.recipes.recipes import RECIPES
from zoo.tasks import find_preprocessor, find_task
from zoo.tasks.language_modelling import spans
from zoo.training.batching import Crops
from zoo.training.config import TrainingConfig
from zoo.training.losses import KeysCrossentropy

MUSIC, CHARACTERS = find_task("music_modelling"), find_task("language_modelling")
TRAINING_CONFIG = TrainingConfig(
    epochs=12, batch_size=4, learning_rate=0.02, ema_decay=0.9, label_smoothing=0.0, clip_norm=5.0
)
TEXT = "la la la la\nhey hey hey hey\nfa fa fa fa\n"


@pytest.fixture(scope="module", params=registry.ARCHITECTURES)
def composer(request):
    return fresh(MUSIC, request.param, "tiny", tunes(), seed=1)


@pytest.fixture(scope="module", params=registry.ARCHITECTURES)
def writer(request):
    return short_sighted(request.param)


def short_sighted(family, context=8):
    """A model of characters whose windows are short, so that a small text has many."""
    examples = verses()
    task = find_task("language_modelling")
    architecture = task.architecture(family)
    preprocessor = CharacterPreprocessor.fit(examples.inputs, context)
    return Pipeline(task.spec(architecture, "tiny", preprocessor, architecture.sizes["tiny"]))


def logits(pipeline, name, value):
    return ops.convert_to_numpy(pipeline.model({name: value[None]}))[0].astype("float64")


def test_music_is_scored_as_numpy_scores_it(composer):
    pieces = tunes().inputs
    nats, frames = 0.0, 0
    for piece in pieces:
        z = logits(composer, "features", piece[:-1].astype("float32"))
        sounds = 1 / (1 + np.exp(-z))
        nats -= np.log(np.where(piece[1:] == 1, sounds, 1 - sounds)).sum()
        frames += len(piece) - 1
    result = evaluate(composer, tunes())
    assert result.values["nll"].value == pytest.approx(nats / frames, rel=1e-5)
    assert result.values["nll"].low < nats / frames < result.values["nll"].high


def test_training_lowers_the_mean_over_real_frames(composer):
    batches = MUSIC.batches(composer.preprocessor, tunes(), TrainingConfig(batch_size=16)).epoch(0)
    for inputs, answers, weights in batches:
        output = composer.model(inputs)
        lowered = ops.convert_to_numpy(KeysCrossentropy()(answers, output, sample_weight=weights))
        sounds = 1 / (1 + np.exp(-ops.convert_to_numpy(output).astype("float64")))
        nats = -np.log(np.where(answers == 1, sounds, 1 - sounds)).sum(-1)
        assert 0 < weights.sum() < weights.size, "no padding: the test shows nothing"
        assert lowered == pytest.approx((nats * weights).sum() / weights.sum(), rel=1e-5)


def test_neither_padding_nor_company_changes_a_score(composer):
    pieces = tunes().inputs
    together = [answer["nats"] for answer in composer.predict_raw(pieces)]
    assert [composer.predict_raw([piece], batch_size=1)[0]["nats"] for piece in pieces] == pytest.approx(
        together, rel=1e-5
    )
    assert [answer["nats"] for answer in composer.predict_raw(pieces[::-1])][::-1] == pytest.approx(together, rel=1e-5)


def test_characters_are_scored_as_numpy_scores_them(writer):
    """One character at a time, each with what its window shows of the text before it."""
    context = writer.preprocessor.context
    ids = [*writer.preprocessor.encode_input(TEXT)]
    nats = []
    for place, right in enumerate(ids):
        # The first window that has at least half of its length before the character.
        start = next(s for s in itertools.count(0, context // 2) if place < s + context)
        z = logits(writer, "tokens", np.array([0, *ids[start:place]]))[-1]
        nats.append(math.log(np.exp(z).sum()) - z[right - 1])
        assert place < context or context // 2 <= place - start < context
    result = evaluate(writer, Examples([TEXT], [""], ["made:1"])).values
    assert result["nats"].value == pytest.approx(np.mean(nats), rel=1e-5)
    assert result["bpc"].value == pytest.approx(np.mean(nats) / math.log(2), rel=1e-5)
    (answer,) = writer.predict_raw([TEXT])
    assert sum(answer["characters"]) == len(TEXT)
    both = writer.predict_raw(["hey", TEXT], batch_size=2)
    assert both[1]["nats"] == pytest.approx(answer["nats"], rel=1e-5)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 12, 13, 16, 40])
@pytest.mark.parametrize("context", [2, 3, 8])
def test_every_character_counts_once(length, context):
    counted = [i for start, first in spans(length, context) for i in range(start + first, min(length, start + context))]
    assert counted == list(range(length))


def test_no_character_or_frame_is_seen_before_its_time(composer, writer):
    ids = writer.preprocessor.encode_input("hey la fa doo")
    changed = ids.copy()
    changed[8] = ids[8] % (writer.preprocessor.size - 1) + 1
    before, after = (logits(writer, "tokens", x) for x in (ids, changed))
    np.testing.assert_allclose(before[:8], after[:8], atol=1e-5)
    assert np.abs(before[8:] - after[8:]).max() > 1e-4
    roll = tunes().inputs[0].astype("float32")
    other = roll.copy()
    other[4, 3] = 1
    before, after = (logits(composer, "features", x) for x in (roll, other))
    np.testing.assert_allclose(before[:4], after[:4], atol=1e-5)
    assert np.abs(before[4:] - after[4:]).max() > 1e-4


def test_predictions_are_the_likeliest(composer, writer):
    piece = [[51, 63], [51, 65], [51, 67]]
    (notes,) = composer.predict([piece])
    (likely,) = composer.predict([piece], probabilities=True)
    assert notes == sorted(int(note) for note, share in likely.items() if share > 0.5)
    assert len(likely) == 88 and list(likely.values()) == sorted(likely.values(), reverse=True)
    assert composer.predict([json.dumps(piece)]) == [notes]
    letters = writer.predict(["he", "la la la la la la la la"])
    shares = writer.predict(["he"], probabilities=True)[0]
    assert next(iter(shares)) == letters[0] and sum(shares.values()) == pytest.approx(1, abs=1e-5)
    json.dumps([notes, likely, shares, composer.predict_raw([piece]), writer.predict_raw(["he"])])


@pytest.mark.parametrize("task", ["music_modelling", "language_modelling"])
def test_training_learns_what_comes_next(task):
    examples = tunes() if task == "music_modelling" else verses(3_000)
    pipeline = fresh(find_task(task), "gru", "tiny", examples, seed=1)
    before = evaluate(pipeline, examples).values
    trainer = make_trainer(pipeline, examples, examples, TRAINING_CONFIG)
    trainer.run()
    name = pipeline.task.monitor
    after = evaluate(pipeline, examples).values[name]
    assert after.value == pytest.approx(min(row[name] for row in trainer.curve), rel=1e-4)
    assert after.high < 0.5 * before[name].value


def test_fine_tuning_keeps_known_characters_and_adds_new_ones():
    base = short_sighted("gru")
    mine = fine_tune(
        base,
        Examples([f"oh {i} la" for i in range(9)], [""] * 9, list("abcdefghi")),
        training_config=TrainingConfig(epochs=1),
    )
    known = base.preprocessor.symbols
    assert mine.preprocessor.symbols[: len(known)] == known and "8" in mine.preprocessor.symbols
    grown = find_task("language_modelling").transfer_weights(base, mine)
    assert {path: value.shape for path, value in grown.items()} == {p: v.shape for p, v in mine.tensors().items()}
    np.testing.assert_array_equal(grown["head/kernel"][:, : len(known)], base.tensors()["head/kernel"])


def test_crops_are_a_function_of_seed_and_epoch():
    texts = [np.arange(100), np.arange(1000, 1007), np.arange(2000, 2050)]

    def cut(seed=1, epoch=0, start=0):
        crops = Crops([len(text) for text in texts], 10, lambda chosen: chosen, 4, seed)
        return [batch.tolist() for batch in crops.epoch(epoch, start)], crops

    batches, crops = cut()
    assert len(batches) == crops.per_epoch == math.ceil(157 / 40)
    assert cut()[0] == batches and cut(start=2)[0] == batches[2:]
    assert cut(epoch=1)[0] != batches and cut(seed=2)[0] != batches
    for row, offset in (crop for epoch in range(50) for batch in cut(epoch=epoch)[0] for crop in batch):
        assert 0 <= offset <= max(0, len(texts[row]) - 10)


def test_a_crop_begins_with_nothing_known_and_short_texts_are_padded():
    examples = Examples(["abcdefgh" * 50, "cab"], ["", ""], ["a:1", "a:2"])
    preprocessor = CharacterPreprocessor.fit(examples.inputs, 16)
    batches = CHARACTERS.batches(preprocessor, examples, TrainingConfig(batch_size=64))
    inputs, answers, weights = next(batches.epoch(0))
    assert inputs["tokens"].shape == answers.shape == weights.shape == (64, 16)
    assert not inputs["tokens"][:, 0].any()
    for row in range(64):
        real = int(weights[row].sum())
        assert real in (3, 16)
        text = preprocessor.decode(answers[row, :real] + 1)
        assert text in examples.inputs[0] or text == "cab"
        assert (inputs["tokens"][row, 1:real] == answers[row, : real - 1] + 1).all()


def test_only_causal_models_say_what_comes_next():
    for task, examples in ((MUSIC, tunes()), (CHARACTERS, verses())):
        with pytest.raises(WeightsError, match="needs a causal gru: set bidirectional=false"):
            fresh(task, "gru", "tiny", examples, 1, bidirectional=True)
        with pytest.raises(WeightsError, match="needs a causal transformer: set causal=true"):
            fresh(task, "transformer", "tiny", examples, 1, causal=False)


def test_preprocessors_come_back_from_json():
    characters = CharacterPreprocessor.fit(["ab\n", "ä"], 8)
    again = find_preprocessor("language_modelling", json.loads(json.dumps(characters.to_json())))
    assert again == characters and again.decode(again.encode_input("bä\na")) == "bä\na"
    music = find_preprocessor("music_modelling", json.loads(json.dumps(MusicPreprocessor().to_json())))
    piece = [[21, 60], [], [108]]
    assert music.decode(music.encode_input(piece)) == piece


@pytest.mark.parametrize(
    ("task", "state"),
    [
        ("language_modelling", {"symbols": ["a", "a"], "context": 8}),
        ("language_modelling", {"symbols": ["ab"], "context": 8}),
        ("language_modelling", {"symbols": [], "context": 8}),
        ("language_modelling", {"symbols": ["a", 1], "context": 8}),
        ("language_modelling", {"symbols": ["a"], "context": 1}),
        ("language_modelling", {"symbols": ["a"], "context": 10**9}),
        ("language_modelling", {"symbols": ["a"], "context": True}),
        ("language_modelling", {"symbols": [["a"]], "context": 8}),
        ("music_modelling", {"keys": 88, "lowest": 20}),
        ("music_modelling", {"keys": 10**9, "lowest": 21}),
        ("music_modelling", {}),
    ],
)
def test_a_damaged_state_is_refused(task, state):
    with pytest.raises(WeightsError, match="here"):
        find_preprocessor(task, state, "here")


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ([], "empty"),
        ([[60], 62], "a list of frames"),
        ([[60.5]], "'60.5' is not a MIDI note"),
        ([[60], [20]], "frame 2: '20' is not a MIDI note"),
        ([[True]], "'True' is not"),
        ("[[60], [62]", "not JSON"),
        ('{"a": 1}', "a list of frames"),
        (np.zeros((4, 87)), r"shape \(4, 87\)"),
        (np.full((4, 88), 0.5), "zeros and ones"),
    ],
)
def test_what_is_no_piece_is_refused(piece, message):
    with pytest.raises(InputError, match=message):
        MusicPreprocessor().encode_input(piece)


def test_bad_texts_are_named_by_their_place():
    pipeline = short_sighted("gru")
    with pytest.raises(InputError, match="character 3, 'X', is unknown to this model; it knows: "):
        pipeline.predict(["haX"])
    with pytest.raises(InputError, match="the text is empty"):
        pipeline.predict([""])
    with pytest.raises(InputError, match="f:2: character 1, 'Q'"):
        evaluate(pipeline, Examples(["hey", "Q"], ["", ""], ["f:1", "f:2"]))
    with pytest.raises(InputError, match="f:1: 1 steps, too few"):
        MUSIC.batches(MusicPreprocessor(), Examples([[[60]]], [""], ["f:1"]), TrainingConfig())
    with pytest.raises(InputError, match="beam_size: unknown: language_modelling has probabilities"):
        evaluate(pipeline, Examples(["hey"], [""], ["f:1"]), beam_size=3)
    with pytest.raises(InputError, match="no steps"):
        mean_per_step([], [])


def test_recipes_name_models_that_can_be_built():
    sizes = {}
    for name, recipe in RECIPES.items():
        task = {"jsb_chorales": MUSIC, "nottingham": MUSIC, "tiny_shakespeare": CHARACTERS}.get(recipe.dataset)
        if task:
            preprocessor = (
                MusicPreprocessor() if task is MUSIC else CharacterPreprocessor(tuple(map(chr, range(65))), 256)
            )
            architecture = task.architecture(recipe.architecture)
            fields = {**architecture.sizes[recipe.size], **recipe.config}
            spec = task.spec(architecture, recipe.size, preprocessor, fields)
            assert architecture.config_from(spec.config).causal
            sizes.setdefault(recipe.dataset, []).append(name)
    assert {dataset: len(names) for dataset, names in sizes.items()} == {
        "jsb_chorales": 10,  # with the linear recurrences
        "nottingham": 7,
        "tiny_shakespeare": 7,
    }
