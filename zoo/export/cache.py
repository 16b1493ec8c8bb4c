"""Cached graphs of checkpoints: created from verified weights at first use, and verified at each later use."""

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import StorageError
from zoo.export.files import EXPORT_FILE, GRAPHS, write_folder

if TYPE_CHECKING:  # imports onnxruntime, which may be missing
    from zoo.export.predictor import Predictor


def is_installed(others: Sequence[str] = ()) -> bool:
    """Returns whether the packages of the extra ``onnx``, and others, are installed."""
    return all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", *others))


def needs_keras(name: str | Path, record: Record) -> bool:
    """Returns whether Keras must check a checkpoint before its graphs are made: once, and not the zoo's own ones.

    Keras compares the config of a record with the weights. Graphs are written from the weights, and would hide a
    config that does not fit.
    """
    shipped = isinstance(name, str) and name in locate.records()
    return not shipped and _read(_folder(record)) is None


def _folder(record: Record) -> Path:
    return locate.cache_folder() / "onnx" / _key(record)


def load_predictor(name: str | Path, *, record: Record | None = None, preprocessor: Any = None) -> "Predictor":
    """Load a checkpoint for ONNX Runtime; its weights are verified by their SHA-256.

    Args:
        name: Name of a checkpoint, or a folder written by ``save``.
        record: Result of ``zoo.read_record`` for the name, if already called.
        preprocessor: Preprocessor of that record, if already created.

    Raises:
        InputError: The checkpoint does not exist, or its architecture has no export.
        DownloadError: No location has the weights.
        WeightsError: A file is damaged.
    """
    record = record or locate.read_record(name)
    folder = _folder(record)
    graphs = _read(folder)
    if graphs is None:
        if needs_keras(name, record):
            from zoo.loading import load

            load(name, record=record, preprocessor=preprocessor)
        record, _, tensors = locate.locate_and_read(name, read_tensors, record)
        from zoo.export.folder import make_models

        models = make_models(record, tensors)
        graphs = {file: model.SerializeToString() for file, model in models.items()}
        sums = {file: hashlib.sha256(data).hexdigest() for file, data in graphs.items()}
        with contextlib.suppress(StorageError):  # predictions also work if the cache cannot be written
            write_folder(folder, {**graphs, EXPORT_FILE: json.dumps({"name": record.name, "sha256": sums}).encode()})
    else:
        locate.locate_and_read(name, locate.verify, record)
    from zoo.export.predictor import Predictor

    return Predictor(record, graphs, preprocessor)


def _key(record: Record) -> str:
    """Returns the name of a record's folder; it depends on weights, config and code."""
    spec = record.spec
    text = json.dumps([record.weights.sha256, spec.architecture, spec.task, spec.config], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return f"{record.name[:60]}-{digest.hexdigest()[:16]}"


def _read(folder: Path) -> dict[str, bytes] | None:
    """Returns the graphs of a folder, or None if one is missing or damaged."""
    try:
        sums = json.loads((folder / EXPORT_FILE).read_bytes())["sha256"]
        graphs = {file: (folder / file).read_bytes() for file in sums if file in GRAPHS}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    intact = all(hashlib.sha256(data).hexdigest() == sums[file] for file, data in graphs.items())
    return graphs if intact and graphs else None
