"""The memory probe: against models of which it is known how far they see."""

import importlib
import json
import shutil

import numpy as np
import pytest
from character_models import TEXT, characters, saved, texts
from click.testing import CliRunner
from keras import ops
from samples import RECORD

from zoo.analysis.probe import (
    Probe,
    Structure,
    document,
    draw_windows,
    effective_context,
    gradient_by_embedding,
    half_life,
    half_octaves,
    influence_by_lag,
    losses_by_steps,
    probe,
    write,
)
from zoo.analysis.recall import recall
from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.data.examples import Examples
from zoo.errors import InputError, WeightsError
from zoo.fitting.setup import fresh
from zoo.loading import load
from zoo.models import registry
from zoo.preprocessing.characters import UNSEEN
from zoo.tasks import find_task
from zoo.tasks.next_step import Steps

main = importlib.import_module("zoo.cli.main").main


def test_numbers_of_steps_are_half_an_octave_apart():
    assert half_octaves(20) == [1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert half_octaves(16) == [1, 2, 3, 4, 6, 8, 12, 16]
    assert half_octaves(2) == [1, 2]


def test_the_effective_context_is_where_one_percent_is_left():
    assert effective_context([1, 2, 4, 8], np.array([2.0, 1.5, 1.009, 1.0])) == 4
    assert effective_context([1, 2, 4, 8], np.array([2.0, 1.5, 1.02, 1.0])) == 8
    assert effective_context([1, 2, 4], np.array([1.0, 1.5, 2.0])) == 1  # more can be worse


def test_the_half_life_is_where_no_influence_is_half_of_the_largest():
    assert half_life(np.array([1.0, 0.9, 0.4, 0.6, 0.3, 0.1])) == 4
    assert half_life(np.array([1.0, 0.1])) == 1
    assert half_life(np.array([0.0, 0.0, 1.0])) == 3


def test_windows_end_at_places_that_count():
    inputs = [np.arange(10), np.arange(100, 104), np.arange(200, 220)]
    places = [np.array([3, 9]), np.array([3]), np.array([0, 18, 19])]
    steps = Steps("tokens", inputs, [row + 1000 for row in inputs], places)
    shown, targets = draw_windows(steps, 8, 3, np.random.default_rng(0))
    assert shown.shape == (3, 8)
    assert sorted(shown[:, -1]) == [9, 218, 219]
    np.testing.assert_array_equal(np.diff(shown, axis=1), 1)
    np.testing.assert_array_equal(targets, shown[:, -1] + 1000)
    # Of five places not all have eight steps before them: fewer are shown.
    assert draw_windows(steps, 8, 5, np.random.default_rng(0))[0].shape == (5, 4)
    with pytest.raises(InputError, match="have one step"):
        draw_windows(steps, 8, 6, np.random.default_rng(0))


@pytest.mark.parametrize("architecture", registry.ARCHITECTURES)
def test_gradients_are_those_that_small_changes_show(architecture):
    model = characters(architecture).model
    random = np.random.default_rng(1)
    tokens = random.integers(0, 6, (2, 7)).astype("int32")
    weights = random.normal(size=(2, model.head.units)).astype("float32")
    result = gradient_by_embedding(model, tokens, weights)
    embedded = ops.convert_to_numpy(model.backbone.embed(tokens))
    assert result.shape == embedded.shape

    def weighted_output(x):
        return (
            ops.convert_to_numpy(model.head(model.backbone.run_blocks(ops.convert_to_tensor(x))))[:, -1] * weights
        ).sum()

    direction = random.normal(size=embedded.shape).astype("float32")
    direction /= np.linalg.norm(direction)
    small = 2e-4  # so that no ReLU changes sides
    slope = (weighted_output(embedded + small * direction) - weighted_output(embedded - small * direction)) / (
        2 * small
    )
    assert slope == pytest.approx((result * direction).sum(), rel=0.05, abs=2e-3)


def test_a_model_that_sees_three_steps_has_no_use_for_more():
    pipeline = characters(kernel_size=2, levels=1)  # receptive field 3
    result = probe(pipeline, texts(), history=16, windows=20)
    losses = [row.loss for row in result.context]
    assert [row.steps for row in result.context] == [1, 2, 3, 4, 6, 8, 12, 16]
    np.testing.assert_allclose(losses[3:], losses[-1], rtol=1e-5)
    assert all(row.influence > 0 for row in result.context[:3])
    assert all(row.influence == 0 for row in result.context[3:])
    assert result.structure == Structure(receptive_field=3, path_length=2, support=3, checked=19)
    assert (result.history, result.windows) == (16, 20)
    assert result.effective <= 4 and result.half_life <= 3


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru"])
def test_nothing_bounds_a_recurrent_model(architecture):
    structure = probe(characters(architecture), texts(), history=8, windows=4).structure
    assert structure.receptive_field is None and structure.path_length == 9 and structure.support > 16


@pytest.mark.parametrize("architecture", ["wavenet", "transformer", "hierarchical_attention"])
def test_no_gradient_reaches_beyond_the_look_back(architecture):
    structure = probe(characters(architecture), texts(), history=8, windows=4).structure
    assert structure.receptive_field < structure.checked
    assert 0.5 * structure.receptive_field < structure.support <= structure.receptive_field


def test_losses_with_all_steps_seen_are_those_of_the_whole_text():
    pipeline = characters("gru")
    steps = pipeline.task.steps(pipeline.preprocessor, Examples([TEXT[:21]], [""], ["made:1"]))
    inputs, targets = steps.inputs[0][None], steps.targets[0][None, -1]
    (loss,) = losses_by_steps(pipeline, steps, inputs, targets, [20])
    ids = np.concatenate([[UNSEEN], pipeline.preprocessor.encode_input(TEXT[:21])])
    likely = ops.convert_to_numpy(ops.log_softmax(pipeline.model({"tokens": ids[None, :-1]})))
    assert loss == pytest.approx(-likely[0, -1, ids[-1] - 1], rel=1e-5)


def test_signs_give_the_norm_of_the_whole_jacobian():
    model = characters("gru").model
    tokens = np.repeat([[1, 2, 3, 4]], 2_000, axis=0).astype("int32")
    result = influence_by_lag(model, "tokens", tokens, np.random.default_rng(0))[::-1]
    rows = [gradient_by_embedding(model, tokens[:1], row[None]) for row in np.eye(model.head.units, dtype="float32")]
    exact = np.sqrt(np.square(np.concatenate(rows)).sum(axis=(0, 2)))
    np.testing.assert_allclose(result, exact, rtol=0.1)


def test_the_other_causal_tasks_can_be_probed():
    random = np.random.default_rng(0)
    rolls = Examples(list((random.random((3, 20, 88)) < 0.05).astype("float32")), [""] * 3, ["a"] * 3)
    series = Examples(list(random.random((9, 12, 2), "float32")), list(random.random(9, "float32")), ["a"] * 9)
    ids = Examples(list(random.integers(1, 9, (3, 12))), list(random.integers(0, 9, (3, 12))), ["a"] * 3)
    for task, examples in (("music_modelling", rolls), ("regression", series), ("copying", ids)):
        result = probe(fresh(find_task(task), "gru", "tiny", examples, seed=1), examples, history=6, windows=8)
        assert result.windows == 8 and result.history == 6
        assert all(np.isfinite(row.loss) and row.influence > 0 for row in result.context)


def test_recall_is_learned_within_reach_and_not_beyond():
    pipeline = characters("tcn", kernel_size=3, levels=2)  # receptive field 13
    before = {path: value.copy() for path, value in pipeline.tensors().items()}
    near, far = recall(pipeline, lags=(4, 13), steps=150, learning_rate=1e-2)
    assert near.accuracy > 0.9 and near.chance == 1 / 5
    assert far.accuracy is None
    for path, value in pipeline.tensors().items():
        np.testing.assert_array_equal(value, before[path])


@pytest.mark.parametrize("lags", [(), (0,), (10_001,)])
def test_lags_out_of_range_are_refused(lags):
    with pytest.raises(InputError, match="give lags from 1 to 10,000"):
        recall(characters(), lags=lags)


def test_what_cannot_be_probed_is_named():
    tagger = load("gru_small.snips")
    with pytest.raises(InputError, match="a model for tagging: only causal ones"):
        probe(tagger, Examples(["play"], ["O"], ["a"]))
    with pytest.raises(InputError, match="at least 2 steps and 1 window"):
        probe(characters(), texts(), history=1)
    with pytest.raises(InputError, match="made:1: .* is unknown to this model"):
        probe(characters(), Examples(["xyz"], [""], ["made:1"]))


FOUND = Probe(16, 20, [], 4, 2, Structure(None, 9, 16, 16))


def test_a_record_keeps_a_probe_and_the_weights_stay(tmp_path):
    folder = saved(characters(), tmp_path / "mine")
    weights = (folder / "model.safetensors").read_bytes()
    assert locate.read_record(folder).probe is None
    assert "probe" not in json.loads((folder / "record.json").read_text())
    probed = document("made", "test", FOUND, recall(characters(kernel_size=2, levels=1), lags=(3,)))
    write(folder, probed)
    assert locate.read_record(folder).probe == probed
    assert probed["recall"] == [{"lag": 3, "chance": 1 / 5}]
    assert "receptive_field" not in probed["structure"]
    assert (folder / "model.safetensors").read_bytes() == weights
    # It survives loading and saving.
    again = load(folder)
    again.save(tmp_path / "again")
    assert locate.read_record(tmp_path / "again").probe == probed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("effective",), None, "probe.effective: missing"),
        (("effective",), 1.5, "probe.effective: expected a whole number"),
        (("more",), 1, "probe.more: unknown key"),
        (("structure", "support"), "x", "probe.structure.support: expected a whole number"),
        (("context",), [{"steps": 1, "loss": "x", "influence": 1}], r"probe.context\[0\].loss: expected a number"),
    ],
)
def test_a_probe_is_checked_key_by_key(path, value, message):
    probed = document("made", "test", FOUND, [])
    place = probed
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(WeightsError, match=message):
        Record.from_json({**RECORD, "probe": probed}, "record.json")


