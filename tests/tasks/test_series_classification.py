"""Series and sounds to labels: every family, fine-tuning, evaluation, the commands."""

import dataclasses
import importlib
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from samples import RATE, slopes, sounds, write_wav

import zoo
from zoo.data.examples import Examples
from zoo.data.sound import Sound
from zoo.data.splits import split
from zoo.datasets import fingerprint
from zoo.errors import InputError
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.setup import fresh
from zoo.fitting.start import adapt, default_training_config
from zoo.models import registry
from zoo.preprocessing.signals import LogMel, Numbers, Waveform
from zoo.tasks import find_task
from zoo.tasks.infer import infer_task
from zoo.training.config import TrainingConfig

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
TASK = find_task("series_classification")
TRAINING_CONFIG = TrainingConfig(epochs=8, batch_size=8, learning_rate=0.01, ema_decay=0.9)


@pytest.fixture(scope="module", params=registry.ARCHITECTURES)
def untrained(request):
    return fresh(TASK, request.param, "tiny", slopes(), seed=1)


def test_neither_neighbours_nor_padding_change_a_prediction(untrained):
    rows = [slopes().inputs[0], slopes().inputs[1][:1], np.tile(slopes().inputs[2], (5, 1))]
    together = untrained.predict(rows, probabilities=True)
    backwards = untrained.predict(rows[::-1], probabilities=True)[::-1]
    for row, likely, again in zip(rows, together, backwards, strict=True):
        assert sum(likely.values()) == pytest.approx(1, abs=1e-5)
        (alone,) = untrained.predict([row], probabilities=True)
        assert alone == pytest.approx(likely, abs=1e-5)
        assert again == pytest.approx(likely, abs=1e-5)


def test_every_weight_gets_a_gradient(untrained):
    inputs, answers, weights = next(
        iter(TASK.batches(untrained.preprocessor, slopes(), TrainingConfig(batch_size=16)).epoch(0))
    )
    assert inputs["features"].shape[::2] == (16, 2)
    before = [keras.ops.convert_to_numpy(v) for v in untrained.model.trainable_variables]
    untrained.model.compile(optimizer=keras.optimizers.SGD(1.0), loss=TASK.loss(TrainingConfig()))
    untrained.model.train_on_batch(inputs, answers, sample_weight=weights)
    for old, variable in zip(before, untrained.model.trainable_variables, strict=True):
        # A softmax is the same when all its scores move together: a key's bias has no gradient.
        if not variable.path.endswith("key/bias"):
            assert not np.array_equal(old, keras.ops.convert_to_numpy(variable)), variable.path


def test_convolutions_read_waveforms_the_others_log_mel_frames_and_arrays_are_numbers():
    for name in registry.ARCHITECTURES:
        kind = Waveform if name in ("tcn", "wavenet") else LogMel
        front_end = TASK.fit(sounds(), TASK.architecture(name)).front_end
        assert isinstance(front_end, kind) and front_end.rate == RATE
        assert isinstance(TASK.fit(slopes(), TASK.architecture(name)).front_end, Numbers)
    fast = Examples([Sound(np.arange(100), 44_100)], ["a"], ["made:1"])
    assert TASK.fit(fast, TASK.architecture("tcn")).front_end.rate == 16_000


def test_series_are_fine_tuned_saved_and_fine_tuned_again(tmp_path):
    lines = []
    mine = fine_tune(
        "gru_tiny",
        slopes(),
        training_config=TRAINING_CONFIG,
        output=tmp_path / "mine",
        callbacks=Callbacks(on_message=lines.append),
    )
    assert lines[0] == "task: series_classification, 2 labels: down, up; reads 2 channels"
    assert mine.document["metrics"][0]["values"]["accuracy"]["value"] > 0.8
    again = zoo.load(tmp_path / "mine")
    assert all(np.array_equal(value, again.tensors()[path]) for path, value in mine.tensors().items())
    kept = again.document["golden"]
    assert again.predict(kept["inputs"]) == kept["outputs"]
    for value, expected in zip(kept["inputs"], kept["logits"], strict=True):
        np.testing.assert_allclose(TASK.logits(again, value), expected, atol=2e-5)

    # In another unit the same series are the same to the model, for the numbers are standardised anew.
    scaled = Examples([7 * x - 3 for x in slopes().inputs], ["x" + t for t in slopes().targets], slopes().locations)
    other = adapt(again, [scaled])
    assert other.preprocessor.labels == ("xdown", "xup")
    backbone = {path for path in again.tensors() if not path.startswith("head/")}
    assert all(np.array_equal(other.tensors()[path], again.tensors()[path]) for path in backbone)
    frames = [
        p.preprocessor.encode_input(e.inputs[0]) for p, e in ((other, scaled), (adapt(again, [slopes()]), slopes()))
    ]
    np.testing.assert_allclose(*frames, atol=1e-3)
    with pytest.raises(InputError, match="made:1: 3 channels where the model reads 2"):
        adapt(again, [slopes(channels=3)])


