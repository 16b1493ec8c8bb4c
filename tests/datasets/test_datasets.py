import concurrent.futures
import dataclasses
import functools
import hashlib
import importlib
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from faulty_server import BODY
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from zoo import datasets
from zoo.checkpoints.scores import NO_SHARES
from zoo.datasets import inputs
from zoo.datasets.adding import adding
from zoo.datasets.copy_memory import copy_memory
from zoo.datasets.poly_music import poly_music
from zoo.datasets.sentences import sentences
from zoo.datasets.snips import snips
from zoo.datasets.ucr import ucr
from zoo.errors import DownloadError, InputError


@pytest.mark.parametrize("name", ["cmudict", "intents", "poly_music", "sentences", "snips", "ucr"])
def test_every_file_that_is_fetched_has_a_checksum(name):
    module = importlib.import_module(f"zoo.datasets.{name}.{name}")
    if name in ("intents", "sentences"):
        urls = [url for config in module.CONFIGS.values() for url in config.urls.values()]
    elif name == "ucr":
        urls = [url for archive in ucr.CONFIGS.values() for url in archive.urls.values()]
    else:
        urls = list(module.URLS.values())
    assert set(tfds.builder_cls(name).url_infos) == set(urls)


@pytest.mark.parametrize("error", [OSError, DownloadError, tfds.download.DownloadError, NonMatchingChecksumError])
def test_files_that_cannot_be_fetched_are_one_line_that_says_what_to_do(monkeypatch, tmp_path, error):
    class Builder:
        data_dir = str(tmp_path / "fsdd" / "1.0.0")
        url_infos = {}

        def is_prepared(self):
            return False

        def download_and_prepare(self):
            raise error("https://example.org/a.zip:\n  not there")

    monkeypatch.setattr(tfds, "builder", lambda name: Builder())
    with pytest.raises(DownloadError, match="^dataset fsdd: https://example.org/a.zip: not there; .* ZOO_DATA_FILES"):
        datasets.load("fsdd", "test")


@pytest.mark.parametrize("name", ["fsdd", "imdb_reviews"])
def test_without_a_network_tfds_is_not_even_asked(name, monkeypatch, tmp_path, server):
    builder = tfds.builder(datasets.entry(name).tfds, data_dir=tmp_path)
    monkeypatch.setattr(tfds, "builder", lambda name: builder)
    monkeypatch.setattr(type(builder), "download_and_prepare", lambda self: pytest.fail("TFDS downloads"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(DownloadError, match=f"^dataset {name}: http.*: not tried, because ZOO_OFFLINE is set; with"):
        datasets.load(name, "test")


def test_a_dataset_is_prepared_once_however_many_ask_at_the_same_time(monkeypatch, tmp_path):
    made = []

    class SlowToPrepare(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({"number": np.int64}))

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            made.append(1)
            time.sleep(0.5)
            yield 0, {"number": 7}

    monkeypatch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=tmp_path))
    with concurrent.futures.ThreadPoolExecutor() as pool:  # two locks of a file exclude each other also in one process
        builders = list(pool.map(datasets._prepared, ["slow_to_prepare"] * 3))
    assert len(made) == 1
    assert [[int(row["number"]) for row in b.as_dataset(split="train")] for b in builders] == [[7]] * 3


def infos(contents):
    return {url: SimpleNamespace(size=len(c), checksum=hashlib.sha256(c).hexdigest()) for url, c in contents.items()}


def test_local_copies_are_known_by_their_content(tmp_path, monkeypatch):
    builder = SimpleNamespace(
        name="made", url_infos=infos({"https://x/a": b"one", "https://x/b": b"two", "https://x/c": b"six"})
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "anything.bin").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    monkeypatch.setenv("ZOO_DATA_FILES", str(tmp_path))
    paths = datasets.fetch(builder, None, {"first": "https://x/a", "second": "https://x/b"})
    assert paths == {"first": str(tmp_path / "a"), "second": str(tmp_path / "deep" / "anything.bin")}
    with pytest.raises(InputError, match="put a copy of https://x/c there"):
        datasets.fetch(builder, None, {"third": "https://x/c"})


