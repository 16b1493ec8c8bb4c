"""Tags a word and one label per sentence: preprocessing, every family, training, spans."""

import dataclasses
import itertools

import numpy as np
import pytest
from keras import ops

from zoo.data.examples import Examples
from zoo.errors import InputError, WeightsError
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.setup import fresh
from zoo.metrics.labels import tagging_metrics
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.tags import TagPreprocessor, spans, to_iob2, viterbi_decode
from zoo.tasks import find_task
from zoo.tasks.tagging import _inputs
from zoo.training.config import TrainingConfig

TAGGING = find_task("tagging")
CITIES, ARTISTS = ["oslo", "rome", "paris", "lima"], ["abba", "queen", "björk", "moby"]


def commands(count: int = 90, labels: bool = True) -> Examples:
    """Made-up commands: weather in a city, or music by an artist of one or two words."""
    generator = np.random.default_rng(0)
    inputs, targets = [], []
    for i in range(count):
        if i % 2:
            inputs.append(f"will it rain in {generator.choice(CITIES)} on day {i}")
            targets.append("O O O O B-city O O O" + ("\tweather" if labels else ""))
        else:
            inputs.append(f"play the {generator.choice(ARTISTS)} band number {i}")
            targets.append("O O B-artist I-artist O O" + ("\tmusic" if labels else ""))
    return Examples(inputs, targets, [f"made:{i + 1}" for i in range(count)])


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("family", registry.ARCHITECTURES)
def test_neither_neighbours_nor_padding_change_an_answer(family, labels):
    pipeline = fresh(TAGGING, family, "tiny", commands(labels=labels), seed=1)
    texts = ["play abba", "will it rain in a city nobody has ever heard of on any day", "rome"]
    together = pipeline.predict(texts)
    assert [pipeline.predict([text])[0] for text in texts] == together
    for text, answer in zip(texts, together, strict=True):
        tags, _, label = answer.partition("\t")
        assert len(tags.split()) == len(text.split())
        assert (label in ("music", "weather")) is labels


def test_with_lookahead_a_word_is_its_last_subword_and_the_next_word():
    """The tag of a word depends on its own end and on the next word, and on nothing after that."""
    preprocessor = dataclasses.replace(TAGGING.fit(commands(), registry.find_backbone("gru")), lookahead=True)
    ids, last = preprocessor.encode_input("play unheardofword abba")
    assert len(last) == 3 and last[0] == 0 and last[1] > 1 and last[2] == len(ids) - 1
    assert TagPreprocessor.from_json(preprocessor.to_json()) == preprocessor
    architecture = registry.find_backbone("transformer")
    config = {**architecture.sizes["tiny"], "causal": True}
    pipeline = Pipeline(TAGGING.spec(architecture, "tiny", preprocessor, config))

    def outputs(text):
        row = preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model(_inputs([row], len(row[0]), 1))["tags"])[0, : len(row[1])]

    long = outputs("play the abba band")
    for changed, same in (("play the abba rome", 2), ("play the oslo band", 1)):
        other = outputs(changed)
        np.testing.assert_allclose(other[:same], long[:same], atol=1e-5)
        assert np.abs(other[same] - long[same]).max() > 1e-4
    texts = ["play abba", "will it rain in a city nobody has ever heard of on any day", "rome"]
    assert [pipeline.predict([text])[0] for text in texts] == pipeline.predict(texts)
    rows = [preprocessor.encode_input(text) for text in texts]
    together = ops.convert_to_numpy(pipeline.model(_inputs(rows, 40, 4))["tags"])
    for i, text in enumerate(texts):
        np.testing.assert_allclose(together[i, : len(text.split())], outputs(text), atol=1e-5)


def test_training_learns_the_slots(tmp_path):
    training_config = TrainingConfig(epochs=25, batch_size=8, learning_rate=0.02, ema_decay=0.9)
    mine = fine_tune("lstm_tiny", commands(), task="tagging", training_config=training_config, output=tmp_path / "mine")
    values = mine.document["metrics"][0]["values"]
    assert values["slot_f1"]["value"] > 0.8 and values["intent_accuracy"]["value"] > 0.8
    (answer,) = mine.predict(["play the queen band number 7"])
    assert answer == "O O B-artist I-artist O O\tmusic"


