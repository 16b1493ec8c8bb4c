"""Write a checkpoint as a folder of ONNX graphs with a program that runs them."""

import ast
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import WeightsError
from zoo.export.files import EXPORT_FILE, check_target, write_folder
from zoo.export.graph import IR_VERSION, OPSET
from zoo.export.graphs import build_graphs
from zoo.files import storage
from zoo.version import __version__

RUNNER_FILE, README_FILE = "runner.py", "README.md"
METADATA = "zoo"
"""Key of the JSON text in a graph's metadata."""
RUNNERS = {
    "sequence_to_sequence": "sequence_to_sequence",
    "translation": "translation",
    "classification": "texts",
    "text_regression": "texts",
    "tagging": "texts",
    "series_classification": "series",
    "series_regression": "series",
    "language_modelling": "next_step",
    "music_modelling": "next_step",
    "regression": "next_step",
    "copying": "next_step",
    "forecasting": "forecasting",
}
"""Program of each task, in ``zoo.export.runners``."""


@dataclasses.dataclass(frozen=True)
class Exported:
    """A folder written by ``export``.

    Attributes:
        folder: The folder.
        files: Size in bytes per graph.
        int8: Whether the weights are quantised to 8 bits.
    """

    folder: Path
    files: dict[str, int]
    int8: bool


def describe(record: Record) -> dict[str, Any]:
    """Returns the metadata of a checkpoint's graphs, as JSON values."""
    return {
        "name": record.name,
        "architecture": record.spec.architecture,
        "size": record.spec.size,
        "task": record.spec.task,
        "config": record.spec.config,
        "preprocessor": record.spec.preprocessor,
        "licence": record.licence,
        "data": record.data["name"],
        "weights_sha256": record.weights.sha256,
        "record_sha256": hashlib.sha256(record.to_text().encode()).hexdigest(),
        "seqzoo": __version__,
        "opset": OPSET,
        "ir_version": IR_VERSION,
    }


def make_models(record: Record, tensors: Mapping[str, Any], int8: bool = False) -> dict[str, Any]:
    """Returns the checked ONNX models of a checkpoint by file name.

    Args:
        record: Record of the checkpoint.
        tensors: Weights by variable path.
        int8: Whether to quantise weights to 8 bits.

    Raises:
        InputError: The architecture or the task has no export.
        WeightsError: A tensor or a field of the config is missing.
    """
    try:
        graphs = build_graphs(record.spec, tensors)
    except KeyError as error:
        raise WeightsError(f"{record.name}: spec.config: no field {error}: the record is of another version") from None
    models = {}
    for name, graph in graphs.items():
        described = {**describe(record), "states": list(graph.states.values()), "int8": int8}
        models[name] = graph.model({METADATA: json.dumps(described), "name": record.name, "task": record.spec.task})
    if int8:
        from zoo.export.quantize import quantize

        models = {name: quantize(model) for name, model in models.items()}
    return models


def export(
    name: str | Path,
    folder: str | Path,
    *,
    int8: bool = False,
    notes: Mapping[str, Any] | None = None,
    on_message: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write a checkpoint's graphs, a program that runs them, and a README.

    Args:
        name: Name of a checkpoint, or a folder written by ``save``.
        folder: Output folder. An earlier export is replaced.
        int8: Whether to quantise weights to 8 bits.
        notes: Further contents of ``export.json``, for example scores.
        on_message: Called with a note for the user per file.

    Raises:
        InputError: The checkpoint does not exist or has no export, or the folder holds other files.
        WeightsError: A file is damaged.
        StorageError: The folder cannot be written; no partial output is left.
    """
    target = check_target(folder)
    record, _, tensors = locate.locate_and_read(name, read_tensors)
    models = make_models(record, tensors, int8)
    data = {file: model.SerializeToString() for file, model in models.items()}
    source = Path(__file__).parent / "runners" / f"{RUNNERS[record.spec.task]}.py"
    with storage(source):
        program = source.read_bytes()
    files = {file: len(content) for file, content in data.items()}
    sums = {file: hashlib.sha256(content).hexdigest() for file, content in data.items()}
    described = {key: value for key, value in describe(record).items() if key != "preprocessor"}
    report = {**described, "int8": int8, "files": files, "sha256": sums, **(notes or {})}
    if record.spec.task == "forecasting":
        data |= modules_of("zoo.inference.forecasting")
    data |= {
        RUNNER_FILE: program,
        README_FILE: _readme(record, files).encode(),
        EXPORT_FILE: (json.dumps(report, indent=1) + "\n").encode(),
    }
    write_folder(target, data)
    for file, size in files.items():
        on_message(f"{target / file}\t{size:,} bytes")
    return Exported(target, files, int8)


def modules_of(name: str) -> dict[str, bytes]:
    """Returns the files of a module and of all modules of the zoo that it imports, for a program without the zoo.

    Args:
        name: A module that imports others of the zoo by ``from MODULE import NAME`` only.
    """
    root, result, pending = Path(__file__).parents[2], {}, [name]
    while pending:
        module = pending.pop()
        file = f"{module.replace('.', '/')}.py"
        if file in result:
            continue
        with storage(root / file):
            result[file] = (root / file).read_bytes()
        imports = [node for node in ast.walk(ast.parse(result[file])) if isinstance(node, ast.ImportFrom)]
        pending += [str(node.module) for node in imports if str(node.module).startswith("zoo.")]
    packages = {str(parent) for file in result for parent in Path(file).parents if str(parent) != "."}
    return result | {f"{package}/__init__.py": b"" for package in packages}


def _readme(record: Record, files: Mapping[str, int]) -> str:
    """Returns the README of an exported folder."""
    example = next((value for value in record.golden["inputs"] if isinstance(value, str)), None)
    texts = "tokenizer" in {**record.spec.preprocessor, **record.spec.preprocessor.get("reader", {})}
    packages = f"numpy onnxruntime{' tokenizers' if texts else ''}"
    sizes = "\n".join(f"| `{file}` | {size:,} |" for file, size in files.items())
    shown = json.dumps(example, ensure_ascii=False) if example else "INPUT"
    return f"""# {record.name}, exported to ONNX

A model of {record.spec.task}, opset {OPSET}, IR version {IR_VERSION}. Licence of the weights:
{record.licence["weights"]}; of the data: {record.licence["data"]}.

```
pip install {packages}
python {RUNNER_FILE} {shown[:120]}
```

| file | bytes |
|---|---:|
{sizes}

Axes named in the graphs are dynamic: batch and time. A `mask` is true at real steps; padding is at the end. In
`step.onnx` and `decoder_step.onnx` each `state/x` goes in and comes out as `next/x`. States of `step.onnx` begin as
zeros, those of `decoder_step.onnx` as `encoder.onnx` gives them. The metadata of each graph has a JSON text under
`{METADATA}`: labels, tokenizer, states, hashes.
"""