@pytest.mark.parametrize("name", ["tcn_tiny", "gru_tiny"])
def test_sounds_are_told_apart_and_their_record_is_small(name):
    training_config = TrainingConfig(epochs=6, batch_size=8, learning_rate=0.01, ema_decay=0.9, augment=True)
    mine = fine_tune(name, sounds(), training_config=training_config)
    assert mine.document["metrics"][0]["values"]["accuracy"]["value"] == 1
    kept = mine.golden(sounds().inputs[:1])
    assert len(json.dumps(kept)) < 4_000
    assert mine.predict(kept["inputs"]) == kept["outputs"]

    other = Examples(sounds().inputs, ["not " + label for label in sounds().targets], sounds().locations)
    staged = dataclasses.replace(
        default_training_config(find_task("series_classification")), epochs=2, min_steps=0, batch_size=8, augment=True
    )
    again = fine_tune(mine, other, training_config=staged)
    assert again.preprocessor.labels == ("not high", "not low")
    assert again.preprocessor.front_end == mine.preprocessor.front_end
    assert again.document["training"]["recipe"]["base"] == "fine-tuned"


def test_varied_batches_are_a_function_of_seed_and_epoch():
    pipeline = fresh(TASK, "tcn", "tiny", sounds(), seed=1)
    batches = TASK.batches(pipeline.preprocessor, sounds(), TrainingConfig(batch_size=8, augment=True))
    first, again, later = (
        [inputs["features"] for inputs, _, _ in batches.epoch(epoch, start)]
        for epoch, start in ((0, 0), (0, 2), (1, 0))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first[2:], again, strict=True))
    assert not any(np.array_equal(a, b) for a in first for b in later)
    plain = TASK.batches(pipeline.preprocessor, sounds(), TrainingConfig(batch_size=8))
    assert sum(inputs["mask"].any(axis=1).sum() for inputs, _, _ in plain.epoch(0)) >= 40


def test_bad_rows_are_named_before_training():
    series = slopes(10)
    bad = Examples([*series.inputs, np.array([[1, np.nan]])], [*series.targets, "up"], [*series.locations, "x:11"])
    with pytest.raises(InputError, match="x:11: step 1 of channel 2 is nan, not a finite number"):
        fine_tune("gru_tiny", bad)
    wide = Examples([*series.inputs, np.ones((4, 3))], [*series.targets, "up"], [*series.locations, "x:11"])
    with pytest.raises(InputError, match="x:11: 3 channels, the first series has 2|channels"):
        fine_tune("gru_tiny", wide)
    with pytest.raises(InputError, match="a series of the test part is in the training part too"):
        fine_tune("gru_tiny", slopes(), test=slopes(4))


def test_parts_are_drawn_by_what_the_arrays_hold():
    rest, held = split(slopes(), 0.2, 1, stratify=True)
    assert sorted(held.targets) == ["down"] * 6 + ["up"] * 6
    order = list(range(59, -1, -1))
    again = split(slopes().select(order), 0.2, 1, stratify=True)[1]
    assert {x.tobytes() for x in again.inputs} == {x.tobytes() for x in held.inputs}
    assert infer_task(slopes()) == "series_classification"
    assert fingerprint(sounds()) == fingerprint(sounds()) != fingerprint(sounds(38))


