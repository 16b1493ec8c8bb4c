"""The spoken digits: splits, folders, archives, and what is refused."""

import io
import tarfile
import wave

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.datasets.fsdd import fsdd
from zoo.errors import DownloadError, InputError


def wav(values, rate=8_000):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(np.asarray(values, "<i2").tobytes())
    return file.getvalue()


@pytest.fixture
def recordings(monkeypatch):
    """Stands in for the 3,000: two digits, two speakers, twelve takes, each its own number of samples."""
    names = [(d, s, i) for d in "07" for s in ("theo", "yweweler") for i in range(12)]
    made = {f"{d}_{s}_{i}.wav": wav(np.arange(i + 1) * (-1 if d == "7" else 1)) for d, s, i in names}
    monkeypatch.setattr(fsdd, "SHA256", fsdd.fingerprint(made))
    return made


def test_spoken_digits_from_a_folder_are_split_by_take(tmp_path, build, recordings, monkeypatch):
    (tmp_path / "copies").mkdir()
    for name, data in recordings.items():
        (tmp_path / "copies" / name).write_bytes(data)
    monkeypatch.setenv("ZOO_DATA_FILES", str(tmp_path / "copies"))
    splits = build(fsdd, "fsdd/readme")
    takes = {split: sorted({int(row["index"]) for row in rows}) for split, rows in splits.items()}
    assert takes == {"train": [10, 11], "validation": [5, 6, 7, 8, 9], "test": [0, 1, 2, 3, 4]}
    assert [len(rows) for rows in splits.values()] == [8, 20, 20]
    last = splits["train"][-1]
    assert (last["label"], last["speaker"], last["index"]) == (b"7", b"yweweler", 11)
    np.testing.assert_array_equal(last["audio"], -np.arange(12))
    assert last["audio"].dtype == np.int16


def archive(tmp_path, recordings):
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as file:
        for name, data in [*recordings.items(), ("README.md", b"read me")]:
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-1/recordings/{name}")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return tmp_path / "archive.tar.gz"


def test_spoken_digits_from_the_archive_with_a_speaker_held_out(tmp_path, build, recordings, monkeypatch):
    monkeypatch.delenv("ZOO_DATA_FILES", raising=False)
    path = archive(tmp_path, recordings)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: {fsdd.URL: path}[url])
    splits = build(fsdd, "fsdd/speaker")
    assert {split: {row["speaker"] for row in rows} for split, rows in splits.items()} == {
        "train": {b"theo"},
        "validation": {b"theo"},
        "test": {b"yweweler"},
    }
    assert {int(row["index"]) for row in splits["validation"]} == {5, 6, 7, 8, 9}
    assert [len(rows) for rows in splits.values()] == [14, 10, 24]


def test_other_recordings_and_damaged_archives_are_refused(tmp_path, recordings):
    whole = archive(tmp_path, recordings).read_bytes()
    assert fsdd.read_archive(tmp_path / "archive.tar.gz") == recordings
    for damaged in (whole[:-500], whole[:200] + b"\0" * 50 + whole[250:], b"not an archive"):
        (tmp_path / "archive.tar.gz").write_bytes(damaged)
        with pytest.raises(DownloadError, match="damaged: delete it"):
            fsdd.read_archive(tmp_path / "archive.tar.gz")
    changed = {**recordings, "0_theo_0.wav": wav([1])}
    with pytest.raises(DownloadError, match="not the recordings"):
        fsdd.read_archive(archive(tmp_path, changed))
    (tmp_path / "0_theo_0.wav").write_bytes(recordings["0_theo_0.wav"])
    with pytest.raises(InputError, match="1 spoken digits, not the 3,000"):
        fsdd.read_folder(tmp_path)
    with pytest.raises(ValueError, match="8,000 Hz"):
        fsdd.samples(wav([1, 2], rate=16_000))


def test_the_splits_of_all_spoken_digits_have_the_sizes_that_are_written():
    takes = [(speaker, index) for speaker in fsdd.SPEAKERS for index in range(50) for _ in fsdd.LABELS]
    for split, sizes in ((fsdd.readme_split, (2_400, 300, 300)), (fsdd.speaker_split, (2_250, 250, 500))):
        result = [split(speaker, index) for speaker, index in takes]
        assert tuple(result.count(name) for name in ("train", "validation", "test")) == sizes
