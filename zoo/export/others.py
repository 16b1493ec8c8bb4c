"""Write a checkpoint as a TensorFlow SavedModel or as a LiteRT file, if Keras and TensorFlow support the model."""

import os
import secrets
import shutil
from pathlib import Path

import keras

from zoo.errors import InputError
from zoo.export.files import EXPORT_FILE, check_target, write_folder
from zoo.loading import load
from zoo.pipeline import Pipeline


def export(name: str | Path, folder: str | Path, format: str, length: int | None) -> list[str]:
    """Write a checkpoint's model.

    Args:
        name: Name of a checkpoint, or a folder written by ``save``.
        folder: Output folder. An earlier export is replaced.
        format: ``"saved_model"`` or ``"litert"``.
        length: For LiteRT, the fixed length of sequences and targets.

    Returns:
        Notes for the user: the files and their sizes.

    Raises:
        InputError: The format does not support the model; the message has the reason.
        StorageError: The folder cannot be written; no partial output is left.
    """
    target = check_target(folder)
    if keras.backend.backend() != "tensorflow":
        remedy = "set KERAS_BACKEND=tensorflow, or give --format onnx"
        raise InputError(
            f"--format {format}: written by TensorFlow, and the backend is {keras.backend.backend()}: {remedy}"
        )
    if format == "litert" and length is None:
        raise InputError(f"--format litert: {name}: a dynamic length needs TensorFlow's Flex operators: give --length")
    pipeline = load(name)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        _write(pipeline, temporary, format, length)
        data = {str(file.relative_to(temporary)): file.read_bytes() for file in temporary.rglob("*") if file.is_file()}
    except (InputError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"--format {format}: {name} cannot be written ({reason}): give --format onnx") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    write_folder(target, {**data, EXPORT_FILE: b'{"format": "%s"}\n' % format.encode()})
    return [f"{target / file}\t{len(content):,} bytes" for file, content in sorted(data.items())]


def _write(pipeline: Pipeline, folder: Path, format: str, length: int | None) -> None:
    model = pipeline.model
    if format == "saved_model":
        model.export(folder, verbose=False)
        return
    folder.mkdir()
    specs = {}
    for name, spec in model.input_specs().items():
        shape = [1, *(length if size is None else size for size in spec.shape[1:])]
        specs[name] = keras.InputSpec(dtype=spec.dtype, shape=shape, name=name)
    model.export(os.fspath(folder / "model.tflite"), "litert", verbose=False, input_signature=[specs])
