"""Film reviews of any length: a dataset joined from others, and how its texts are read."""

import dataclasses

import pytest

from zoo import datasets
from zoo.data.examples import Examples
from zoo.datasets import inputs


def test_a_joined_dataset_has_the_rows_of_its_parts_under_its_own_labels(monkeypatch):
    made = {
        "one": Examples(["it 's dull ."], ["neg"], ["one/train:1"]),
        "two": Examples(["fine", "a film , at last"], ["positive", "negative"], ["two/train:1", "two/train:2"]),
    }
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name, split: made[name] if name in made else load(name, split))
    whole = dataclasses.replace(
        datasets.DATASETS["film_reviews"], parts={"train": (("one", "train"), ("two", "train"))}
    )
    monkeypatch.setitem(datasets.DATASETS, "film_reviews", whole)
    joined = load("film_reviews", "train")
    assert joined.inputs == ["it's dull.", "fine", "a film, at last"]
    assert joined.targets == ["negative", "positive", "negative"]
    assert joined.locations == ["one/train:1", "two/train:1", "two/train:2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I saw it. What a waste of two hours!", "What a waste of two hours!"),
        ("Long enough to be a sentence.<br /><br />Bad.", "Long enough to be a sentence."),
        ("Short.", "Short."),
        ("a" * 400, "a" * 300),
    ],
)
def test_the_last_sentence_of_a_review(text, expected):
    assert inputs.last_sentence(text) == expected


def test_tokenized_texts_get_the_spaces_that_people_write():
    assert inputs.natural_spaces("it is n't -lrb- too -rrb- long , is it ? ") == "it isn't (too) long, is it?"
