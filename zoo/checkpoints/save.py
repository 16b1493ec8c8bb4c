"""Write a checkpoint folder: complete under a temporary name, then moved into place."""

import json
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
from zoo.files import atomic_write, storage, sync_folder

# zoo.checkpoints.download and numpy are imported where they are used: listing records must stay quick.
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
    """Writes a checkpoint's folder: complete under another name first, then moved into its place.

    Args:
        folder: The folder. One that exists is replaced as a whole if it is a checkpoint's.
        document: The record as JSON values, without ``format`` and ``weights``.
        tensors: Arrays by the path of their variable.
        dtype: ``"float16"`` or ``"float32"``, as stored.
        card: What people should read of it, if there is something: Markdown.

    Returns:
        The record as written.

    Raises:
        InputError: ``folder`` holds other things than a checkpoint.
        WeightsError: The document is not a valid record.
        NotFiniteError: A tensor holds NaN, infinity, or a number beyond the dtype.
        StorageError: The disk is full, or the place cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    with storage(folder):
        if folder.exists():
            _refuse_other_contents(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
        temporary.mkdir()
        try:
            record = _write_checkpoint(temporary, folder, document, tensors, dtype)
            if card is not None:
                atomic_write(temporary / CARD_FILE, card.encode())
            _move_into_place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return record


def _write_checkpoint(temporary: Path, folder: Path, document, tensors, dtype: str) -> Record:
    weights = {
        "file": WEIGHTS_FILE,
        "sha256": write_tensors(temporary / WEIGHTS_FILE, tensors, dtype),
        "bytes": (temporary / WEIGHTS_FILE).stat().st_size,
        "parameters": sum(tensor.size for tensor in tensors.values()),
        "tensors": {path: {"shape": list(tensor.shape), "dtype": dtype} for path, tensor in tensors.items()},
    }
    location = str(folder / RECORD_FILE)
    # Through JSON and back, so that the record returned is the one that will be read, tuples and all.
    text = json.dumps({"format": FORMAT, **document, "weights": weights})
    record = Record.from_json(parse_json(text.encode(), location), location)
    atomic_write(temporary / RECORD_FILE, record.to_text().encode())
    return record


def _move_into_place(temporary: Path, folder: Path) -> None:
    """Renames the new folder to its name; the old one stays whole under another name until then."""
    if not folder.exists():
        os.rename(temporary, folder)
    else:
        old = temporary.with_suffix(".old")
        os.rename(folder, old)
        try:
            os.rename(temporary, folder)
        except OSError:
            os.rename(old, folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync_folder(folder.parent)


def _refuse_other_contents(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose another name for the checkpoint's folder")
    others = sorted({item.name for item in folder.iterdir()} - {RECORD_FILE, WEIGHTS_FILE, CARD_FILE})
    if others:
        raise InputError(f"{folder}: holds {others[0]!r}, which a checkpoint would replace; choose another")