def test_the_command(tmp_path, monkeypatch):
    folder = saved(characters(kernel_size=2, levels=1), tmp_path / "mine")
    (tmp_path / "text.txt").write_text(TEXT)
    arguments = ["probe", str(folder), str(tmp_path / "text.txt"), "--history", "8", "--windows", "5"]
    result = CliRunner().invoke(main, [*arguments, "--plot", str(tmp_path / "memory.png"), "--record"])
    assert result.exit_code == 0, result.output
    assert "text.txt all: 5 windows of up to 8 steps" in result.output
    assert "receptive field 3 steps" in result.output
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
    assert locate.read_record(folder).probe["structure"]["support"] == 3
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json", "--recall", "--lags", "3"]).stdout)
    assert {**found, "recall": []} == {"model": str(folder), **locate.read_record(folder).probe}
    assert found["recall"] == [{"lag": 3, "chance": 0.2}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.there"], "nothing.there"),
        (["gru_small.snips", "a.txt", "--dataset", "snips"], "--dataset: excludes DATA"),
        (["gru_small.snips", "--lags", "3"], "--lags: needs --recall"),
        (["gru_small.snips", "--plot", "memory.txt"], "unknown format: use .png"),
        (["gru_small.snips", "--history", "1"], "history"),
    ],
)
def test_bad_arguments_end_in_one_line(arguments, message):
    result = CliRunner().invoke(main, ["probe", *arguments])
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output


def test_bad_lags_of_the_command_are_named(tmp_path):
    folder = saved(characters(kernel_size=2, levels=1), tmp_path / "mine")
    (tmp_path / "text.txt").write_text(TEXT)
    arguments = ["probe", str(folder), str(tmp_path / "text.txt"), "--history", "8", "--recall", "--lags", "a"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "not a list of numbers" in result.output
    shutil.rmtree(folder)