def test_without_local_copies_files_are_fetched_and_checked(tmp_path, monkeypatch, server, waits):
    monkeypatch.delenv("ZOO_DATA_FILES", raising=False)
    builder = SimpleNamespace(name="made", url_infos=infos({server.url: BODY}))
    manager = SimpleNamespace(download_dir=tmp_path / "downloads")
    path = datasets.fetch(builder, manager, {"a": server.url})["a"]
    assert Path(path).read_bytes() == BODY and Path(path).parent == tmp_path / "downloads"
    # Nobody listens there: one error at once, no tries.
    builder = SimpleNamespace(name="made", url_infos=infos({"http://127.0.0.1:9/b": b"two"}))
    with pytest.raises(DownloadError, match="127.0.0.1:9/b: .*refused"):
        datasets.fetch(builder, manager, {"b": "http://127.0.0.1:9/b"})
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(DownloadError, match="ZOO_OFFLINE is set"):
        datasets.fetch(builder, manager, {"b": "http://127.0.0.1:9/b"})


SNIPS = {"tokens": b"play caf\xc3\xa9 blue\nrate it\n", "tags": b"O B-track I-track \nO O \n"}


def snips_files(**changed):
    files = {**SNIPS, "intent": b"PlayMusic\nRateBook\n", **changed}
    return {
        f"{split}/{field}": content for split in ("train", "validation", "test") for field, content in files.items()
    }


def test_snips_has_a_tag_a_word_and_an_intent(build):
    splits = build(snips, "snips", snips_files())
    assert list(splits) == ["train", "validation", "test"]
    first, second = splits["test"]
    assert [word.decode() for word in first["tokens"]] == ["play", "café", "blue"]
    assert first["tags"].tolist() == [b"O", b"B-track", b"I-track"]
    assert [first["intent"], second["intent"]] == [b"PlayMusic", b"RateBook"]


@pytest.mark.parametrize(
    "changed", [{"tags": b"O O\nO O\n"}, {"intent": b"PlayMusic\nSing\n"}, {"intent": b"PlayMusic\n"}]
)
def test_snips_files_that_do_not_fit_together_are_refused(tmp_path, changed):
    paths = []
    for name, content in {**SNIPS, "intent": b"PlayMusic\nRateBook\n", **changed}.items():
        (tmp_path / name).write_bytes(content)
        paths.append(str(tmp_path / name))
    with pytest.raises(ValueError, match="tags:[12]: not one tag per word|shorter than"):
        snips.read(*paths)


def mat(tmp_path, pieces):
    column = np.empty((1, len(pieces)), object)
    column[0] = pieces
    scipy.io.savemat(
        tmp_path / "music.mat", {"traindata": column, "validdata": column[:, :2], "testdata": column[:, 1:]}
    )
    return (tmp_path / "music.mat").read_bytes()


@pytest.mark.parametrize("config", ["jsb_chorales", "nottingham"])
def test_music_comes_back_frame_by_frame(tmp_path, build, config):
    random = np.random.default_rng(0)
    pieces = [random.integers(0, 2, (length, 88)).astype(np.uint8) for length in (3, 5, 4)]
    splits = build(poly_music, f"poly_music/{config}", {config: mat(tmp_path, pieces)})
    for split, expected in (("train", pieces), ("validation", pieces[:2]), ("test", pieces[1:])):
        result = [row["frames"] for row in splits[split]]
        assert len(result) == len(expected)
        for left, right in zip(result, expected, strict=True):
            assert left.dtype == np.uint8
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("wrong", [np.zeros((3, 87), np.uint8), np.full((3, 88), 2, np.uint8)])
def test_music_that_is_no_piano_roll_is_refused(tmp_path, wrong):
    mat(tmp_path, [np.zeros((4, 88), np.uint8), wrong])
    with pytest.raises(ValueError, match="piece 2 of traindata is not a roll"):
        poly_music.read(str(tmp_path / "music.mat"))