def test_a_row_with_too_few_tags_is_named():
    pipeline = fresh(TAGGING, "gru", "tiny", commands(), seed=1)
    wrong = Examples(["play abba"], ["O\tmusic"], ["f.csv:7"])
    with pytest.raises(InputError, match=r"f\.csv:7: 2 words and 1 tags"):
        TAGGING.batches(pipeline.preprocessor, wrong, TrainingConfig())
    with pytest.raises(InputError, match="tag 'B-x' is unknown"):
        TAGGING.batches(pipeline.preprocessor, Examples(["a"], ["B-x\tmusic"], ["f:1"]), TrainingConfig())
    with pytest.raises(InputError, match="label '' is unknown"):
        TAGGING.batches(pipeline.preprocessor, Examples(["a"], ["O"], ["f:1"]), TrainingConfig())


def test_each_word_is_read_at_its_first_subword():
    preprocessor = TAGGING.fit(commands(), registry.find_backbone("gru"))
    ids, first = preprocessor.encode_input("play unheardofword abba")
    assert first[0] == 0 and first == sorted(first) and len(first) == 3 and first[2] == len(ids) - 1
    again = TagPreprocessor.from_json(preprocessor.to_json())
    assert again.encode_input("rome") == preprocessor.encode_input("rome")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-a I-a O", {("a", 1, 2)}),
        ("B-a B-a I-a", {("a", 0, 0), ("a", 1, 2)}),
        ("I-a I-a O I-b", {("a", 0, 1), ("b", 3, 3)}),
        ("B-a I-b", {("a", 0, 0), ("b", 1, 1)}),
        ("O O", set()),
        ("B-a-c I-a-c", {("a-c", 0, 1)}),
        ("NN VB O NN", {("NN", 0, 0), ("VB", 1, 1), ("NN", 3, 3)}),
    ],
)
def test_spans_of_bio_tags(tags, expected):
    assert spans(tags.split()) == expected


def test_the_likeliest_tags_are_the_best_of_all_that_are_allowed():
    tags = ["O", "I-a", "B-b", "B-a", "I-b", "NN"]
    generator = np.random.default_rng(0)
    for words in (1, 2, 3, 4):
        allowed = [
            path
            for path in itertools.product(range(len(tags)), repeat=words)
            if to_iob2([tags[i] for i in path]) == [tags[i] for i in path]
        ]
        for _ in range(20):
            likely = generator.normal(size=(words, len(tags)))
            best = max(allowed, key=lambda path: sum(likely[word, tag] for word, tag in enumerate(path)))
            assert viterbi_decode(likely, tags) == list(best)


def test_a_span_that_nothing_begins_is_learned_as_one_that_is_begun():
    examples = Examples(["to san jose", "from rome"], ["O I-city I-city", "O I-city"], ["f:1", "f:2"])
    preprocessor = TAGGING.fit(examples, registry.find_backbone("gru"))
    assert preprocessor.tags == ("B-city", "I-city", "O")
    assert preprocessor.encode_target("O I-city I-city") == ([2, 0, 1], 0)
    assert tagging_metrics(["O B-city I-city"], ["O I-city I-city"])["sentence_accuracy"].value == 1
    with pytest.raises(WeightsError, match="expected B-city beside I-city"):
        TagPreprocessor.from_json({**preprocessor.to_json(), "tags": ["I-city", "O"]})


def test_metrics_count_spans_and_whole_sentences():
    rows = ["B-a I-a O\tx", "B-a O O\ty", "O O\tx"]
    right = ["B-a I-a O\tx", "B-a I-a O\tx", "O O\tx"]
    result = tagging_metrics(rows, right)
    assert result["slot_f1"].value == pytest.approx(2 * 1 / (2 + 2))
    assert result["intent_accuracy"].value == pytest.approx(2 / 3)
    assert result["sentence_accuracy"].value == pytest.approx(2 / 3)
    nothing = tagging_metrics(["O"], ["O"])
    assert nothing["slot_f1"].value == 0 and nothing["sentence_accuracy"].value == 1
