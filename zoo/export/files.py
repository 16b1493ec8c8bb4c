"""Write the files of an exported folder atomically."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import InputError
from zoo.files import check_output_folder, move_into_place, storage

EXPORT_FILE = "export.json"
MODEL, STEP, ENCODER, DECODER_STEP = GRAPHS = ("model.onnx", "step.onnx", "encoder.onnx", "decoder_step.onnx")
QUANTILES = "quantiles"
"""Output of a forecaster's graph."""


class NoExportError(InputError):
    """An architecture or a task has no graph of ONNX."""


def check_target(folder: str | Path) -> Path:
    """Check an output folder before a long computation; returns its absolute path.

    Raises:
        InputError: The path is a file, or the folder holds other files than an export.
        StorageError: The folder cannot be written.
    """
    target = Path(os.path.realpath(Path(folder).expanduser()))
    with storage(target):
        if target.exists() and not target.is_dir():
            raise InputError(f"{target}: is a file: choose another folder")
        if target.is_dir() and any(target.iterdir()) and not (target / EXPORT_FILE).is_file():
            raise InputError(f"{target}: holds other files than an export: choose another folder")
    check_output_folder(target.parent)
    return target


def write_folder(target: Path, data: Mapping[str, bytes]) -> None:
    """Write a folder's files under a temporary name, then rename it (raises StorageError)."""
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
        temporary.mkdir()
        try:
            for file, content in data.items():
                (temporary / file).parent.mkdir(parents=True, exist_ok=True)
                with open(temporary / file, "xb") as opened:
                    opened.write(content)
                    opened.flush()
                    os.fsync(opened.fileno())
            move_into_place(temporary, target)
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary, ignore_errors=True)
