"""Preprocessors of inputs that are already arrays: series of numbers, and sequences of ids."""

import dataclasses
import json
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import expect_fields

MAX_SIZE = 65_536
"""Most features of a step, and most ids."""


@dataclasses.dataclass(frozen=True)
class NumbersPreprocessor:
    """Series of numbers, ``(time, features)``, with a number as target.

    Attributes:
        features: Number of features per step.

    Example:
        >>> NumbersPreprocessor(2).encode_input([[1, 2], [3, 4]]).shape
        (2, 2)
    """

    features: int

    def encode_input(self, series: Any) -> np.ndarray:
        """Returns a series, or JSON text of one, as float32 (raises InputError if it is none, or not finite)."""
        array = _array(_parsed(series), "f", f"a series of numbers, (time, {self.features})")
        if array.ndim != 2 or not len(array) or array.shape[1] != self.features:
            raise InputError(f"a series of shape {array.shape}: give (time, {self.features})")
        if not np.isfinite(array).all():
            step = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise InputError(f"step {step + 1} of a series is not finite: fill the gap or remove the series")
        return array.astype("float32")

    def encode_target(self, target: Any) -> float:
        """Returns a target as a number (raises InputError if it is not one)."""
        array = _array(target, "f", "a number")
        if array.shape or not np.isfinite(array):
            raise InputError(f"target {str(target)[:40]!r}: give one finite number")
        return float(array)

    def to_json(self) -> dict[str, Any]:
        return {"features": self.features}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "NumbersPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        return cls(_size("features", value, location))


@dataclasses.dataclass(frozen=True)
class IdsPreprocessor:
    """Sequences of ids, ``(time,)``, with an id per step as target.

    Attributes:
        symbols: Number of ids.

    Example:
        >>> IdsPreprocessor(10).encode_input([3, 9, 0]).tolist()
        [3, 9, 0]
    """

    symbols: int

    def encode_input(self, ids: Any) -> np.ndarray:
        """Returns ids, or JSON text of them, as int32 (raises InputError for anything else, and for unknown ids)."""
        array = _array(_parsed(ids), "i", f"ids from 0 to {self.symbols - 1}, (time,)")
        if array.ndim != 1 or not len(array):
            raise InputError(f"ids of shape {array.shape}: give (time,)")
        unknown = np.flatnonzero((array < 0) | (array >= self.symbols))
        if len(unknown):
            raise InputError(f"step {unknown[0] + 1}: id {array[unknown[0]]}: give 0 to {self.symbols - 1}")
        return array.astype("int32")

    def encode_target(self, ids: Any) -> np.ndarray:
        """Returns the target ids as int32, as ``encode_input`` does."""
        return self.encode_input(ids)

    def to_json(self) -> dict[str, Any]:
        return {"symbols": self.symbols}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "IdsPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        return cls(_size("symbols", value, location))


def _parsed(value: Any) -> Any:
    """Returns the list in a JSON text, as it comes from a command line; other values unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _array(value: Any, kind: str, expected: str) -> np.ndarray:
    """Returns an array of floats (``kind`` ``"f"``) or of whole numbers (``"i"``)."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.zeros(0, object)
    if array.dtype.kind not in ("fiu" if kind == "f" else "iu"):
        raise InputError(f"{str(value)[:40]!r}: give {expected}")
    return array


def _size(key: str, value: Any, location: str) -> int:
    expect_fields({key: int}, value, location)
    if not 1 <= value[key] <= MAX_SIZE:
        raise WeightsError(f"{location}.{key}: expected 1 to {MAX_SIZE}")
    return value[key]
