"""Generation: equal to the whole sequence, same seed same output, sampling against NumPy, MIDI, the command."""

import importlib
import json
from pathlib import Path

import mido
import numpy as np
import pytest
from click.testing import CliRunner
from keras import ops
from samples import document, reviews, tunes, verses

import zoo
from zoo import datasets
from zoo.errors import InputError
from zoo.fitting.setup import fresh
from zoo.inference.generation import generate, stream
from zoo.inference.sampling import CHUNK, draw_keys, draw_noise, draw_symbol, filtered
from zoo.models import registry
from zoo.preprocessing.midi import read_midi, write_midi
from zoo.tasks import find_task

main = importlib.import_module("zoo.cli.main").main
SETTINGS = [(1.0, 5, 1.0), (0.5, 3, 1.0), (2.0, 5, 0.6), (1.0, 2, 0.9), (1.0, 1, 1.0), (0.7, 5, 0.01), (1.3, 4, 0.75)]
FRAMES = [[60, 64], [60, 64], [62], [], [60, 67], [60], []]


def writer(family):
    return fresh(find_task("language_modelling"), family, "tiny", verses(), seed=1)


def composer(family):
    return fresh(find_task("music_modelling"), family, "tiny", tunes(), seed=1)


@pytest.mark.parametrize(
    ("family", "prompt"),
    [*((family, "hey la fa doo " * 3) for family in registry.ARCHITECTURES), ("gru", ""), ("gru", "l")],
)
def test_greedy_text_is_what_the_whole_sequence_gives(family, prompt):
    pipeline = writer(family)
    predictions = generate(pipeline, prompt, 30, temperature=0)
    ids = pipeline.preprocessor.encode_input(prompt + predictions)
    logits = ops.convert_to_numpy(pipeline.model({"tokens": np.array([[0, *ids[:-1]]])}))[0]
    assert len(predictions) == 30
    assert predictions == pipeline.preprocessor.decode(logits.argmax(-1)[len(prompt) :] + 1)


@pytest.mark.parametrize(
    ("family", "given"), [*((family, CHUNK + 3) for family in registry.ARCHITECTURES), ("gru", 1), ("gru", CHUNK + 1)]
)
def test_greedy_music_is_what_the_whole_sequence_gives(family, given):
    pipeline = composer(family)
    prompt = np.resize(tunes().inputs[0], (given, 88))
    added = generate(pipeline, prompt, 30, temperature=0)
    roll = np.concatenate([prompt, pipeline.preprocessor.encode_input(added)])
    logits = ops.convert_to_numpy(pipeline.model({"features": roll[None, :-1].astype("float32")}))[0]
    assert len(added) == 30
    assert added == pipeline.preprocessor.decode(logits[given - 1 :] > 0)


def test_the_seed_decides():
    pipeline = writer("gru")

    def text(**settings):
        return pipeline.generate("la", 50, **settings)

    first = text(seed=1)
    assert text(seed=1) == "".join(stream(pipeline, "la", 50, seed=1)) == first != text(seed=2)
    assert text(seed=1, top_k=len(pipeline.preprocessor.symbols), top_p=1.0) == first
    assert text(seed=1, top_k=1) == text(seed=2, top_p=1e-6) == text(temperature=0)
    assert first.startswith(pipeline.generate("la", 7, seed=1))
    player, piece = composer("gru"), [[40, 52], [40, 54]]
    assert player.generate(piece, 40, seed=1) == player.generate(piece, 40, seed=1)
    assert player.generate(piece, 40, seed=1) != player.generate(piece, 40, seed=2)


def test_a_stream_comes_in_parts():
    pipeline = writer("gru")
    parts = list(stream(pipeline, "la" * CHUNK, 3 * CHUNK, seed=1))
    assert [len(part) for part in parts] == [CHUNK] * 3
    assert [len(part) for part in stream(pipeline, "la", CHUNK, seed=1)] == [CHUNK - 2, 2]


def plain(logits, temperature, top_k, top_p):
    """Sampling filters, one symbol at a time."""
    scaled = logits / temperature
    order = sorted(range(len(logits)), key=lambda i: -scaled[i])[:top_k]
    shares = np.exp(scaled[order] - scaled[order[0]])
    shares /= shares.sum()
    kept, before = [], 0.0
    for i, share in zip(order, shares, strict=True):
        if before < top_p:
            kept.append(i)
        before += share
    probabilities = np.zeros(len(logits))
    probabilities[kept] = np.exp(scaled[kept] - scaled[kept].max())
    return probabilities / probabilities.sum()


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_filters_equal_plain_numpy(temperature, top_k, top_p):
    logits = np.random.default_rng(3).normal(size=(6, 5)).astype("float32") * 2
    result = filtered(ops.convert_to_tensor(logits), temperature, top_k, top_p)
    shares = ops.convert_to_numpy(ops.softmax(result, axis=-1))
    for row, share in zip(logits, shares, strict=True):
        np.testing.assert_allclose(share, plain(row, temperature, top_k, top_p), atol=1e-5)


