"""The Free Spoken Digit Dataset v1.0.10, digits by six speakers at 8 kHz, as a TFDS builder."""

import gzip
import hashlib
import os
import re
import tarfile
import wave
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.errors import DownloadError, InputError

RATE = 8_000
"""Samples per second."""

LABELS = tuple("0123456789")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
HELD_OUT = "yweweler"
"""Speaker that ``speaker`` leaves out of training: the last one by name, not chosen by a score."""

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz"
# GitHub creates the archive on request and does not guarantee its bytes (github.blog, 2023-02-21). Therefore
# checksums.tsv cannot list it, and the recordings are checked instead. This is the SHA-256 of the output of
# `LC_ALL=C sha256sum *.wav` in their folder.
SHA256 = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"

_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")


def fingerprint(recordings: dict[str, bytes]) -> str:
    """Returns the SHA-256 of the names and SHA-256s of the recordings, sorted by name."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(recordings.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_archive(path: str | os.PathLike) -> dict[str, bytes]:
    """Returns the recordings in a tar archive by name, from any folder.

    Raises:
        DownloadError: The recordings are not those of v1.0.10, or the archive is damaged.
    """
    recordings = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if _NAME.fullmatch(Path(member.name).name) else None
                if file is not None:
                    recordings[Path(member.name).name] = file.read()
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error):
        recordings = {}
    if fingerprint(recordings) != SHA256:
        raise DownloadError(f"{path}: not the recordings of v1.0.10, or damaged: delete it and fetch it again")
    return recordings


def read_folder(folder: str | os.PathLike) -> dict[str, bytes]:
    """Returns the recordings under a folder by name.

    Raises:
        InputError: The recordings are not those of v1.0.10.
    """
    paths = [path for path in Path(folder).rglob("*.wav") if _NAME.fullmatch(path.name)]
    recordings = {path.name: path.read_bytes() for path in paths}
    if fingerprint(recordings) != SHA256:
        raise InputError(
            f"{folder}: {len(recordings)} spoken digits, not the 3,000 of v1.0.10 byte for byte (ZOO_DATA_FILES):"
            f" unpack {URL} there"
        )
    return recordings


def samples(recording: bytes) -> np.ndarray:
    """Returns the samples of a wav file, int16, ``(time,)``.

    Raises:
        ValueError: The file is not 16-bit mono sound at 8 kHz.
    """
    with wave.open(BytesIO(recording)) as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise ValueError(f"not mono sound of 16 bits at {RATE:,} Hz")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def readme_split(speaker: str, index: int) -> str:
    """Returns the split of a recording: takes 0 to 4 are test, as in the README, 5 to 9 validation, others train."""
    return "test" if index < 5 else "validation" if index < 10 else "train"


def speaker_split(speaker: str, index: int) -> str:
    """Returns the split of a recording: the held-out speaker is test; takes 5 to 9 of the others are validation."""
    return "test" if speaker == HELD_OUT else "validation" if 5 <= index < 10 else "train"


_SPLITS = {"readme": readme_split, "speaker": speaker_split}


class Fsdd(tfds.core.GeneratorBasedBuilder):
    """Spoken digits: 10 digits x 6 speakers x 50 takes.

    ``readme``: 2,400 / 300 / 300, tested on other takes of the same speakers. ``speaker``: 2,250 / 250 / 500, tested on
    a speaker who is not in training.
    """

    VERSION = tfds.core.Version("1.0.0")
    download_url = URL
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="readme", description="the split of the README, by take"),
        tfds.core.BuilderConfig(name="speaker", description=f"{HELD_OUT} left out of training"),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
                    "label": tfds.features.Text(),
                    "speaker": tfds.features.Text(),
                    "index": tfds.features.Scalar(np.int32),
                }
            ),
            supervised_keys=("audio", "label"),
            homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = os.environ.get("ZOO_DATA_FILES")
        recordings = read_folder(folder) if folder else read_archive(dl_manager.download(URL))
        return {split: self._generate_examples(recordings, split) for split in ("train", "validation", "test")}

    def _generate_examples(self, recordings: dict[str, bytes], wanted: str) -> Iterator[tuple[int, dict]]:
        parts = [_NAME.fullmatch(name).groups() for name in recordings]
        rows = sorted((label, speaker, int(index)) for label, speaker, index in parts)
        for i, (label, speaker, index) in enumerate(rows):
            if _SPLITS[self.builder_config.name](speaker, index) == wanted:
                audio = samples(recordings[f"{label}_{speaker}_{index}.wav"])
                yield i, {"audio": audio, "label": label, "speaker": speaker, "index": index}
