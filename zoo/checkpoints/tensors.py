"""Tensors on disk: safetensors files, checked against their record before they are parsed.

Weights are stored as safetensors (https://github.com/huggingface/safetensors): eight bytes with the length of a JSON
header, the header with each tensor's dtype, shape and offsets, then the bytes.
"""

import hashlib
import struct
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.checkpoints.record import ITEM_BYTES, WEIGHTS_FILE, Record, Tensor, Weights
from zoo.checkpoints.strict_json import parse_json
from zoo.errors import InputError, IntegrityError, NotFiniteError, WeightsError
from zoo.files import _integrity_error, atomic_write, open_regular, storage

# numpy is imported only where tensors are used, because listing records must start fast.
if TYPE_CHECKING:
    import numpy as np

SAFETENSORS_DTYPES = {"float16": "F16", "float32": "F32"}

_PICKLE = "is or may be a pickle, which can run code when it is opened"
REFUSED_SUFFIXES = {
    ".keras": "can revive layers with code of their own",
    ".h5": "keeps weights by class and order, so that they can land in the wrong layer unnoticed",
    ".hdf5": "keeps weights by class and order, so that they can land in the wrong layer unnoticed",
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".npz", ".npy"), _PICKLE),
}


def refuse_other_formats(path: Path) -> None:
    """Raise WeightsError, with the reason, for a file with the extension of another format."""
    reason = REFUSED_SUFFIXES.get(path.suffix.lower())
    if reason:
        raise WeightsError(f"{path}: refused: a {path.suffix} file {reason}; the zoo reads safetensors only")


def write_tensors(path: Path, tensors: Mapping[str, "np.ndarray"], dtype: str = "float16") -> str:
    """Write a safetensors file atomically.

    Args:
        path: Output file; an existing file is replaced.
        tensors: Arrays by variable path.
        dtype: Dtype of all tensors, ``"float16"`` or ``"float32"``.

    Returns:
        SHA-256 of the file. The same tensors give the same file.

    Raises:
        InputError: The dtype is unknown.
        NotFiniteError: A tensor holds NaN or infinity, or a number beyond the dtype.
        StorageError: The disk is full, or the folder cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    if dtype not in ITEM_BYTES:
        raise InputError(f"{path}: cannot store {dtype}, only {', '.join(ITEM_BYTES)}")
    copies = {name: _stored(tensor, dtype) for name, tensor in tensors.items()}
    for name, tensor in copies.items():
        if not np.isfinite(tensor).all():
            raise NotFiniteError(f"{path}: tensor {name}: a value is not finite in {dtype}; nothing written")
    data = save(copies)
    atomic_write(path, data)
    return hashlib.sha256(data).hexdigest()


def _stored(tensor: "np.ndarray", dtype: str) -> "np.ndarray":
    import numpy as np

    with np.errstate(over="ignore"):
        # safetensors writes the memory of a strided or transposed array as it is, silently in the wrong order. Pass a
        # C-ordered copy.
        return np.array(tensor, dtype=dtype, order="C", copy=True)


def describe(tensors: Mapping[str, "np.ndarray"]) -> Weights:
    """Returns the record entry of tensors stored in float32."""
    from safetensors.numpy import save

    data = save({name: _stored(tensor, "float32") for name, tensor in tensors.items()})
    shapes = {name: Tensor(tuple(tensor.shape), "float32") for name, tensor in tensors.items()}
    parameters = sum(tensor.size for tensor in tensors.values())
    return Weights(WEIGHTS_FILE, hashlib.sha256(data).hexdigest(), len(data), parameters, shapes)


def are_described(tensors: Mapping[str, "np.ndarray"], weights: Weights) -> bool:
    """Returns whether tensors equal, to the last bit, those whose hash a record has."""
    import numpy as np
    from safetensors.numpy import save

    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != {
        name: tensor.shape for name, tensor in weights.tensors.items()
    }:
        return False
    copies = {name: _stored(tensor, weights.tensors[name].dtype) for name, tensor in tensors.items()}
    if not all(np.array_equal(copies[name].astype("float32"), tensor) for name, tensor in tensors.items()):
        return False
    return hashlib.sha256(save(copies)).hexdigest() == weights.sha256


def read_tensors(path: Path, record: Record) -> dict[str, "np.ndarray"]:
    """Read a safetensors file that matches its record byte for byte.

    Size and SHA-256 are checked before parsing, then each name, shape and dtype.

    Returns:
        float32 arrays by variable path.

    Raises:
        WeightsError: The file does not match; the message names the file and, if known, the tensor.
        StorageError: The file is missing or cannot be read.
    """
    import numpy as np

    refuse_other_formats(path)
    tensors = {}
    with storage(path), open_regular(path) as file:
        wrong = _integrity_error(file, record.weights.bytes, record.weights.sha256)
        if wrong:
            raise IntegrityError(f"{path}: {wrong}: fetch or copy it again")
        file.seek(0)
        for name, offset in _read_header(file, path, record.weights).items():
            expected = record.weights.tensors[name]
            file.seek(offset)
            stored = np.frombuffer(file.read(expected.bytes), dtype=np.dtype(expected.dtype).newbyteorder("<"))
            if not np.isfinite(stored).all():
                raise WeightsError(f"{path}: tensor {name}: holds NaN or infinity")
            # astype copies, so that the array is aligned and writable
            tensors[name] = stored.astype("float32").reshape(expected.shape)
    return tensors


def _read_header(file: BufferedReader, path: Path, weights: Weights) -> dict[str, int]:
    """Returns the offset of each tensor in the file, after checking that the header matches the record."""
    (length,) = struct.unpack("<Q", file.read(8))
    data_bytes = sum(tensor.bytes for tensor in weights.tensors.values())
    if length != weights.bytes - 8 - data_bytes:
        raise WeightsError(f"{path}: a header of {length} bytes does not fit the record's tensors")
    header = parse_json(file.read(length), str(path))
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: the header is not an object")
    places = {}
    for name in {**weights.tensors, **header}:
        if name not in header:
            raise WeightsError(f"{path}: tensor {name}: missing")
        if name not in weights.tensors:
            raise WeightsError(f"{path}: tensor {name[:100]!r}: not in the record")
        expected, actual = weights.tensors[name], header[name]
        wanted = {"dtype": SAFETENSORS_DTYPES[expected.dtype], "shape": list(expected.shape)}
        if not isinstance(actual, dict) or {key: actual.get(key) for key in wanted} != wanted:
            raise WeightsError(f"{path}: tensor {name}: dtype or shape is not the record's {wanted}")
        place = actual.get("data_offsets")
        if not isinstance(place, list) or [type(offset) for offset in place] != [int, int]:
            raise WeightsError(f"{path}: tensor {name}: data_offsets must be two whole numbers")
        places[name] = place
    # The tensors fill the rest of the file without gap or overlap.
    offsets, end = {}, 0
    for name in sorted(places, key=places.__getitem__):
        if places[name] != [end, end + weights.tensors[name].bytes]:
            raise WeightsError(f"{path}: tensor {name}: its data_offsets leave a gap or overlap another's")
        offsets[name] = 8 + length + end
        end += weights.tensors[name].bytes
    return offsets
