"""Answers of ONNX Runtime are those of Keras: over the shipped checkpoints, and for every task's options."""

import importlib
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.errors import InputError, StorageError, WeightsError
from zoo.export import cache
from zoo.export.predictor import ANSWERS, OPTIONS, greedy
from zoo.export.runners.sequence_to_sequence import beam_search
from zoo.inference import forecasting as inference
from zoo.metrics import forecasting
from zoo.preprocessing.symbols import pad
from zoo.tasks import TASKS, find_task

main = importlib.import_module("zoo.cli.main").main
QUICK = (
    "gru_small.forecasting",
    "gru_small.italy_power_demand",
    "gru_tiny.copy_memory_t500",
    "lstm_tiny.cmudict",
    "tcn_small.fsdd",
    "tcn_small.snips",
    "transformer_small.jsb_chorales",
)
EXPORTED = [name for name in locate.list_models() if locate.read_record(name).spec.task in ANSWERS]
WITH_EXAMPLES = [name for name in EXPORTED if locate.read_record(name).golden["inputs"]]
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WITH_EXAMPLES]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))


def test_options_are_those_of_the_tasks():
    assert set(OPTIONS) == set(ANSWERS) == set(TASKS)
    assert len(forecasting.QUANTILES) == inference.QUANTILES
    for name, options in OPTIONS.items():
        expected = {key: value for key, value in find_task(name).options.items() if key != "stress"}
        assert options == expected


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_record(name):
    golden = locate.read_record(name).golden
    predictor = cache.load_predictor(name)
    if predictor.spec.task == "forecasting":
        result = np.array(predictor.predict(golden["inputs"]))
        np.testing.assert_allclose(result, golden["outputs"], rtol=1e-4, atol=1e-4 * np.abs(result).max())
        return
    # A record's examples are answered as validation does it: greedily.
    options = {"beam_size": 1} if "beam_size" in predictor.options else {}
    assert predictor.predict(golden["inputs"], **options) == golden["outputs"]
    assert predictor.predict(golden["inputs"], batch_size=1, **options) == golden["outputs"]


def test_probabilities_and_beams_are_those_of_keras():
    from zoo.loading import load

    name = "gru_small.italy_power_demand"
    inputs = ["1,2,3,4,5", "5,4,3"]
    ours, expected = (model.predict(inputs, probabilities=True) for model in (cache.load_predictor(name), load(name)))
    for one, other in zip(ours, expected, strict=True):
        assert list(one) == list(other) and one == pytest.approx(other, abs=1e-5)
    words = ["cat", "phoneme", "culurciello"]
    name = "lstm_tiny.cmudict"
    assert cache.load_predictor(name).predict(words) == load(name).predict(words)


@pytest.mark.parametrize("name", ["lstm_tiny.cmudict", "transformer_small.cmudict"])
def test_greedy_decoding_is_a_search_with_one_beam(name):
    predictor = cache.load_predictor(name)
    words = ["a", "cat", "culurciello", "phoneme", "counterrevolutionary"]
    source = pad([predictor.preprocessor.encode_input(word) for word in words], 21)
    sessions = predictor.session("encoder.onnx"), predictor.session("decoder_step.onnx")
    for length in (6, 40):  # the longest outputs are cut, or end
        expected, _ = beam_search(*sessions, source, length, 1)
        assert greedy(*sessions, source, length).tolist() == expected[:, 0].tolist()


def test_graphs_are_kept_and_verified():
    name = "gru_small.italy_power_demand"
    expected = cache.load_predictor(name).predict(["1,2,3"])
    (folder,) = (locate.cache_folder() / "onnx").iterdir()
    graph = folder / "model.onnx"
    whole = graph.read_bytes()
    assert cache.load_predictor(name).predict(["1,2,3"]) == expected
    graph.write_bytes(whole[:-1] + b"x")  # a damaged graph is made again
    assert cache.load_predictor(name).predict(["1,2,3"]) == expected
    assert graph.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_obstacle(monkeypatch):
    def full(*arguments):
        raise StorageError("full")

    monkeypatch.setattr(cache, "write_folder", full)
    assert cache.load_predictor("gru_small.italy_power_demand").predict(["1,2,3"])


def test_weights_that_are_damaged_are_refused_although_graphs_are_kept(tmp_path):
    source = locate.shipped_folder() / "gru_small.italy_power_demand"
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in ("record.json", "model.safetensors"):
        (folder / file).write_bytes((source / file).read_bytes())
    cache.load_predictor(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="damaged"):
        cache.load_predictor(folder)


def test_unknown_options_are_refused():
    predictor = cache.load_predictor("gru_small.italy_power_demand")
    with pytest.raises(InputError, match="beam_size: unknown"):
        predictor.predict(["1,2"], beam_size=3)
    with pytest.raises(InputError, match="beam size"):
        cache.load_predictor("lstm_tiny.cmudict").predict(["cat"], beam_size=0)


def test_the_command_imports_no_framework():
    code = (
        "import sys, importlib; main = importlib.import_module('zoo.cli.main').main\n"
        "try: main(['predict', 'gru_small.italy_power_demand', '1,2,3'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_either_backend_can_be_asked_for(monkeypatch):
    outputs = {
        backend: CliRunner().invoke(main, ["predict", "gru_small.italy_power_demand", "1,2,3", "--backend", backend])
        for backend in ("onnx", "keras")
    }
    assert outputs["onnx"].exit_code == outputs["keras"].exit_code == 0
    assert outputs["onnx"].stdout == outputs["keras"].stdout
    monkeypatch.setattr(cache, "is_installed", lambda: False)
    result = CliRunner().invoke(main, ["predict", "gru_small.italy_power_demand", "1,2", "--backend", "onnx"])
    assert result.exit_code == 2 and "seqzoo[onnx]" in result.stderr


def test_an_architecture_without_graphs_is_answered_by_keras(monkeypatch):
    from zoo.export import backbones

    monkeypatch.setattr(backbones, "FAMILIES", {})
    command = ["predict", "gru_small.italy_power_demand", "1,2,3"]
    assert CliRunner().invoke(main, command).exit_code == 0
    for more in (["predict", *command[1:], "--backend", "onnx"], ["export", command[1], "out"]):
        result = CliRunner().invoke(main, more)
        assert result.exit_code == 2 and "gru: has no export to ONNX" in result.stderr
