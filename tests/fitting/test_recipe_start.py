"""Recipes that start from a checkpoint."""

import dataclasses

import numpy as np
import pytest
from spelling import spelled, untrained

from zoo.errors import InputError
from zoo.fitting import recipe_run
from zoo.recipes.recipes import RECIPES

NAME = "lstm_small.cmudict_extended"


@pytest.fixture
def base(monkeypatch):
    """A small model that recipes start from, with more words than it was made of."""
    few, more = spelled(), spelled(60)
    made = untrained(few)
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: more)
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: few)
    monkeypatch.setattr(recipe_run, "load", lambda name: made)
    monkeypatch.setattr(recipe_run, "measure", lambda folder, recipe: None)
    return made


def test_training_starts_from_the_weights_and_the_architecture_of_the_checkpoint(base, monkeypatch, tmp_path):
    recipe = RECIPES[NAME]
    still = dataclasses.replace(recipe.training_config, epochs=1, learning_rate=0.0)
    monkeypatch.setitem(RECIPES, NAME, dataclasses.replace(recipe, training_config=still))
    seen = {}
    save = recipe_run.Pipeline.save

    def keep(pipeline, folder, **options):
        seen.update(tensors=pipeline.tensors(), config=pipeline.spec.config, record=pipeline.document)
        return save(pipeline, folder, **options)

    monkeypatch.setattr(recipe_run.Pipeline, "save", keep)
    recipe_run.train(NAME, tmp_path / "out", tmp_path / "runs")
    assert seen["config"] == base.spec.config
    for path, value in base.tensors().items():
        np.testing.assert_array_equal(seen["tensors"][path], value, err_msg=path)
    assert seen["record"]["training"]["recipe"]["start"] == "lstm_small.cmudict"
    assert seen["record"]["data"]["name"] == "cmudict/extended"


def test_only_the_training_config_can_be_changed(tmp_path):
    with pytest.raises(InputError, match="'dropout=0': expected FIELD=VALUE, a field being one of augment"):
        recipe_run.train(NAME, tmp_path / "out", tmp_path / "runs", settings=["dropout=0"])
    with pytest.raises(InputError, match="epochs = 0"):
        recipe_run.train(NAME, tmp_path / "out", tmp_path / "runs", settings=["epochs=0"])
