"""Datasets by name, each a TFDS builder. Importing this module imports no TensorFlow; loading a dataset does."""

import contextlib
import hashlib
import importlib
import logging
import lzma
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoints import download
from zoo.data.examples import Examples
from zoo.data.forecast_series import Series
from zoo.data.languages import tag
from zoo.data.sound import Sound
from zoo.datasets.catalogue import DATASETS, Dataset
from zoo.errors import DownloadError, InputError, unknown
from zoo.files import file_lock


def entry(name: str) -> Dataset:
    """Returns a dataset's entry.

    Raises:
        InputError: There is no dataset of that name.
    """
    if name not in DATASETS:
        raise InputError(unknown("dataset", name, DATASETS, "see zoo list --datasets"))
    return DATASETS[name]


def load(name: str, split: str) -> Examples:
    """Returns a split, with a row per reference; the first use prepares the dataset on disk.

    Args:
        name: Name in ``DATASETS``.
        split: Split of the dataset.

    Raises:
        InputError: There is no such dataset or split.
        DownloadError: The dataset's files could not be fetched.
    """
    dataset = entry(name)
    if split not in dataset.splits:
        raise InputError(f"{name} has no split {split!r}; there are: {', '.join(dataset.splits)}")
    if dataset.parts:
        return _join(dataset, [load(*part) for part in dataset.parts[split]])
    builder, rows = _read(name, dataset, split)
    features = builder.info.features
    assert features is not None
    fields = dataset.target if isinstance(dataset.target, tuple) else (dataset.target,)
    inputs, targets, locations = [], [], []
    for i, row in enumerate(rows):
        if dataset.multi_reference:
            answers = [answer.decode() for answer in row[fields[0]]]
        else:
            values = [_value(features[field], row[field]) for field in fields]
            answers = ["\t".join(values) if len(values) > 1 else values[0] if values else ""]
        value = _value(features[dataset.input], row[dataset.input])
        if dataset.language:
            value = tag(row[dataset.language].decode(), value)
        for answer in answers:
            inputs.append(dataset.read(value) if dataset.read else value)
            targets.append(answer)
            locations.append(f"{name}/{split}:{i + 1}")
    return Examples(inputs, targets, locations)


def _join(dataset: Dataset, parts: list[Examples]) -> Examples:
    """Returns the rows of several datasets, one after another, with the labels of the joined dataset."""
    read = dataset.read or str
    return Examples(
        [read(text) for part in parts for text in part.inputs],
        [dataset.labels.get(label, label) for part in parts for label in part.targets],
        [location for part in parts for location in part.locations],
    )


def load_series(name: str) -> list[Series]:
    """Returns the time series of a dataset; the first use prepares the dataset on disk.

    Args:
        name: Name in ``DATASETS`` of a dataset for forecasting.

    Raises:
        InputError: There is no such dataset, or it has no time series.
        DownloadError: The dataset's files could not be fetched.
    """
    dataset = entry(name)
    if dataset.task != "forecasting":
        named = ", ".join(other for other, dataset in DATASETS.items() if dataset.task == "forecasting")
        raise InputError(f"{name}: has no series to forecast: choose one of {named}")
    (split,) = dataset.splits
    result = []
    for row in _read(name, dataset, split)[1]:
        title, test = row["name"].decode(), row["test"]
        period = int(row["period"]) or None
        location = f"{name}:{title}"
        result.append(Series(title, row["values"], period=period, location=location, test=test if len(test) else None))
    return result


