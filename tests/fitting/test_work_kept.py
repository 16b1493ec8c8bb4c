"""Nothing that would be refused at the end of a training is let through to its first step."""

import importlib
import os
import threading

import pytest
from click.testing import CliRunner
from samples import reviews, slopes

import zoo
from zoo.backends.seeding import seed_everything
from zoo.checkpoints.record import is_name, name_of_folder
from zoo.checkpoints.save import check_folder
from zoo.data.examples import Examples
from zoo.errors import InputError, StorageError
from zoo.fitting.comparison import compare
from zoo.fitting.fine_tuning import fine_tune
from zoo.inference.sampling import Sampling
from zoo.limits import MAX_SEED
from zoo.training.config import TrainingConfig
from zoo.training.trainer import Trainer

main = importlib.import_module("zoo.cli.main").main
TRAINING_CONFIG = TrainingConfig(epochs=1, batch_size=32)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def no_step(monkeypatch):
    """Fail a test that gets as far as training."""

    def fail(self):
        raise AssertionError("a step was trained")

    monkeypatch.setattr(Trainer, "run", fail)


def table(path, count: int = 40):
    made = reviews(count)
    rows = [f'"{text}",{label}' for text, label in zip(made.inputs, made.targets, strict=True)]
    path.write_text("\n".join(["text,label", *rows]), "utf-8")
    return path


@pytest.mark.parametrize("output", ["slash/", "empty", ".", "mein modell", "модель", "a (1)", "~/home", "new/deep"])
def test_every_name_of_a_folder_gets_its_model(tmp_path, monkeypatch, output):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "work" / ("empty" if output == "empty" else "")).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    data = table(tmp_path / "o\xa0d\u0301 (1).csv")
    columns = ("--input", "text", "--target", "label", "--epochs", "1")
    result = run("finetune", "gru_tiny", data, *columns, "--output", output)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "user" / "home" if output == "~/home" else tmp_path / "work" / output
    assert zoo.read_record(output).name == name_of_folder(folder.resolve().name)
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "model.safetensors", "record.json"]
    assert os.getcwd() == str(tmp_path / "work") and os.path.exists(os.getcwd())
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith((".unfinished", ".tmp"))]


@pytest.mark.parametrize(
    ("folder", "name"),
    [("a (1)", "a -1"), ("it's  me", "it-s me"), ("...", "checkpoint"), ("_a", "a"), ("a..b", "a.b"), ("e\u0301", "é")],
)
def test_a_name_is_made_of_every_folder(folder, name):
    assert name_of_folder(folder) == name and is_name(name)


def test_folders_that_cannot_be_written_are_refused_at_once(tmp_path, no_step):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    (tmp_path / "link").symlink_to("nothing")
    for place, error in (("file", InputError), ("full", InputError), ("link", InputError), ("file/x", StorageError)):
        with pytest.raises(error):
            fine_tune("gru_tiny", reviews(), training_config=TRAINING_CONFIG, output=tmp_path / place)
        with pytest.raises(error):
            check_folder(tmp_path / place)
    assert sorted(os.listdir(tmp_path)) == ["file", "full", "link"]


def test_a_checkpoint_is_saved_through_a_link_and_into_the_working_folder(tmp_path, monkeypatch):
    model = fine_tune("gru_tiny", reviews(40), training_config=TRAINING_CONFIG)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    model.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and zoo.read_record(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "real")
    model.save(".")  # over the one that is there
    assert os.path.samefile(".", tmp_path / "real") and len(os.listdir(".")) == 3
    zoo.load(".")


def test_what_no_record_can_hold_is_told_before_the_first_step(no_step):
    made = slopes()
    huge = Examples([1e20 * series for series in made.inputs], made.targets, made.locations)
    with pytest.raises(InputError, match="^the model could not be saved: .* is beyond"):
        fine_tune("gru_tiny", huge, training_config=TRAINING_CONFIG)


def test_a_comparison_tries_all_models_and_folders_before_it_trains_one(tmp_path, no_step):
    with pytest.raises(
        InputError, match="does sequence_to_sequence, not classification|no dataset|sequence_to_sequence"
    ):
        compare(reviews(40), ["gru_tiny", "gru_small.cmudict"], task="classification", training_config=TRAINING_CONFIG)
    (tmp_path / "gru_tiny").mkdir()
    (tmp_path / "gru_tiny" / "x").write_text("")
    with pytest.raises(InputError, match="gru_tiny: holds 'x'"):
        compare(reviews(40), ["lstm_tiny", "gru_tiny"], training_config=TRAINING_CONFIG, output=tmp_path)


def test_a_comparison_writes_inside_its_output(tmp_path):
    base = tmp_path / "base"
    fine_tune("gru_tiny", reviews(40), training_config=TRAINING_CONFIG, output=base)
    before = (base / "model.safetensors").read_bytes()
    compare(reviews(40), [str(base)], training_config=TRAINING_CONFIG, output=tmp_path / "out")
    assert (base / "model.safetensors").read_bytes() == before
    assert os.listdir(tmp_path / "out") == ["base"]


def test_a_model_is_trained_in_any_thread():
    result = []
    worker = threading.Thread(
        target=lambda: result.append(fine_tune("gru_tiny", reviews(40), training_config=TRAINING_CONFIG))
    )
    worker.start()
    worker.join()
    assert result[0].predict(["a lovely film"])[0] in ("praise", "blame")


def test_seeds_are_bounded_everywhere(no_step):
    for make in (lambda seed: TrainingConfig(seed=seed), lambda seed: Sampling(seed=seed), seed_everything):
        make(MAX_SEED)
        for seed in (-1, MAX_SEED + 1, 99_999_999_999):
            with pytest.raises(InputError, match="seed"):
                make(seed)
    for command in (
        ("finetune", "gru_tiny", "x.csv", "--output", "no"),
        ("compare", "x.csv", "--models", "gru_tiny"),
        ("generate", "gru_small.tiny_shakespeare"),
        ("probe", "gru_small.tiny_shakespeare"),
    ):
        result = run(*command, "--seed", "99999999999")
        assert result.exit_code == 2 and "99999999999 is not in the range" in result.stderr
