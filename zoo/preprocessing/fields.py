"""Checks of the JSON that preprocessors are created from."""

from collections.abc import Sequence
from typing import Any

from zoo.errors import InputError, WeightsError

MAX_TEXT_LENGTH = 1_000_000  # maximum symbols of a text that a record may allow


def expect_text(value: Any) -> str:
    """Returns an input that is a text (raises InputError for anything else)."""
    if not isinstance(value, str):
        raise InputError(f"{str(value)[:40]!r} is not a text: give strings")
    return value


def expect_fields(fields: dict[str, type], value: Any, location: str) -> None:
    """Raise WeightsError unless ``value`` has exactly these fields with these types."""
    if not isinstance(value, dict) or set(value) != set(fields):
        raise WeightsError(f"{location}: expected an object with {', '.join(fields)}")
    for name, kind in fields.items():
        if type(value[name]) is not kind:
            raise WeightsError(f"{location}.{name}: expected {kind.__name__}")


def check_names(value: dict[str, Any], keys: Sequence[str], location: str) -> None:
    """Raise WeightsError unless each key holds distinct, non-empty texts."""
    for key in keys:
        names = value[key]
        if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
            raise WeightsError(f"{location}.{key}: expected texts that are not empty, each once")


def number_of(label: str, labels: Sequence[str]) -> int:
    """Returns the index of a label (raises InputError for an unknown one)."""
    if label not in labels:
        shown = ", ".join(map(repr, labels[:20])) + (", ..." if len(labels) > 20 else "")
        raise InputError(f"label {label!r} is unknown to this model; it knows: {shown}")
    return labels.index(label)
