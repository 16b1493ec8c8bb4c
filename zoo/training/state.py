"""The state of an unfinished run: one file with all tensors, replaced atomically."""

import contextlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zoo.errors import InputError, NotFiniteError
from zoo.files import replacing, storage

STATE = "state.safetensors"


def write_state(folder: Path, tensors: dict[str, np.ndarray], metadata: dict) -> None:
    """Write tensors and a JSON value as one file, so that they always belong to the same step.

    Raises:
        NotFiniteError: A tensor holds NaN or infinity; the previous state is unchanged.
        StorageError: The disk is full or the folder cannot be written; the previous state is unchanged.
    """
    path = folder / STATE
    # Copies in C order: safetensors silently scrambles other layouts.
    copies = {name: np.array(tensor, order="C") for name, tensor in tensors.items()}
    for name, copy in copies.items():
        if not np.isfinite(copy).all():
            raise NotFiniteError(f"{path}: {name} is not finite: the state saved before is kept")
    data = save(copies, {"told": json.dumps(metadata)})
    with storage(path):
        folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f".{STATE}.*.tmp"):  # left behind by a process that was killed while writing
        with contextlib.suppress(OSError):
            leftover.unlink()
    with replacing(path) as file:
        file.write(data)


def check_resume(folder: Path | None, resume: bool) -> None:
    """Raise InputError if ``resume`` does not match the contents of the folder; called before any data are read."""
    exists = folder is not None and (folder / STATE).exists()
    if exists and not resume:
        raise InputError(f"{folder}: has an unfinished run: go on with --resume, or delete it to start over")
    if resume and not exists:
        raise InputError(f"{folder or 'nothing is written'}: no run to resume: start it without --resume")


def read_state(folder: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """Returns the tensors and the JSON value of a run's state, or ``None`` if it has none.

    Raises:
        InputError: The file is not a training state of the zoo.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {})["told"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a training state ({error}): delete it to start over") from error
