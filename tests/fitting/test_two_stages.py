"""Recipes of two stages: the second starts from the weights of the first, and a run goes on in its stage."""

import dataclasses

import numpy as np
import pytest
from spelling import spelled

from zoo.backends import cluster
from zoo.errors import InputError
from zoo.fitting import recipe_run
from zoo.fitting.callbacks import Callbacks
from zoo.recipes.recipes import RECIPES
from zoo.training.config import TrainingConfig

NAME = "gru_small.cmudict"


@pytest.fixture
def recipe(monkeypatch):
    """A small recipe of two stages; its second stage has twice the rows."""
    few = spelled()
    rows = {"cmudict": few, "cmudict/extended": few.select([*range(len(few)), *range(len(few))])}
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: rows[recipe.dataset])
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: few)
    monkeypatch.setattr(recipe_run, "measure", lambda folder, recipe: recipe_run.load(folder))
    config = TrainingConfig(epochs=2, batch_size=8)
    first = dataclasses.replace(RECIPES[NAME].first, size="tiny", training_config=config)
    made = dataclasses.replace(first, dataset="cmudict/extended", first=first)
    monkeypatch.setitem(RECIPES, NAME, made)
    return made


def stop_after(epochs: int) -> Callbacks:
    """Returns callbacks that interrupt the run after so many epochs of both stages."""
    seen = []

    def on_epoch(row):
        seen.append(row)
        if len(seen) == epochs:
            raise KeyboardInterrupt

    return Callbacks(on_epoch=on_epoch)


def test_the_second_stage_starts_from_the_weights_of_the_first(recipe, monkeypatch, tmp_path):
    still = dataclasses.replace(recipe, training_config=dataclasses.replace(recipe.training_config, learning_rate=0.0))
    monkeypatch.setitem(RECIPES, NAME, still)
    result = recipe_run.train(NAME, tmp_path / "out", tmp_path / "runs")
    before = recipe_run.load(tmp_path / "runs" / NAME / "first")
    for path, value in before.tensors().items():
        np.testing.assert_allclose(result.tensors()[path], value, rtol=2e-3, atol=1e-6, err_msg=path)
    assert result.document["data"]["name"] == "cmudict/extended"
    assert result.document["training"]["recipe"]["first"]["dataset"] == "cmudict"
    assert before.document["training"]["steps"] * 2 == result.document["training"]["steps"]


def test_a_run_goes_on_in_the_stage_that_was_interrupted(recipe, tmp_path):
    whole = recipe_run.train(NAME, tmp_path / "whole", tmp_path / "a")
    for epochs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            recipe_run.train(NAME, tmp_path / "out", tmp_path / "b", epochs > 1, stop_after(epochs))
        with pytest.raises(InputError, match="has an unfinished run: go on with --resume"):
            recipe_run.train(NAME, tmp_path / "out", tmp_path / "b")
    resumed = recipe_run.train(NAME, tmp_path / "out", tmp_path / "b", resume=True)
    for path, value in whole.tensors().items():
        np.testing.assert_array_equal(value, resumed.tensors()[path], err_msg=path)


def test_a_changed_field_of_the_architecture_holds_for_both_stages():
    recipe = RECIPES[NAME].changed(["dropout=0", "epochs=3"], ["dropout"])
    assert recipe.config["dropout"] == recipe.first.config["dropout"] == 0
    assert recipe.training_config.epochs == 3 and recipe.first.training_config.epochs > 3


def test_several_processes_are_refused(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "count", lambda: 2)
    with pytest.raises(InputError, match="two stages"):
        recipe_run.train(NAME, tmp_path / "out", tmp_path / "runs")