def _read(name: str, dataset: Dataset, split: str):
    """Returns the TFDS builder of a dataset, and its rows as NumPy values.

    Raises:
        DownloadError: The dataset's files could not be fetched.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    tfds.disable_progress_bar()  # it writes to terminals and files alike
    if dataset.module is not None:
        importlib.import_module(dataset.module)  # TFDS registers a builder when its module is imported
    try:
        with _standard_output_kept():
            builder = _prepared(dataset.tfds)
    except (OSError, DownloadError, tfds.download.DownloadError, NonMatchingChecksumError) as error:
        reason = " ".join(str(error).split())[:300]
        local = "set ZOO_DATA_FILES to their folder" if dataset.module else "put them into TFDS's download folder"
        raise DownloadError(f"dataset {name}: {reason}; with local copies of its files {local}") from error
    with _standard_output_kept():
        rows = builder.as_dataset(split=dataset.slices.get(split, split))
    return builder, _text_rows(rows) if dataset.multi_reference else tfds.as_numpy(rows)


def _text_rows(rows) -> Iterator[dict[str, Any]]:
    """Yield the rows of a TensorFlow dataset of texts and lists of texts, read in batches because that is faster."""
    for batch in rows.ragged_batch(1_024):
        columns = {name: x.to_list() if hasattr(x, "to_list") else x.numpy().tolist() for name, x in batch.items()}
        yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _prepared(name: str):
    """Returns a TFDS builder with its data on disk; several processes at once prepare them only once."""
    import tensorflow_datasets as tfds

    builder = tfds.builder(name)
    if not builder.is_prepared():
        Path(builder.data_dir).parent.mkdir(parents=True, exist_ok=True)
        with file_lock(Path(builder.data_dir)):
            builder = tfds.builder(name)  # a new builder, because another process may have prepared the data
            _check_reachable(builder)
            builder.download_and_prepare()
    return builder


def _check_reachable(builder) -> None:
    """Raise DownloadError at once if TFDS would download files but cannot reach their server."""
    from tensorflow_datasets.core.download.resource import get_dl_fname

    own = type(builder).__module__.startswith("zoo.")  # these use the zoo's own client, except for one file
    urls = list(builder.url_infos or ())
    if own:
        urls = [builder.download_url] if hasattr(builder, "download_url") else []
    if not urls or (own and os.environ.get("ZOO_DATA_FILES")):
        return
    # The builder's folder is <data folder>/<name>/<config>/<version>; downloads are in <data folder>/downloads.
    downloads = Path(builder.data_dir).parents[len(Path(builder.info.full_name).parts) - 1] / "downloads"
    known = [downloads / get_dl_fname(url, info.checksum) for url, info in (builder.url_infos or {}).items()]
    if not any(file.exists() for file in known):
        download.check_reachable(urls[0])


@contextlib.contextmanager
def _standard_output_kept() -> Iterator[None]:
    """Send TFDS's output to standard error, because standard output may be JSON; hide its developer warnings."""
    logs = [logging.getLogger(name) for name in ("absl", "urllib3")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


def _value(feature, value):
    """Returns a field as text: a class by its name, a list with spaces between items; numbers as an array."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(feature, "int2str"):
        return feature.int2str(int(value))
    if np.asarray(value).dtype != object:
        return np.asarray(value)
    return " ".join(item.decode() for item in value)


def fingerprint(examples: Examples) -> str:
    """Returns the SHA-256 of all inputs and targets in order, which records store."""
    digest = hashlib.sha256()
    for row in zip(examples.inputs, examples.targets, strict=True):
        for value, end in zip(row, "\t\n", strict=True):
            digest.update(value.tobytes() if isinstance(value, np.ndarray | Sound) else str(value).encode())
            digest.update(end.encode())
    return digest.hexdigest()


def fetch(builder, manager, urls: dict[str, str]) -> dict[str, str]:
    """Returns a path per URL: a local copy under ``ZOO_DATA_FILES``, otherwise a download.

    A local copy is recognised by size and SHA-256 in the builder's ``checksums.tsv``, whatever its name.

    Args:
        builder: The TFDS builder.
        manager: Download manager of the builder.
        urls: URLs by key.

    Raises:
        InputError: ``ZOO_DATA_FILES`` is set and has no copy of a file.
        DownloadError: A file could not be downloaded.
    """
    wanted = {name: (builder.url_infos[url].size, builder.url_infos[url].checksum) for name, url in urls.items()}
    if not os.environ.get("ZOO_DATA_FILES"):
        # Not with TFDS, which without a network retries for minutes and prints each try.
        place = Path(manager.download_dir)
        return {
            name: os.fspath(download.fetch(urls[name], place / checksum, checksum, size))
            for name, (size, checksum) in wanted.items()
        }
    return local_copies(builder.name, wanted, urls)


def local_copies(
    dataset: str, wanted: dict[str, tuple[int, str]], urls: dict[str, str] | None = None
) -> dict[str, str]:
    """Returns a path under ``ZOO_DATA_FILES`` for each file, recognised by size and SHA-256.

    A file may be packed with xz: it then has the name of the file and the suffix ``.xz``.

    Args:
        dataset: Name of the dataset, for messages.
        wanted: Size in bytes and SHA-256 of each file, by key.
        urls: Address of each file, for messages.

    Raises:
        InputError: ``ZOO_DATA_FILES`` is not set, or has no copy of a file.
    """
    folder = os.environ.get("ZOO_DATA_FILES")
    if not folder:
        raise InputError(f"dataset {dataset}: its files have no public address: set ZOO_DATA_FILES to their folder")
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    paths = {}
    for name, (size, checksum) in wanted.items():
        for path in files:
            packed = urls is not None and path.name == f"{urls[name].rpartition('/')[2]}.xz"
            if (packed or path.stat().st_size == size) and _sha256(path, packed) == checksum:
                paths[name] = os.fspath(path)
                break
        else:
            source = urls[name] if urls else f"{dataset}'s {name}"
            raise InputError(
                f"{folder}: no file with SHA-256 {checksum} (ZOO_DATA_FILES): put a copy of {source} there"
            )
    return paths


def _sha256(path: Path, packed: bool = False) -> str:
    """Returns the SHA-256 of a file, or of its unpacked contents; empty if it cannot be unpacked."""
    try:
        with lzma.open(path) if packed else path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except (lzma.LZMAError, EOFError):
        return ""