def test_cross_validated_sentences_are_split_by_a_hash(build):
    lines = [f"{i % 2} sentence number {i} ." for i in range(2_000)]
    lines += ["1 \x85caf\xe9 , it's fine ", "0 ", *lines[:50]]
    splits = build(sentences, "sentences/mr", {"all": "".join(f"{line}\n" for line in lines).encode("latin-1")})
    texts = {split: {row["text"].decode() for row in rows} for split, rows in splits.items()}
    assert sum(len(rows) for rows in splits.values()) == 2_051  # all but the one without a text
    assert "…café , it's fine" in set.union(*texts.values())
    assert not texts["train"] & (texts["validation"] | texts["test"])
    assert not texts["validation"] & texts["test"]
    assert abs(len(texts["train"]) / 2_001 - 0.8) < 0.03
    assert abs(len(texts["test"]) / 2_001 - 0.1) < 0.03
    for rows in splits.values():
        for row in rows:
            number = row["text"].decode().split()[2]
            if number.isdigit():
                assert row["label"].decode() == ("positive" if int(number) % 2 else "negative")


def test_texts_that_differ_in_case_and_blanks_stay_together():
    for i in range(100):
        assert sentences.hashed_split(f"A  Film {i}") == sentences.hashed_split(f"a film {i}")


def test_the_treebank_keeps_its_splits_and_has_five_classes(build):
    files = {split: f"{i} {split} \xe9\n4 b\n".encode() for i, split in enumerate(("train", "validation", "test"))}
    splits = build(sentences, "sentences/sst5", files)
    assert [row["text"].decode() for row in splits["validation"]] == ["validation é", "b"]
    assert [splits[split][0]["label"] for split in files] == [b"very negative", b"negative", b"neutral"]
    assert splits["test"][1]["label"] == b"very positive"


def test_a_sentence_of_an_unknown_class_is_refused(tmp_path):
    (tmp_path / "x").write_text("0 a\n2 b\n")
    with pytest.raises(ValueError, match="x:2: class '2'"):
        sentences.read(str(tmp_path / "x"), sentences.CONFIGS["cr"])


def series_file(labels: str) -> bytes:
    header = "@univariate false\n@dimensions 6\n@classLabel true a b\n@data\n"
    rows = [":".join(f"{i},{i + channel}" for channel in range(6)) + f":{label}\n" for i, label in enumerate(labels)]
    return (header + "".join(rows)).encode()


def test_series_keep_their_test_split_and_every_fifth_of_a_label_validates(build):
    splits = build(ucr, "ucr/basic_motions", {"train": series_file("aaaaabbbbbbbbbbb"), "test": series_file("ab")})
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 13, "validation": 3, "test": 2}
    assert [row["label"] for row in splits["validation"]] == [b"a", b"b", b"b"]
    assert [int(row["series"][0, 0]) for row in splits["validation"]] == [4, 9, 14]
    np.testing.assert_array_equal(splits["test"][1]["series"], [np.full(6, 1), 1 + np.arange(6)])


def test_pixels_are_read_row_by_row_or_in_one_order_for_all():
    image = np.arange(784, dtype=np.uint8).reshape(28, 28, 1)
    series = inputs.pixels(image)
    assert series.shape == (784, 1) and series.dtype == np.float32
    np.testing.assert_array_equal(series[:30, 0] * 255, np.arange(30))
    shuffled = inputs.permuted_pixels(image)
    assert sorted(shuffled.ravel()) == sorted(series.ravel()) and not np.array_equal(shuffled, series)
    # Another order would make other data of the same name.
    assert hashlib.sha256(shuffled.tobytes()).hexdigest()[:16] == "fc7d5e75983b7c28"


def test_adding_marks_two_numbers_and_asks_for_their_sum():
    inputs, targets = adding.draw(np.random.default_rng(0), 2_000, 7)
    assert inputs.dtype == targets.dtype == np.float32
    values, marks = inputs[..., 0], inputs[..., 1]
    assert values.min() >= 0 and values.max() < 1 and abs(values.mean() - 0.5) < 0.02
    assert (marks.sum(1) == 2).all() and set(marks.ravel()) == {0, 1}
    np.testing.assert_allclose((values * marks).sum(1), targets, rtol=1e-6)
    assert (np.abs(marks.mean(0) - 2 / 7) < 0.05).all()  # every step is marked as often
    assert abs(np.mean((targets - 1) ** 2) - 1 / 6) < 0.02


