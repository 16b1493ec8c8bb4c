"""Saving a checkpoint: the whole of it or nothing, and never in place of something else."""

import json
import os

import numpy as np
import pytest
from samples import save

from zoo.checkpoints import locate
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import InputError, NotFiniteError, StorageError, WeightsError


def snapshot(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_saving_again_replaces_the_whole_checkpoint(tmp_path):
    folder = tmp_path / "out" / "gru.words"
    save(folder)
    record = save(folder, {"new": np.ones(3)})
    assert set(snapshot(tmp_path / "out")) == {"gru.words/record.json", "gru.words/model.safetensors"}
    assert list(read_tensors(folder / "model.safetensors", record)) == ["new"]
    assert locate.read_record(folder) == record


def full_disk(handle):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tensors": {"t": np.array([np.nan])}}, NotFiniteError, "tensor t"),
        ({"licence": {}}, WeightsError, "gru.words/record.json: licence.weights: missing"),
        ({"metrics": [{}]}, WeightsError, r"metrics\[0\].dataset: missing"),
        ({"golden": {"inputs": [float("nan")], "outputs": [0]}}, WeightsError, "NaN is not finite"),
        ({"tensors": {}}, WeightsError, "weights.tensors: expected 1 to"),
        ("full disk", StorageError, "No space left on device"),
    ],
    ids=["nan", "licence", "metrics", "golden", "none", "full"],
)
def test_a_failed_save_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch, change, error, message):
    folder = tmp_path / "out" / "gru.words"
    save(folder)
    before = snapshot(tmp_path / "out")
    if change == "full disk":
        monkeypatch.setattr(os, "fsync", full_disk)
        change = {}
    with pytest.raises(error, match=message):
        save(folder, **change)
    assert snapshot(tmp_path / "out") == before
    assert os.listdir(tmp_path / "out") == ["gru.words"]


def test_a_failed_move_puts_the_old_checkpoint_back(tmp_path, monkeypatch):
    folder = tmp_path / "out" / "gru.words"
    save(folder)
    before = snapshot(tmp_path / "out")
    rename = os.rename

    def fail_on_the_new_folder(source, target):
        if str(source).endswith(".tmp"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_the_new_folder)
    with pytest.raises(StorageError, match="Input/output error"):
        save(folder, {"new": np.ones(3)})
    assert snapshot(tmp_path / "out") == before


def test_saving_never_removes_what_is_not_a_checkpoint(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"documents: holds 'letter.txt', which a checkpoint would replace"):
        save(folder)
    with pytest.raises(InputError, match="is a file; choose another name"):
        save(folder / "letter.txt")
    assert snapshot(folder) == {"letter.txt": b"dear"}
    (tmp_path / "empty").mkdir()
    save(tmp_path / "empty")
    assert json.loads((tmp_path / "empty" / "record.json").read_text())["name"] == "empty"
