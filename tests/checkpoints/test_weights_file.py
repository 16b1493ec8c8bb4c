"""Weights files: written right whatever the arrays' layout, and refused unless they fit their record."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from zoo.checkpoints.record import Record, Tensor, Weights
from zoo.checkpoints.spec import ModelSpec
from zoo.checkpoints.tensors import read_tensors, write_tensors
from zoo.errors import InputError, NotFiniteError, StorageError, WeightsError
from zoo.files import atomic_write, integrity_error

TENSORS = {"model/a": np.arange(6, dtype="float32").reshape(2, 3), "model/b": np.array([0.5, -2.0], "float32")}


def record_of(data, tensors, dtype="float16"):
    """Returns a record that describes the file ``data``."""
    parameters = sum(tensor.size for tensor in tensors.values())
    kinds = {path: Tensor(tensor.shape, dtype) for path, tensor in tensors.items()}
    weights = Weights("model.safetensors", hashlib.sha256(data).hexdigest(), len(data), parameters, kinds)
    return Record("x", ModelSpec("gru", "tiny", {}, "t", {}), weights, {}, {}, {}, [], [], {})


def read(path, data, tensors=TENSORS, dtype="float16"):
    """Read ``data`` as a file whose record gives its true hash, so that only its content can be refused."""
    path.write_bytes(data)
    return read_tensors(path, record_of(data, tensors, dtype))


def raw_file(header, body):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("source", ["float16", "float32", "float64", ">f4"])
def test_any_memory_layout_is_stored_in_order(path, dtype, source):
    base = (np.arange(24) / 8 - 1).astype(source)
    tensors = {
        "plain": base.reshape(4, 6),
        "transposed": base.reshape(4, 6).T,
        "strided": base.reshape(4, 6)[::2, ::3],
        "backwards": base[::-1],
        "fortran": np.asfortranarray(base.reshape(2, 3, 4)),
        "broadcast": np.broadcast_to(base[:3], (2, 3)),
        "scalar": base.reshape(4, 6)[1, 1:2].reshape(()),
    }
    digest = write_tensors(path, tensors, dtype)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    ours = read_tensors(path, record_of(path.read_bytes(), tensors, dtype))
    reference = load_file(path)
    assert set(ours) == set(reference) == set(tensors)
    for name, tensor in tensors.items():
        assert ours[name].dtype == np.float32
        assert reference[name].dtype == np.dtype(dtype)
        assert ours[name].shape == reference[name].shape == tensor.shape
        np.testing.assert_array_equal(ours[name], tensor.astype("float32"))
        np.testing.assert_array_equal(reference[name], tensor.astype(dtype))


def test_the_same_tensors_give_the_same_file(path):
    first = write_tensors(path, TENSORS)
    assert write_tensors(path, dict(reversed(TENSORS.items()))) == first


def test_what_float16_cannot_hold_is_refused_and_the_old_file_stays(path):
    path.write_bytes(b"old")
    for value in (70000.0, np.nan, np.inf):
        with pytest.raises(NotFiniteError, match="model.safetensors: tensor model/b"):
            write_tensors(path, {**TENSORS, "model/b": np.array([value])})
    with pytest.raises(InputError, match="int8"):
        write_tensors(path, TENSORS, "int8")
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["model.safetensors"]


def test_size_and_hash_come_before_parsing(path):
    data = save({name: tensor.astype("float16") for name, tensor in TENSORS.items()})
    record = record_of(data, TENSORS)
    for wrong, message in [
        (data[:-1], f"holds {len(data) - 1} bytes, its record says {len(data)}"),
        (data + b"x", f"holds {len(data) + 1} bytes"),
        (bytes([255] * 8) + data[8:], "is damaged: its SHA-256 begins"),
    ]:
        path.write_bytes(wrong)
        with pytest.raises(WeightsError, match=f"^{path}: {message}"):
            read_tensors(path, record)


HEADER = {
    "model/a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
    "model/b": {"dtype": "F16", "shape": [2], "data_offsets": [12, 16]},
}
BODY = np.arange(8, dtype="float16").tobytes()


def test_the_file_that_the_faults_below_start_from_is_good(path):
    tensors = read(path, raw_file(HEADER, BODY))
    np.testing.assert_array_equal(tensors["model/a"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(tensors["model/b"], [6, 7])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw_file({**HEADER, "model/c": HEADER["model/a"]}, BODY), "tensor 'model/c': not in the record"),
        (raw_file({**HEADER, "__metadata__": {}}, BODY), "'__metadata__': not in the record"),
        (raw_file({"model/b": HEADER["model/b"]}, BODY), "tensor model/a: missing"),
        (
            raw_file({**HEADER, "model/a": {**HEADER["model/a"], "shape": [3, 2]}}, BODY),
            "tensor model/a: dtype",
        ),
        (
            raw_file({**HEADER, "model/a": {**HEADER["model/a"], "dtype": "BF16"}}, BODY),
            "tensor model/a: dtype",
        ),
        (raw_file({**HEADER, "model/a": 3}, BODY), "tensor model/a: dtype"),
        (
            raw_file({**HEADER, "model/b": {**HEADER["model/b"], "data_offsets": [10, 14]}}, BODY),
            "tensor model/b: its data_offsets leave a gap or overlap",
        ),
        (
            raw_file({**HEADER, "model/b": {**HEADER["model/b"], "data_offsets": [12, 16, 20]}}, BODY),
            "tensor model/b: data_offsets must be two whole numbers",
        ),
        (
            raw_file({**HEADER, "model/b": {**HEADER["model/b"], "data_offsets": [-4, 0]}}, BODY),
            "tensor model/b: its data_offsets",
        ),
        (
            raw_file(json.dumps(HEADER).encode()[:-1] + b', "model/a": {}}', BODY),
            "key 'model/a' appears twice",
        ),
        (raw_file([], BODY), "the header is not an object"),
        (raw_file(b"[" * 100_000, BODY), "nested deeper"),
        (raw_file(b"not JSON", BODY), "not valid JSON"),
        (struct.pack("<Q", 2**63) + raw_file(HEADER, BODY)[8:], f"a header of {2**63} bytes does not fit"),
        (raw_file(HEADER, BODY + b"more"), "does not fit"),
        (raw_file(HEADER, np.array([1, 2, 3, np.nan, 5, 6, 7, 8], "float16").tobytes()), "tensor model/a: holds NaN"),
        (raw_file(HEADER, np.array([1, 2, 3, 4, 5, 6, 7, np.inf], "float16").tobytes()), "tensor model/b: holds NaN"),
    ],
    ids=range(17),
)
def test_a_file_with_a_right_hash_must_still_fit_its_record(path, data, message):
    with pytest.raises(WeightsError, match=message) as caught:
        read(path, data)
    assert str(caught.value).startswith(str(path))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.integers(0, len(raw_file(HEADER, BODY)) - 1),
    bits=st.binary(min_size=1, max_size=4),
    keep=st.integers(0, 4),
)
def test_a_mutated_file_gives_the_right_shapes_or_one_typed_error(tmp_path, place, bits, keep):
    good = raw_file(HEADER, BODY)
    try:
        tensors = read(tmp_path / "model.safetensors", good[:place] + bits + good[place + keep :])
    except WeightsError:
        return
    assert {name: tensor.shape for name, tensor in tensors.items()} == {"model/a": (2, 3), "model/b": (2,)}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.pkl", "m.pt", "M.PTH", "m.bin", "m.npz"])
def test_other_formats_are_refused_by_name_with_the_reason(tmp_path, name):
    with pytest.raises(WeightsError, match=r"refused: a \.\w+ file .+; the zoo reads safetensors only"):
        read(tmp_path / name, raw_file(HEADER, BODY))


def test_what_is_not_an_ordinary_file_is_not_opened(path):
    record = record_of(raw_file(HEADER, BODY), TENSORS)
    with pytest.raises(StorageError, match="No such file"):
        read_tensors(path, record)
    os.mkfifo(path)
    with pytest.raises(StorageError, match="not an ordinary file"):
        read_tensors(path, record)
    assert integrity_error(path, 1, "") == "cannot be read: not an ordinary file"
    assert integrity_error(path.parent / "none", 1, "") == "no such file"


def test_atomic_write_replaces_whole_or_not_at_all(path, monkeypatch):
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=f"^{path}: No space left on device: check space"):
        atomic_write(path, b"three")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["model.safetensors"]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="No such file or directory"):
        atomic_write(tmp_path / "none" / "file", b"")