def test_the_commands_go_from_a_folder_of_sounds_to_predictions(tmp_path):
    for i, (sound, label) in enumerate(zip(sounds().inputs, sounds().targets, strict=True)):
        write_wav(tmp_path / "digits" / label / f"{i}.wav", sound.samples)
    run, folder, mine = CliRunner().invoke, str(tmp_path / "digits"), str(tmp_path / "mine")
    result = run(main, ["finetune", "tcn_tiny", folder, "--output", mine, "--epochs", "1"])
    assert result.exit_code == 0, result.output
    assert "reads waveforms at 8,000 samples per second" in result.stderr
    assert f"try zoo predict {mine} SOUND.wav" in result.stdout
    card = (tmp_path / "mine" / "README.md").read_text("utf-8")
    assert "zoo evaluate path/of/this/folder DATA\n" in card and "--file" not in card
    one = str(tmp_path / "digits" / "low" / "0.wav")
    result = run(main, ["predict", mine, one])
    assert result.stdout in (f"{one}\tlow\n", f"{one}\thigh\n")
    assert set(json.loads(run(main, ["predict", mine, one, "--json"]).stdout)["output"]) == {"low", "high"}
    out, page = tmp_path / "out.jsonl", tmp_path / "page"
    arguments = ["--json", "--predictions", str(out), "--report", str(page)]
    result = run(main, ["evaluate", mine, folder, *arguments])
    assert json.loads(result.stdout)["size"] == 40, result.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 40 and {row["input"] for row in rows} >= {one}
    text = (page / "index.html").read_text("utf-8")
    assert "Confusion" in text and "Mistakes" in text
    result = run(main, ["predict", mine, str(tmp_path / "none.wav")])
    assert result.exit_code == 2 and "none.wav: no such file" in result.stderr
    result = run(main, ["compare", folder, "--models", "tcn_tiny,gru_tiny", "--epochs", "1", "--json"])
    assert {row["model"] for row in json.loads(result.stdout)} == {"tcn_tiny", "gru_tiny"}, result.output


def test_the_commands_take_series_in_every_layout(tmp_path):
    run, examples = CliRunner().invoke, slopes(20)
    ts = [":".join(",".join(f"{x:.4f}" for x in channel) for channel in series.T) for series in examples.inputs]
    lines = [f"{line}:{label}" for line, label in zip(ts, examples.targets, strict=True)]
    (tmp_path / "a.ts").write_text("@problemName Slopes\n@classLabel true up down\n@data\n" + "\n".join(lines) + "\n")
    rows = [
        f"{i},{t},{a:.4f},{b:.4f},{label}"
        for i, (series, label) in enumerate(zip(examples.inputs, examples.targets, strict=True))
        for t, (a, b) in enumerate(series)
    ]
    (tmp_path / "long.csv").write_text("id,t,x,y,kind\n" + "\n".join(rows) + "\n")
    wide = [
        f"{label},{','.join(f'{x:.4f}' for x in s[:8, 0])}"
        for s, label in zip(examples.inputs, examples.targets, strict=True)
    ]
    (tmp_path / "wide.csv").write_text("kind," + ",".join(f"t{i}" for i in range(8)) + "\n" + "\n".join(wide) + "\n")
    mine, long = str(tmp_path / "mine"), ["--series", "id", "--time", "t", "--input", "x,y", "--target", "kind"]
    result = run(main, ["finetune", "gru_tiny", str(tmp_path / "a.ts"), "--output", mine, "--epochs", "1"])
    assert result.exit_code == 0 and "reads 2 channels" in result.stderr, result.output
    for arguments in ([str(tmp_path / "a.ts")], [str(tmp_path / "long.csv"), *long]):
        result = run(main, ["evaluate", mine, *arguments, "--json"])
        assert json.loads(result.stdout)["size"] == 20, result.output
    result = run(main, ["predict", mine, "1,2,3:4,5,6"])
    assert result.stdout.startswith("1,2,3:4,5,6\t")
    result = run(main, ["evaluate", mine, str(tmp_path / "wide.csv"), "--target", "kind"])
    assert result.exit_code == 2 and "wide.csv:2: a series of 1 channels: this model reads 2" in result.stderr
    wide_arguments = [str(tmp_path / "wide.csv"), "--target", "kind", "--output", str(tmp_path / "other")]
    result = run(main, ["finetune", "rnn_tiny", *wide_arguments, "--epochs", "1"])
    assert result.exit_code == 2 and "--task series_classification" in result.stderr
    result = run(main, ["finetune", "rnn_tiny", *wide_arguments, "--epochs", "1", "--task", "series_classification"])
    assert result.exit_code == 0, result.output
