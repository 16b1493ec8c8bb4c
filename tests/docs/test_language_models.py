"""The commands of "language_models.md" run, on a tiny language model under the name there."""

import csv
import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from samples import reviews

from zoo import datasets
from zoo.checkpoints import locate
from zoo.data.examples import Examples
from zoo.fitting import pretraining, start
from zoo.recipes.recipe import Corpus
from zoo.recipes.recipes import RECIPES

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "language_models.md").read_text("utf-8")
NAME = "transformer_small.english"
main = importlib.import_module("zoo.cli.main").main
pytestmark = pytest.mark.slow  # trains


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = reviews(400).inputs
    monkeypatch.setattr(
        datasets, "load", lambda name, split: Examples(texts[:300], ["9"] * 300, [f"{name}:{i}" for i in range(300)])
    )
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    recipe = RECIPES[NAME]
    training_config = dataclasses.replace(recipe.training_config, epochs=2, batch_size=4)
    corpus = Corpus(tokens=4_000, vocab_size=300, context=16, sampled=120)
    recipe = dataclasses.replace(recipe, size="tiny", config={}, training_config=training_config, corpus=corpus)
    monkeypatch.setitem(RECIPES, NAME, recipe)
    for config in ("TEXT", "ULMFIT"):
        monkeypatch.setattr(start, config, dataclasses.replace(getattr(start, config), epochs=2, min_steps=0))
    rows = reviews()
    with open("tickets.csv", "w", newline="") as table:
        csv.writer(table).writerows([("text", "queue"), *zip(rows.inputs, rows.targets, strict=True)])
    for file in ("mail.txt", "texts.txt"):
        Path(file).write_text("a lovely house\nan old town\n")
    for file in ("corpus.txt", "later.txt", "last.txt"):
        Path(file).write_text("\n".join(texts[:200]) + "\n")
    for i, part in enumerate(("train", "dev", "test")):
        Path(f"en_ewt-ud-{part}.conllu").write_text("".join(map(sentence, [*range(10 * i, 10 * i + 10), 9, 10])))
    return tmp_path


def sentence(number: int) -> str:
    """Returns a sentence with parts of speech, as a Universal Dependencies treebank has it."""
    words = [("the", "DET"), (f"house{number}", "NOUN"), ("is", "AUX"), ("old", "ADJ")]
    lines = [f"{i + 1}\t{word}\t_\t{tag}" + "\t_" * 6 for i, (word, tag) in enumerate(words)]
    return "\n".join(lines) + "\n\n"


def run(command, code=0):
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == code, (command, result.output, result.exception)
    return result


def test_its_commands_run(place):
    train, resume, *rest = re.findall(r"^zoo (.+)$", PAGE.replace("\\\n", " "), flags=re.M)
    run(train)
    record = locate.read_record(NAME)
    assert {metrics["dataset"] for metrics in record.metrics} == {"wikitext2", "english"}
    assert record.metrics[0]["values"]["word_perplexity"]["value"] > 1
    assert len(record.golden["logits"][0]) <= 256

    # A run that was stopped goes on with the second command.
    recipe = RECIPES[NAME]
    found = pretraining.shards(recipe, Path("runs") / "shards")
    _, trainer = pretraining.setup(recipe, found, Path("runs") / NAME, "")
    trainer.save()
    run(resume)

    outputs = ["one", "two"]
    for command, output in zip(rest[:2], outputs, strict=True):
        result = run(command.replace("my-queues", output))
        assert "language model: reads" in result.output
    run("predict one 'a lovely town' --json")
    result = run(rest[2])
    assert "3 training rows are in the validation or test part too" in result.output
    run("predict my-tagger 'the old town'")
    assert "tfidf" in run(rest[3]).output
    (code,) = re.findall(r"```python\n(.+?)```", PAGE, flags=re.S)
    exec(code, {})
    run(rest[4])
    assert locate.read_record("my-english").spec.task == "language_modelling"
    run(rest[5].replace("lstm_small.film_reviews", NAME))
    assert np.load("vectors.npy").shape[0] == 2
    generated = run(f"generate {NAME} --prompt 'the old' --length 8").output
    assert generated.strip()
    assert len(rest) == 6
