"""The state of an unfinished run: one file with every tensor, replaced whole."""

import json
import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zoo.errors import InputError, StorageError

STATE = "state.safetensors"


def write_state(folder: Path, tensors: dict[str, np.ndarray], told: dict) -> None:
    """Writes tensors and a JSON value as one file, so that they can never be of two moments.

    Raises:
        StorageError: The disk is full or the folder cannot be written; the state before is untouched.
    """
    path = folder / STATE
    temporary = folder / f".{STATE}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Copies in C order: safetensors writes other layouts scrambled, without a word.
        save_file({k: np.asarray(v, order="C") for k, v in tensors.items()}, temporary, {"told": json.dumps(told)})
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"{path}: {error}: the state saved before is kept; make room and resume") from error


def read_state(folder: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """Returns the tensors and the JSON value of a run's state, or ``None`` if it has none.

    Raises:
        InputError: The file is not a state of the zoo's.
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
