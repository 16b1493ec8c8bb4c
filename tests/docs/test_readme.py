"""The README says what is so today: its tables are those of the records, and its commands run."""

import dataclasses
import importlib
import os
import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import reviews, slopes, sounds, write_wav

from zoo import datasets
from zoo.checkpoints import locate
from zoo.data.examples import Examples
from zoo.fitting import recipe_run
from zoo.recipes.recipes import RECIPES
from zoo.training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main

WORDS = {
    "cat": "K AE T",
    "dog": "D AO G",
    "rhythm": "R IH DH AH M",
    "keras": "K EH R AH S",
    "sequence": "S IY K W AH N S",
}
ENDINGS = {"": "", "s": " S", "ed": " D", "er": " ER", "ing": " IH NG", "ly": " L IY", "ness": " N AH S"}
ROWS = [(word + ending, phones + added) for word, phones in WORDS.items() for ending, added in ENDINGS.items()]
COMMANDS = re.findall(r"^zoo (.+)$", README, flags=re.M)
GUIDE = ROOT / "docs" / "guide"
FINE_TUNING = re.findall(r"^zoo ((?:.+\\\n)*.+)$", (GUIDE / "fine_tuning.md").read_text("utf-8"), flags=re.M)


TRAINING = (ROOT / "docs" / "guide" / "training.md").read_text("utf-8")
EVALUATION = (ROOT / "docs" / "guide" / "evaluation.md").read_text("utf-8")


def section(heading: str) -> str:
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with the files that the README names, its own copy of the weights and small datasets."""
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("".join(f"{word}\n" for word in WORDS))
    for name in ("words.csv", "held_out.csv"):
        Path(name).write_text("word,phones\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
    for i, (sound, label) in enumerate(zip(sounds(24).inputs, sounds(24).targets, strict=True)):
        write_wav(Path("digits") / {"low": "seven", "high": "one"}[label] / f"{i // 2}.wav", sound.samples)
    series = zip(slopes(24).inputs, slopes(24).targets, strict=True)
    wide = [",".join([label, *(f"{x:.4f}" for x in numbers[:8, 0])]) for numbers, label in series]
    Path("wide.csv").write_text("\n".join(["kind," + ",".join(f"t{i}" for i in range(8)), *wide]) + "\n")
    # Full splits belong to `zoo evaluate`, and the published one has to be downloaded.
    examples = Examples(*map(list, zip(*ROWS, strict=True)), [f"made:{i}" for i in range(len(ROWS))])
    monkeypatch.setattr(datasets, "load", lambda name, split: examples)


def run(command: str) -> str:
    arguments = shlex.split(command, comments=True)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (command, result.output)
    return result.stdout


def test_the_tables_of_checkpoints_are_those_of_the_records():
    written = runpy.run_path(str(ROOT / "docs" / "table.py"))
    checkpoints = (ROOT / "docs" / "guide" / "checkpoints.md").read_text("utf-8")
    for page, table in ((README, written["families"]()), (checkpoints, written["checkpoints"]())):
        assert table in page
    assert all(f"| {name} |" in checkpoints for name in locate.list_models())


@pytest.mark.slow
def test_its_pictures_are_drawn_by_its_script(tmp_path):
    runpy.run_path(str(ROOT / "docs" / "pictures.py"))["draw"](tmp_path)
    experiment = (ROOT / "docs" / "experiments" / "pronunciation.md").read_text("utf-8")
    shown = re.findall(r"!\[.*?\]\(docs/(.*?)\)", README) + re.findall(r"!\[.*?\]\(\.\./(.*?)\)", experiment)
    assert set(shown) == {file.name for file in tmp_path.glob("*.png")}
    assert all((ROOT / "docs" / name).read_bytes().startswith(b"\x89PNG") for name in shown)


def test_every_command_stands_in_a_section_that_is_run():
    ran = ("Install and evaluate", "Load", "Fine-tune", "Evaluate")
    assert sum(len(re.findall(r"^zoo (.+)$", section(heading), flags=re.M)) for heading in ran) == len(COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("heading", ["Install and evaluate", "Load", "Evaluate"])
def test_commands_that_read(heading):
    for command in re.findall(r"^zoo (.+)$", section(heading), flags=re.M):
        assert run(command)


@pytest.mark.slow
def test_the_page_on_evaluation():
    for command in re.findall(r"^zoo (.+)$", EVALUATION, flags=re.M):
        assert run(command)
    assert Path("page/index.html").exists() and Path("out.jsonl").exists()


@pytest.mark.slow
def test_labels_of_texts(monkeypatch):
    from zoo.fitting import start

    monkeypatch.setattr(start, "FROM_SCRATCH", dataclasses.replace(start.FROM_SCRATCH, epochs=1))
    monkeypatch.setattr(start, "TEXT", dataclasses.replace(start.TEXT, epochs=1, min_steps=0))
    rows = zip(reviews().inputs, reviews().targets, strict=True)
    Path("reviews.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    for command in re.findall(r"^zoo (.+)$", section("Fine-tune"), flags=re.M):
        assert run(command)
    assert "lstm_small.film_reviews" in Path("my-reviews/README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_page_on_fine_tuning(monkeypatch):
    from zoo.fitting import start

    for name, value in list(vars(start).items()):
        if isinstance(value, TrainingConfig):
            monkeypatch.setattr(start, name, dataclasses.replace(value, epochs=1, min_steps=0))
    made = reviews(60)
    authors = [f"{label} {i // 2 % 5}" for i, label in enumerate(made.targets)]
    rows = [",".join(row) for row in zip(made.inputs, made.targets, authors, strict=True)]
    Path("reviews.csv").write_text("\n".join(["text,label,author", *rows]) + "\n")
    for part, pairs in (("train", ROWS[2:]), ("dev", ROWS[:1]), ("test", ROWS[1:2])):
        Path(f"ice_{part}.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
    outputs = {command: run(command.replace("\\\n", " ").partition(" > ")[0]) for command in FINE_TUNING}
    assert all(outputs.values())
    assert len(outputs["predict my-g2p --file words.txt"].splitlines()) >= len(WORDS)
    assert {"rates.png", "attention.png", "my-lora", "by-author", "my-g2p", "icelandic"} <= set(os.listdir())


@pytest.mark.slow
def test_training_and_going_on(tmp_path, monkeypatch):
    recipe = dataclasses.replace(
        RECIPES["gru_small.cmudict"],
        size="tiny",
        exclude=("cmudict", "none"),
        training_config=TrainingConfig(epochs=1),
    )
    monkeypatch.setitem(RECIPES, "gru_small.cmudict", recipe)
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: datasets.load("cmudict", "train"))
    entry = dataclasses.replace(datasets.DATASETS["cmudict"], golden=("cat",))
    monkeypatch.setitem(datasets.DATASETS, "cmudict", entry)
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    for command in re.findall(r"^zoo (.+)$", TRAINING, flags=re.M):
        run(command)
        assert (tmp_path / "weights" / "gru_small.cmudict" / "record.json").exists()


@pytest.mark.slow
def test_its_python_runs(monkeypatch):
    import zoo
    from zoo.fitting import fine_tuning, start

    short = dataclasses.replace(start.FROM_SCRATCH, epochs=1)
    monkeypatch.setattr(zoo, "fine_tune", lambda *a, **k: fine_tuning.fine_tune(*a, training_config=short, **k))
    for code in re.findall(r"```python\n(.*?)```", README, flags=re.S):
        exec(compile("import zoo\n" + code, "README.md", "exec"), {})
    assert (Path("my-g2p") / "record.json").exists()