def test_copy_memory_asks_for_the_symbols_at_the_end():
    inputs, targets = copy_memory.draw(np.random.default_rng(0), 500, 30)
    assert inputs.shape == targets.shape == (500, 50)
    assert set(inputs[:, :10].ravel()) == set(range(1, 9))
    assert (inputs[:, 10:39] == 0).all() and (inputs[:, 39:] == 9).all()
    assert (targets[:, :40] == 0).all()
    np.testing.assert_array_equal(targets[:, 40:], inputs[:, :10])


@pytest.mark.parametrize("module, shape", [(adding, (9, 2)), (copy_memory, (29,))])
def test_generated_sets_are_the_same_each_time_and_differ_between_splits(build, tmp_path, monkeypatch, module, shape):
    name = module.__name__.rpartition(".")[2]
    monkeypatch.setattr(module, "LENGTHS", {"t200": 9, "t500": 9})
    monkeypatch.setattr(module, "SIZES", {"train": 25, "validation": 10, "test": 10})
    if module is adding:
        monkeypatch.setattr(module, "_BLOCK", 10)
    splits = build(module, f"{name}/{'t200' if module is adding else 't500'}")
    assert [len(rows) for rows in splits.values()] == [25, 10, 10]
    assert splits["train"][0]["inputs"].shape == shape
    every = [row["inputs"].tobytes() for rows in splits.values() for row in rows]
    assert len(set(every)) == 45
    (tmp_path / "prepared").rename(tmp_path / "before")
    again = build(module, f"{name}/{'t200' if module is adding else 't500'}")
    assert [row["inputs"].tobytes() for rows in again.values() for row in rows] == every


def test_every_entry_names_a_builder_and_fields_that_it_has():
    for name, entry in datasets.DATASETS.items():
        if entry.parts:
            assert all(
                split in datasets.DATASETS[part].splits for joined in entry.parts.values() for part, split in joined
            )
            continue
        if entry.module is not None:
            importlib.import_module(entry.module)
        features = tfds.builder(entry.tfds).info.features
        targets = entry.target if isinstance(entry.target, tuple) else (entry.target,)
        for field in (entry.input, *targets):
            assert field in features, (name, field)
        assert set(entry.slices) <= set(entry.splits)
        for figure in entry.published:
            for metric, value in figure["values"].items():
                assert value >= 0 and (metric in NO_SHARES or value <= 1), (name, metric)


def test_a_row_is_read_as_its_task_wants_it(build, monkeypatch, tmp_path, capfd):
    files = {}
    for split in ("train", "validation", "test"):
        files[f"{split}/tokens"] = b"play abba now\n"
        files[f"{split}/tags"] = b"O B-artist O\n"
        files[f"{split}/intent"] = b"PlayMusic\n"
    build(snips, "snips", files)
    make = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: make(name, data_dir=tmp_path / "elsewhere"))
    capfd.readouterr()
    first = datasets.load("snips", "test")
    captured = capfd.readouterr()
    # Standard output is for the command's own: JSON, for instance.
    assert captured.out == "" and "prepared to" in captured.err and "deprecated" not in captured.err
    (text,), (target,) = first.inputs, first.targets
    assert text == "play abba now" and target == "O B-artist O\tPlayMusic"
    with pytest.raises(InputError, match="no split 'dev'"):
        datasets.load("snips", "dev")
    monkeypatch.setitem(
        datasets.DATASETS, "x", dataclasses.replace(datasets.DATASETS["snips"], read=lambda text: text.upper())
    )
    assert datasets.load("x", "test").inputs == ["PLAY ABBA NOW"]
    label = tfds.features.ClassLabel(names=["neg", "pos"])
    assert datasets._value(label, np.int64(1)) == "pos"
