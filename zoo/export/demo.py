"""Write a static page that runs exported models in the browser."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import InputError
from zoo.export.files import DECODER_STEP, ENCODER, EXPORT_FILE, MODEL, STEP, check_target, write_folder
from zoo.export.folder import describe, make_models
from zoo.export.graphs import build_graphs
from zoo.files import storage

PAGE = Path(__file__).parent / "page"
RUNTIME = "onnxruntime-web@1.30.0"
RUNTIME_FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""Files of the package's ``dist`` for the page, with their SHA-256."""
TASKS = (
    "sequence_to_sequence",
    "classification",
    "tagging",
    "language_modelling",
    "music_modelling",
    "series_classification",
    "forecasting",
)


FILES = {
    "sequence_to_sequence": (ENCODER, DECODER_STEP),
    "language_modelling": (STEP,),
    "music_modelling": (STEP,),
}
"""Graphs that the page runs; other tasks need the one of whole sequences."""


def write_demo(folder: str | Path, names: Sequence[str], runtime: str | Path | None = None) -> dict[str, int]:
    """Write a folder that any static web server can serve.

    Args:
        folder: Output folder. An earlier export or demo is replaced.
        names: Names of checkpoints.
        runtime: Folder ``dist`` of the npm package onnxruntime-web. The default is that in ``node_modules`` of the
            working folder, or one that npm downloads into the cache.

    Returns:
        Size of each file in bytes.

    Raises:
        InputError: A checkpoint does not exist, the page does not support its task, or onnxruntime-web is missing.
        StorageError: The folder cannot be written; no partial output is left.
    """
    target = check_target(folder)
    data: dict[str, bytes] = {}
    models = []
    for name in dict.fromkeys(names):
        record, _, tensors = locate.locate_and_read(name, read_tensors)
        task, tokenizer = record.spec.task, record.spec.preprocessor.get("tokenizer", {})
        if task not in TASKS:
            raise InputError(f"{name}: the page does not support {task}: choose one of {', '.join(TASKS)}")
        if tokenizer and "subwords" not in tokenizer:
            raise InputError(f"{name}: the page does not read byte-level subwords: choose another model")
        if task == "language_modelling" and "symbols" not in record.spec.preprocessor:
            raise InputError(f"{name}: the page continues texts by characters only: choose another model")
        step = build_graphs(record.spec, tensors).get(STEP)
        models.append({**describe(record), "states": list(step.states.values()) if step else []})
        for file, model in make_models(record, tensors).items():
            if file in FILES.get(task, (MODEL,)):
                data[f"models/{record.name}/{file}"] = model.SerializeToString()
    data |= _runtime_files(runtime)
    for file in sorted(PAGE.iterdir()):
        with storage(file):
            data[file.name] = file.read_bytes()
    data["models.json"] = json.dumps(models).encode()
    data[EXPORT_FILE] = json.dumps({"demo": [model["name"] for model in models], "runtime": RUNTIME}).encode()
    write_folder(target, data)
    return {file: len(content) for file, content in data.items()}


def _runtime_files(runtime: str | Path | None) -> dict[str, bytes]:
    """Returns the files of onnxruntime-web, verified by their hashes unless the user gives their folder."""
    if runtime is not None:
        result = _read(Path(runtime).expanduser())
        if result is None:
            raise InputError(
                f"--runtime {runtime}: not the folder dist of {RUNTIME}: give node_modules/onnxruntime-web/dist"
            )
        return result
    cached = locate.cache_folder() / RUNTIME.replace("@", "-")
    for place in (Path("node_modules") / "onnxruntime-web" / "dist", cached):
        result = _read(place)
        if result is not None and _is_whole(result):
            return result
    result = _fetch()
    write_folder(cached, result)
    return result


def _read(folder: Path) -> dict[str, bytes] | None:
    try:
        return {file: (folder / file).read_bytes() for file in RUNTIME_FILES}
    except OSError:
        return None


def _is_whole(files: dict[str, Any]) -> bool:
    return all(hashlib.sha256(files[file]).hexdigest() == digest for file, digest in RUNTIME_FILES.items())


def _fetch() -> dict[str, bytes]:
    """Returns the files from npm's registry, by npm (raises InputError)."""
    remedy = f"run npm install {RUNTIME}, then give --runtime node_modules/onnxruntime-web/dist"
    npm = shutil.which("npm")
    if npm is None or os.environ.get("ZOO_OFFLINE"):
        raise InputError(f"onnxruntime-web: not on this machine: {remedy}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [npm, "pack", RUNTIME, "--silent"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            archive = next(Path(folder).glob("*.tgz"), None)
            if done.returncode or archive is None:
                raise InputError(f"onnxruntime-web: npm cannot fetch it: {remedy}")
            with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as opened:
                result = {file: opened.extractfile(f"package/dist/{file}").read() for file in RUNTIME_FILES}  # pyright: ignore
        except (subprocess.TimeoutExpired, tarfile.TarError, KeyError, OSError):
            raise InputError(f"onnxruntime-web: npm cannot fetch it: {remedy}") from None
    if not _is_whole(result):
        raise InputError(f"onnxruntime-web: npm gave other files than those of {RUNTIME}: {remedy}")
    return result