def test_draws_are_as_frequent_as_they_are_likely():
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], "float32"))
    draws = 200 * CHUNK
    noise = draw_noise("gumbel", 4, 1.0, seed=5)
    many = np.concatenate([next(noise) for _ in range(200)])
    rows = ops.convert_to_tensor(np.tile(logits, (draws, 1)))
    ids = ops.convert_to_numpy(
        draw_symbol(rows, ops.convert_to_tensor(many), ops.convert_to_tensor(np.array([1, 3, 1, 1], "float32")))
    )
    expected = plain(logits, 1, 3, 1)
    counts = np.bincount(ids - 1, minlength=4)
    assert (np.abs(counts - draws * expected) <= 5 * np.sqrt(draws * expected * (1 - expected))).all()
    keys = np.array([-1.0, 0.0, 2.0], "float32")
    noise = draw_noise("logistic", 3, 1.0, seed=5)
    many = np.concatenate([next(noise) for _ in range(200)])
    drawn = ops.convert_to_numpy(
        draw_keys(ops.convert_to_tensor(np.tile(keys, (draws, 1))), ops.convert_to_tensor(many), [2.0])
    )
    expected = 1 / (1 + np.exp(-keys / 2))
    assert (np.abs(drawn.sum(0) - draws * expected) <= 5 * np.sqrt(draws * expected * (1 - expected))).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "length 0: give 1 to 1,000,000"),
        ({"temperature": -1}, "temperature -1"),
        ({"temperature": 0.001}, "temperature 0.001"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"top_k": 0}, "top-k 0: give 1 to 10"),
        ({"top_k": 11}, "top-k 11"),
        ({"top_p": 0}, "top-p 0"),
        ({"top_p": 1.5}, "top-p 1.5"),
        ({"seed": -1}, "seed -1"),
        ({"prompt": "laX"}, "character 3, 'X', is unknown"),
    ],
)
def test_settings_out_of_range(settings, message):
    pipeline = writer("gru")
    assert len(pipeline.preprocessor.symbols) == 10
    with pytest.raises(InputError, match=message):
        stream(pipeline, **{"prompt": "la", **settings})  # at once, not when the first part is asked for


def test_models_that_cannot_go_on():
    music = composer("gru")
    with pytest.raises(InputError, match="top-k and top-p choose among characters"):
        generate(music, [[60]], 3, top_k=2)
    with pytest.raises(InputError, match="the piece is empty"):
        generate(music, [], 3)
    labels = fresh(find_task("classification"), "gru", "tiny", reviews(), seed=1)
    with pytest.raises(InputError, match="gru is a model of classification, which does not predict a next step"):
        generate(labels, "good", 3)
    learned = fresh(find_task("language_modelling"), "transformer", "tiny", verses(), 1, positions="learned")
    assert len(generate(learned, "la", 14)) == 14
    with pytest.raises(InputError, match="are 17 steps, but this model's positions end at 16"):
        generate(learned, "la", 15)


