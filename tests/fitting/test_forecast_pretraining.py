"""Recipes of forecasters: the same series for every family, resumed runs, held-back values, and records."""

import dataclasses

import numpy as np
import pytest

from zoo import datasets
from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.fitting import forecast_pretraining, recipe_run
from zoo.loading import load
from zoo.recipes.forecasting import HELD_OUT, SOURCES
from zoo.recipes.recipes import RECIPES
from zoo.tasks.forecasting import FORECASTING

NAME = "gru_small.forecasting"
OURS = {name: recipe for name, recipe in RECIPES.items() if recipe.series}


def seasons(name: str) -> list[Series]:
    random = np.random.default_rng(len(name))
    steps = np.arange(90)
    made = [10 + 3 * np.sin(2 * np.pi * steps / 12 + i) + random.normal(0, 0.3, 90) for i in range(70)]
    if name.removeprefix("time_series/") in HELD_OUT:
        return [Series(str(i), values[:-12], period=12, test=values[-12:]) for i, values in enumerate(made[:5])]
    made[1] = made[1][:9]
    made[2][40:] = np.nan
    made[3][5:] = np.nan
    return [Series(str(i), values, period=(12, None, 366)[i % 3]) for i, values in enumerate(made)]


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    monkeypatch.setattr(datasets, "load_series", seasons)


def test_values_kept_for_validation_are_not_trained_on():
    result = forecast_pretraining.read_sources(("time_series/pbs", "time_series/m4_hourly"))
    assert len(result.values) == len(result.periods) == len(result.weights) == 2 * 69  # one has five values
    assert {len(windows) for windows in result.windows.values()} == {60}
    lengths = [len(values) for values in result.values]
    for windows in result.windows.values():
        for history, period, actual in windows:
            assert 1 <= period <= 45 and len(history) in lengths and 2 <= len(actual) <= 24
            assert any(np.array_equal(history, values, equal_nan=True) for values in result.values)
            whole = np.concatenate([history, actual])
            assert not any(np.array_equal(whole, values, equal_nan=True) for values in result.values)
    other = forecast_pretraining.read_sources(("time_series/pbs",))
    assert other.fingerprint != result.fingerprint


def test_no_recipe_trains_on_a_benchmark():
    assert set(SOURCES).isdisjoint(HELD_OUT)
    for recipe in OURS.values():
        assert {datasets.entry(name).splits for name in recipe.series.sources} == {("train",)}
        assert {datasets.entry(name).splits for name in recipe.series.never} == {("test",)}
        tested = {name for name, dataset in datasets.DATASETS.items() if name.startswith("time_series/")}
        assert {*recipe.series.sources, *recipe.series.never} == tested
    assert len({(recipe.series, recipe.training_config) for recipe in OURS.values()}) == 1


def test_recipes_have_at_most_a_million_weights():
    for name, recipe in OURS.items():
        family = FORECASTING.architecture(recipe.architecture)
        preprocessor = FORECASTING.fit(None, family)
        fields = {**family.sizes[recipe.size], **FORECASTING.prefers(family), **recipe.config}
        spec = FORECASTING.spec(family, recipe.size, preprocessor, fields)
        model = FORECASTING.build(family, family.config_from(spec.config), preprocessor)
        assert 50_000 < model.count_params() < 1_000_000, name


def test_fields_of_a_recipe_are_set(monkeypatch, tmp_path):
    def enough(recipe, sources, folder, command):
        raise InputError(f"{recipe.config['hidden_dim']} {recipe.training_config.epochs} {command}")

    monkeypatch.setattr(forecast_pretraining, "setup", enough)
    monkeypatch.setattr(forecast_pretraining, "read_sources", lambda names: None)
    out = tmp_path / "out"
    command = f"zoo train {NAME} --set=hidden_dim=8 --set=epochs=3 --output={out} --resume"
    with pytest.raises(InputError, match=f"^8 3 {command}$"):
        recipe_run.train(NAME, out, settings=["hidden_dim=8", "epochs=3"])
    with pytest.raises(InputError, match="hidden_dim must be"):
        recipe_run.train(NAME, out, settings=["hidden_dim=0"])


@pytest.mark.slow
def test_a_resumed_run_ends_alike_and_its_record_names_the_sources(monkeypatch, tmp_path):
    recipe = RECIPES[NAME]
    recipe = dataclasses.replace(
        recipe,
        size="tiny",
        config={},
        series=dataclasses.replace(recipe.series, steps=6),
        training_config=dataclasses.replace(recipe.training_config, epochs=2, batch_size=4),
    )
    monkeypatch.setitem(RECIPES, NAME, recipe)
    whole = recipe_run.train(NAME, tmp_path / "whole", tmp_path / "runs_a")
    curve = whole.document["training"]["curve"]
    assert len(curve) == 2 and all(np.isfinite(list(row.values())).all() for row in curve)
    assert {"relative_wql", "relative_mase", "coverage"} <= set(curve[0])

    read = forecast_pretraining.read_sources(recipe.series.sources)
    _, trainer = forecast_pretraining.setup(recipe, read, tmp_path / "runs_b" / NAME, "")
    fit = trainer.fit

    def stop(*arguments):
        if trainer.step == 4:
            trainer.save()
            raise KeyboardInterrupt
        return fit(*arguments)

    trainer.fit = stop
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    resumed = recipe_run.train(NAME, tmp_path / "resumed", tmp_path / "runs_b", resume=True)
    for path, value in whole.tensors().items():
        np.testing.assert_array_equal(value, resumed.tensors()[path], err_msg=path)
    record = load(tmp_path / "resumed").document
    assert record["training"]["recipe"]["series"]["never"] == [f"time_series/{name}" for name in HELD_OUT]
    assert "time_series/tsdl" in record["data"]["source"] and "synthetic" in record["data"]["source"]
    assert record["data"]["splits"]["train"] == 69 * len(SOURCES)
