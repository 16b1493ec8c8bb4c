"""The commands of "translation.md" run, on a tiny model under the name there."""

import csv
import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import captions

from zoo import datasets
from zoo.checkpoints import locate
from zoo.fitting import start
from zoo.recipes import translation
from zoo.recipes.recipes import RECIPES
from zoo.training.config import TrainingConfig

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "translation.md").read_text("utf-8")
NAME = "transformer_small.multi30k_en_de"
main = importlib.import_module("zoo.cli.main").main
SHORT = TrainingConfig(epochs=1, batch_size=64)


def test_it_names_every_dataset_and_family():
    assert set(re.findall(r"`((?:multi30k|tatoeba)/\w+)`", PAGE)) == {
        name for name, entry in datasets.DATASETS.items() if entry.task == "translation"
    }
    for name, recipe in translation.RECIPES.items():
        assert f"`{recipe.architecture}`" in PAGE and name.startswith(recipe.architecture)
        assert recipe.evaluate[-1] == ("multi30k/en_de", "test_2016_flickr")


@pytest.mark.slow  # trains
def test_its_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    rows = captions(60)
    monkeypatch.setattr(datasets, "load", lambda name, split: rows)
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    recipe = dataclasses.replace(RECIPES[NAME], size="tiny", config={}, training_config=SHORT)
    monkeypatch.setitem(RECIPES, NAME, recipe)
    monkeypatch.setattr(start, "FROM_SCRATCH", SHORT)
    with open("pairs.csv", "w", newline="") as table:
        csv.writer(table).writerows([("en", "de"), *zip(rows.inputs, rows.targets, strict=True)])

    def run(command):
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output, result.exception)
        return result.stdout

    train, predict, plot, evaluate, own, against, finetune, scratch = re.findall(r"^zoo (.+)$", PAGE, flags=re.M)
    run(train)
    record = locate.read_record(NAME)
    assert "research" in record.licence["weights"]
    assert [found["split"] for found in record.metrics][-1] == "test_2016_flickr"
    assert [(row["split"], row["values"]) for row in record.published] == [
        ("test_2016_flickr", {"bleu_lowercase": 41.02})
    ]
    assert run(predict).startswith("A man in a red shirt")
    run(plot)
    assert Path("alignment.png").stat().st_size > 1_000
    assert "published: Transformer, 2.6 M parameters" in run(evaluate) and "41.02" in run(evaluate)
    assert "BLEU: nrefs:1|case:mixed" in run(own)
    run(finetune)
    run(scratch.replace("lstm_small", "lstm_tiny"))
    assert f"{NAME} minus my-model on the same inputs: BLEU " in run(against)
    assert locate.read_record("my-own").spec.task == "translation"
    # the attention of the recurrent families is a field of their recipe
    changed = RECIPES["lstm_small.multi30k_en_de"].changed(["attention=luong"], ["attention"])
    assert changed.config["attention"] == "luong"
