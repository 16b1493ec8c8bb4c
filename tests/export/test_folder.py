"""Exported folders: their programs, what refuses to be written, and that nothing is left half-written."""

import ast
import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.checkpoints.document import blank_document
from zoo.data.examples import Examples
from zoo.export import cache
from zoo.export import folder as folders
from zoo.export.graph import IR_VERSION, OPSET
from zoo.export.predictor import open_session
from zoo.fitting.fine_tuning import fine_tune
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import ByteSubwords
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.tasks import TASKS, find_task

main = importlib.import_module("zoo.cli.main").main
RUNNERS = sorted((Path(folders.__file__).parent / "runners").glob("[a-z]*.py"))


def zoo(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def test_every_task_has_a_program():
    assert set(folders.RUNNERS) == set(TASKS)
    assert {file.stem for file in RUNNERS} == set(folders.RUNNERS.values())


@pytest.mark.parametrize("file", RUNNERS, ids=lambda file: file.stem)
def test_programs_are_short_and_need_little(file):
    source = file.read_text("utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    written = {"zoo"} if file.stem == "forecasting" else set()  # modules of the zoo beside the program
    assert imported - set(sys.stdlib_module_names) <= {"numpy", "onnxruntime", "tokenizers"} | written
    assert len(source.splitlines()) <= 85


INPUTS = {
    "lstm_tiny.cmudict": ["cat", "phoneme"],
    "gru_small.snips": ["play the latest album by björk"],
    "gru_small.film_reviews": ["A lovely film.", "dull and long"],
    "gru_small.italy_power_demand": [",".join(str(x % 7) for x in range(24))],
    "gru_tiny.adding_t200": ["[[0.5, 1.0], [0.25, 0.0], [0.75, 1.0]]"],
    "gru_tiny.copy_memory_t500": ["[1, 2, 3, 0, 0, 9]"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
def test_a_program_answers_as_the_zoo_does(name, tmp_path):
    from zoo.loading import load

    folders.export(name, tmp_path / "out")
    command = [sys.executable, str(tmp_path / "out" / "runner.py"), *INPUTS[name]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read = [json.loads(value) if value.startswith("[") else value for value in INPUTS[name]]
    expected = load(name).predict(read)
    lines = done.stdout.splitlines()
    if isinstance(expected[0], str):
        assert lines == [f"{value}\t{answer}" for value, answer in zip(INPUTS[name], expected, strict=True)]
    else:
        np.testing.assert_allclose([json.loads(line) for line in lines], expected, atol=1e-4)


def test_the_program_of_a_tagger_from_a_language_model_answers_as_the_zoo_does(tmp_path):
    """It reads a word at its last subword."""
    texts = [f"play the unheard {i} song" for i in range(24)]
    architecture, task = registry.find_backbone("transformer"), find_task("language_modelling")
    preprocessor = SubwordTextPreprocessor(ByteSubwords.learn(texts, 280), 32)
    base = Pipeline(task.spec(architecture, "tiny", preprocessor, architecture.sizes["tiny"]), blank_document("made"))
    rows = Examples(texts, ["O O B-a I-a O"] * 24, [f"made:{i}" for i in range(24)])
    mine = fine_tune(base, rows, task="tagging", epochs=1, output=tmp_path / "mine")
    assert mine.preprocessor.lookahead
    folders.export(str(tmp_path / "mine"), tmp_path / "out")
    places = mine.preprocessor.encode_input(texts[0])[1]
    program = runpy.run_path(str(tmp_path / "out" / "runner.py"))
    session, described = program["read_session"](str(tmp_path / "out" / "model.onnx"))
    tokenizer, prefix = program["make_tokenizer"](described["preprocessor"]["tokenizer"])
    tokens, read = program["encode"](tokenizer, prefix, described["preprocessor"], texts[0])
    assert read.tolist() == [places]
    (tags,) = session.run(["tags"], {"tokens": tokens, "mask": tokens > 0, "first": read})
    np.testing.assert_allclose(tags[0, 0], mine.task.logits(mine, texts[0]), atol=1e-4)


@pytest.mark.parametrize(
    "name", ["lstm_small.tiny_shakespeare", "gru_small.jsb_chorales", "transformer_tiny.copy_memory_t500"]
)
def test_steps_of_a_stream_equal_the_whole_sequence(name, tmp_path):
    folder = folders.export(name, tmp_path / "out").folder
    spec = importlib.util.spec_from_file_location("runner", folder / "runner.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    session = open_session(folder / "model.onnx")
    (described,) = session.get_inputs()
    generator = np.random.default_rng(0)
    if described.name == "tokens":
        whole = generator.integers(1, 9, (1, 40)).astype("int32")
    else:
        whole = (generator.random((1, 40, described.shape[2])) < 0.1).astype("float32")
    (logits,) = session.run(["logits"], {described.name: whole})
    streams = [program.Stream(str(folder / "step.onnx")) for _ in range(2)]
    steps = [[stream.step(x) for stream in streams] for x in whole[0]]
    for result in zip(*steps, strict=True):  # each stream holds its own state
        np.testing.assert_allclose(np.stack(result), logits[0], rtol=0, atol=1e-5 * np.abs(logits).max())


def test_the_program_of_a_forecaster_needs_no_zoo(tmp_path):
    """Its folder has the modules that read a series; -I keeps the zoo of this environment out."""
    folders.export("tcn_small.forecasting", tmp_path / "out")
    values = [float(x % 7 + x / 10) for x in range(60)]
    text = ",".join(map(str, values[:30])) + ",," + ",".join(map(str, values[31:]))
    (tmp_path / "column.txt").write_text(text.replace(",", "\n"))
    start = f"import runpy, sys; sys.path.insert(0, {str(tmp_path / 'out')!r});"
    start += f"runpy.run_path({str(tmp_path / 'out' / 'runner.py')!r}, run_name='__main__');"
    start += "assert 'keras' not in sys.modules and 'out' in sys.modules['zoo'].__file__"
    command = [sys.executable, "-I", "-c", start, text, str(tmp_path / "column.txt")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == 2 * 25 and lines[1:25] == lines[26:]
    values[30] = None
    (expected,) = cache.load_predictor("tcn_small.forecasting").predict([values])
    result = np.array([[float(cell) for cell in line[1:]] for line in lines[1:25]])
    np.testing.assert_allclose(result, expected[:, [4, 0, 8]], rtol=1e-5)


def test_metadata_and_versions(tmp_path):
    exported = folders.export("gru_small.italy_power_demand", tmp_path / "out")
    model = onnx.load(exported.folder / "model.onnx")
    assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET)
    described = json.loads({prop.key: prop.value for prop in model.metadata_props}["zoo"])
    record = locate.read_record("gru_small.italy_power_demand")
    assert described["preprocessor"] == record.spec.preprocessor
    assert described["weights_sha256"] == record.weights.sha256 and described["licence"] == record.licence
    report = json.loads((exported.folder / "export.json").read_text())
    assert report["files"] == {"model.onnx": (exported.folder / "model.onnx").stat().st_size}
    folders.export("gru_small.italy_power_demand", tmp_path / "out")  # replaces an export
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_int8_is_smaller_and_answers_alike(tmp_path):
    whole = folders.export("gru_small.fsdd", tmp_path / "whole")
    small = folders.export("gru_small.fsdd", tmp_path / "small", int8=True)
    assert small.files["model.onnx"] < 0.3 * whole.files["model.onnx"]
    generator = np.random.default_rng(0)
    features = generator.normal(size=(2, 30, 40)).astype("float32")
    inputs = {"features": features, "mask": np.ones((2, 30), bool)}
    logits = [open_session(one.folder / "model.onnx").run(["logits"], inputs)[0] for one in (whole, small)]
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.02 * np.abs(logits[0]).max()


@pytest.mark.parametrize("name", ["lstm_tiny.cmudict", "gru_tiny.adding_t200"])
def test_int8_of_steps_and_of_encoders(name, tmp_path):
    exported = folders.export(name, tmp_path / "small", int8=True)
    assert all(open_session(exported.folder / file).get_outputs() for file in exported.files)


def test_a_bidirectional_model_has_no_step(tmp_path):
    exported = folders.export("gru_small.italy_power_demand", tmp_path / "out")
    assert set(exported.files) == {"model.onnx"}


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["export", "gru_smal.cmudict", "out"], 2, "nearest"),
        (["export", "gru_small.cmudict", "file"], 2, "is a file"),
        (["export", "gru_small.cmudict", "other"], 2, "holds other files"),
        (["export", "gru_small.cmudict", "out", "--format", "litert", "--int8"], 2, "--int8"),
        (["export", "gru_small.cmudict", "out", "--length", "4"], 2, "--length"),
        (["export", "gru_small.cmudict", "/proc/out"], 4, "/proc"),
    ],
)
def test_what_cannot_be_exported_is_one_line(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("other").mkdir()
    Path("other", "mine.txt").write_text("")
    result = zoo(*arguments)
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ") and words in line
    assert sorted(os.listdir()) == ["file", "other"] and os.listdir("other") == ["mine.txt"]


@pytest.mark.parametrize("format, words", [("saved_model", "KERAS_BACKEND=tensorflow"), ("litert", "TensorFlow")])
def test_other_formats_are_refused_with_the_reason(format, words, tmp_path, monkeypatch):
    import keras

    if keras.backend.backend() == "tensorflow":
        format, words = "litert", "--length"
    monkeypatch.chdir(tmp_path)
    result = zoo("export", "gru_small.italy_power_demand", "out", "--format", format)
    assert result.exit_code == 2 and words in result.stderr
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    from zoo.export import files

    monkeypatch.setattr(files.os, "fsync", full)
    monkeypatch.chdir(tmp_path)
    result = zoo("export", "gru_small.italy_power_demand", "out")
    assert result.exit_code == 4 and "No space left" in result.stderr
    assert os.listdir(tmp_path) == []
