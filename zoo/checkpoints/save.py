"""Write checkpoint folders: first under a temporary name, then renamed."""

import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoints.record import FORMAT, RECORD_FILE, WEIGHTS_FILE, Record
from zoo.checkpoints.strict_json import parse_json
from zoo.checkpoints.tensors import write_tensors
from zoo.errors import InputError
from zoo.files import atomic_write, check_output_folder, move_into_place, storage, sync_folder

# zoo.checkpoints.download and numpy are imported where they are used, because listing must start fast.
if TYPE_CHECKING:
    import numpy as np
CARD_FILE = "README.md"


def save_checkpoint(
    folder: Path,
    document: Mapping[str, Any],
    tensors: Mapping[str, "np.ndarray"],
    dtype: str = "float16",
    card: str | None = None,
) -> Record:
    """Write a checkpoint's folder: first under a temporary name, then renamed.

    Args:
        folder: Output folder; ``~`` is the user's home. An existing checkpoint folder is replaced.
        document: The record as JSON values, without ``format`` and ``weights``.
        tensors: Arrays by variable path.
        dtype: Stored dtype, ``"float16"`` or ``"float32"``.
        card: Model card in Markdown, if any.

    Returns:
        The written record.

    Raises:
        InputError: ``folder`` has contents that do not belong to a checkpoint.
        WeightsError: The document is not a valid record.
        NotFiniteError: A tensor holds NaN, infinity, or a number beyond the dtype.
        StorageError: The disk is full, or the folder cannot be written.
    """
    folder = Path(os.path.realpath(check_folder(folder)))  # for a link, its target is written
    with storage(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        stays = _stays(folder)
        temporary = (folder if stays else folder.parent) / f".{folder.name}.{secrets.token_hex(4)}.tmp"
        temporary.mkdir()
        try:
            record = _write_checkpoint(temporary, folder, document, tensors, dtype)
            if card is not None:
                atomic_write(temporary / CARD_FILE, card.encode())
            (_move_files if stays else move_into_place)(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return record


def check_folder(folder: str | os.PathLike) -> Path:
    """Check a checkpoint's output folder before a long computation.

    Args:
        folder: Existing or new folder; ``~`` is the user's home.

    Returns:
        The absolute path. It has a name even for ``.`` or with a slash at the end.

    Raises:
        InputError: The folder has contents that do not belong to a checkpoint, or is a file.
        StorageError: The folder cannot be written.
    """
    path = Path(os.path.abspath(Path(folder).expanduser()))
    with storage(path):
        if path.exists():
            _refuse_other_contents(path)
        elif path.is_symlink():
            raise InputError(f"{path}: is a link to nothing: choose another folder")
    for place in (path, path.parent):  # the unfinished state is stored beside it
        check_output_folder(place)
    return path


def check_document(document: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise WeightsError for a record that ``save_checkpoint`` would refuse with any weights.

    Args:
        document: The record as JSON values, without ``format`` and ``weights``.
        shapes: Shape of each tensor by variable path.
    """
    sizes = [math.prod(shape) for shape in shapes.values()]
    weights = {
        "file": WEIGHTS_FILE,
        "sha256": "0" * 64,
        "bytes": 9 + 4 * sum(sizes),
        "parameters": sum(sizes),
        "tensors": {path: {"shape": list(shape), "dtype": "float32"} for path, shape in shapes.items()},
    }
    _record(document, weights, RECORD_FILE)


def _stays(folder: Path) -> bool:
    """Returns whether a folder itself must be kept: it is empty, mounted, or a working folder."""
    return folder.exists() and (not any(folder.iterdir()) or os.path.ismount(folder) or folder.samefile(Path.cwd()))


def _write_checkpoint(temporary: Path, folder: Path, document, tensors, dtype: str) -> Record:
    weights = {
        "file": WEIGHTS_FILE,
        "sha256": write_tensors(temporary / WEIGHTS_FILE, tensors, dtype),
        "bytes": (temporary / WEIGHTS_FILE).stat().st_size,
        "parameters": sum(tensor.size for tensor in tensors.values()),
        "tensors": {path: {"shape": list(tensor.shape), "dtype": dtype} for path, tensor in tensors.items()},
    }
    record = _record(document, weights, str(folder / RECORD_FILE))
    atomic_write(temporary / RECORD_FILE, record.to_text().encode())
    return record


def _record(document, weights: dict[str, Any], location: str) -> Record:
    # Convert to JSON and back, so that the returned record equals the stored one, with lists instead of tuples.
    text = json.dumps({"format": FORMAT, **document, "weights": weights})
    return Record.from_json(parse_json(text.encode(), location), location)


def _move_files(temporary: Path, folder: Path) -> None:
    """Move the files of a new checkpoint into an existing folder, the record last."""
    for name in (RECORD_FILE, CARD_FILE):
        (folder / name).unlink(missing_ok=True)
    for name in (WEIGHTS_FILE, CARD_FILE, RECORD_FILE):
        if (temporary / name).exists():
            os.replace(temporary / name, folder / name)
    sync_folder(folder)


def _refuse_other_contents(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose another name for the checkpoint's folder")
    others = sorted({item.name for item in folder.iterdir()} - {RECORD_FILE, WEIGHTS_FILE, CARD_FILE})
    if others:
        raise InputError(f"{folder}: holds {others[0]!r}, which a checkpoint would replace; choose another")