def test_midi_comes_back(tmp_path):
    for seconds in (0.05, 0.5, 2.5):
        write_midi(FRAMES, tmp_path / "a.mid", seconds)
        assert read_midi(tmp_path / "a.mid", seconds) == FRAMES[:-1]  # silence at the end is no note
    file = mido.MidiFile(tmp_path / "a.mid")
    assert file.length == pytest.approx(2.5 * len(FRAMES), abs=0.01)
    assert sum(message.type == "note_on" for message in file) == 5  # held notes are struck once


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "not a MIDI file"),
        (b"MThd", "not a MIDI file"),
        (b"hello, this is no music at all" * 10, "not a MIDI file"),
        (b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00", "has no notes"),
        (b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x08\x00\x90\x05\x40\x00\xff\x2f\x00", "note 5"),
    ],
)
def test_bad_midi_files(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_midi(tmp_path / "a.mid", 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of characters and one of music, saved."""
    folder = tmp_path_factory.mktemp("models")
    for name, task, examples in (("words", "language_modelling", verses()), ("songs", "music_modelling", tunes())):
        pipeline = fresh(find_task(task), "gru", "tiny", examples, seed=1)
        pipeline.document = document(name, "jsb_chorales" if name == "songs" else "tiny_shakespeare")
        pipeline.save(folder / name)
    labels = fresh(find_task("classification"), "gru", "tiny", reviews(), seed=1)
    labels.document = document("labels")
    labels.save(folder / "labels")
    return folder


@pytest.fixture
def run(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", lambda name, split: tunes())
    for name in ("words", "songs", "labels"):
        Path(name).symlink_to(folder / name)
    return lambda *arguments: CliRunner().invoke(main, ["generate", *arguments])


def test_the_command_writes_texts(run):
    plain = run("./words", "--prompt", "la ", "--length", "40", "--seed", "3")
    assert plain.exit_code == 0 and plain.stdout.startswith("la ") and len(plain.stdout) == 3 + 40 + 1
    assert run("./words", "--prompt", "la ", "--length", "40", "--seed", "3", "--stream").stdout == plain.stdout
    result = json.loads(run("./words", "--prompt", "la ", "--length", "40", "--seed", "3", "--json").stdout)
    assert result["prompt"] + result["output"] + "\n" == plain.stdout
    assert result["output"] == zoo.load("./words").generate("la ", 40, seed=3)
    Path("prompt.txt").write_text("la ")
    assert run("./words", "--file", "prompt.txt", "--length", "40", "--seed", "3").stdout == plain.stdout


def test_help_shows_examples():
    text = CliRunner().invoke(main, ["generate", "--help"]).stdout
    assert text.count("  zoo generate ") == 2 and "Examples:" in text


def test_the_command_writes_music(run):
    result = run("./songs", "--piece", "2", "--length", "5", "--output", "a.mid", "--plot", "a.png")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    added = [[int(note) for note in line.split()] for line in lines]
    given = [(np.flatnonzero(frame) + 21).tolist() for frame in tunes().inputs[1][:16]]
    whole = [*given, *added]
    while not whole[-1]:
        whole.pop()
    assert len(added) == 5 and read_midi("a.mid", 0.5) == whole
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    Path("a.json").write_text(json.dumps(given))
    assert run("./songs", "--file", "a.json", "--length", "5", "--stream").stdout == result.stdout
    write_midi(given, "b.mid", 0.25)
    assert run("./songs", "--file", "b.mid", "--seconds", "0.25", "--length", "5").stdout == result.stdout
    found = json.loads(run("./songs", "--file", "a.json", "--frames", "3", "--json").stdout)
    assert found["prompt"] == given[:3] and len(found["output"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["./words", "--prompt", "laX"], "character 3, 'X', is unknown to this model"),
        (["./words", "--temperature", "-1"], "temperature -1: give 0"),
        (["./words", "--length", "0"], "length 0: give 1 to 1,000,000"),
        (["./words", "--top-k", "500"], "top-k 500: give 1 to 10"),
        (["./words", "--top-p", "0"], "top-p 0: give a probability"),
        (["./words", "--stream", "--json"], "give one of them"),
        (["./words", "--prompt", "a", "--file", "b"], "give one of them"),
        (["./words", "--file", "none.txt"], "none.txt: No such file"),
        (["./words", "--output", "a.mid"], "--output: only for music"),
        (["./songs", "--prompt", "la"], "--prompt: only for text"),
        (["./songs", "--piece", "99"], "--piece 99: jsb_chorales test has 12"),
        (["./songs", "--frames", "99"], "--frames 99: piece 1 of jsb_chorales test has"),
        (["./songs", "--dataset", "tiny_shakespeare"], "has no music"),
        (["./songs", "--file", "a.wav"], "give music as .mid"),
        (["./songs", "--file", "a.json", "--piece", "1"], "give one of them"),
        (["./songs", "--output", "a.mp3"], "ends in .mid"),
        (["./songs", "--plot", "a.gif"], "unknown format: use .png"),
        (["./songs", "--seconds", "0"], "0 seconds per frame"),
        (["./songs", "--top-k", "3"], "top-k and top-p choose among characters"),
        (["./labels"], "./labels: classification predicts no next step"),
        (["gru_small.cmudict"], "gru_small.cmudict: sequence_to_sequence predicts no next step"),
        (["none.such"], "none.such"),
    ],
)
def test_bad_words_are_one_line(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2 and not isinstance(result.exception, InputError)
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not result.stdout and not list(Path().glob("a.*"))
