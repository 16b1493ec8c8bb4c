"""The record of a checkpoint: its model, its origin and its scores."""

import dataclasses
import math
import re
import unicodedata
from collections.abc import Collection
from typing import Any, NoReturn

from zoo.checkpoints.spec import ModelSpec
from zoo.checkpoints.strict_json import MAX_JSON_BYTES, MAX_JSON_DEPTH, layout
from zoo.errors import WeightsError
from zoo.limits import MAX_NUMBER

# Bounds on the contents of untrusted files, far above those of the zoo's checkpoints.
MAX_TENSORS = 10_000
MAX_PARAMETERS = 2**31

FORMAT = 1  # version of the record format; docs/guide/records.md defines when it changes
RECORD_FILE = "record.json"
WEIGHTS_FILE = "model.safetensors"
ITEM_BYTES = {"float16": 2, "float32": 4}
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Optional:
    """Mark a key of the schema as optional."""

    schema: Any


# A type stands for a value, ``{str: x}`` for arbitrary keys, ``[x]`` for a list, ``object`` for any JSON.
SCHEMA = {
    "format": int,
    "name": str,
    "spec": {str: object},
    "weights": {
        "file": str,
        "sha256": str,
        "bytes": int,
        "parameters": int,
        "tensors": {str: {"shape": [int], "dtype": str}},
    },
    "licence": {"weights": str, "data": str},
    "data": {"name": str, "source": str, "fingerprint": str, "splits": {str: int}},
    "training": {
        "recipe": {str: object},
        "seed": int,
        "backend": str,
        "versions": {str: str},
        "seconds": float,
        "steps": int,
        "curve": [{str: object}],
    },
    "metrics": [
        {
            "dataset": str,
            "split": str,
            "size": int,
            "beam": Optional(int),
            "values": {str: {"value": float, "low": float, "high": float}},
            "languages": Optional({str: {"size": int, "values": {str: {"value": float, "low": float, "high": float}}}}),
            "signatures": Optional({str: str}),
        }
    ],
    "published": [{"system": str, "source": str, "dataset": str, "split": str, "values": {str: float}}],
    "golden": {"inputs": [object], "outputs": [object], "logits": Optional([object])},
    "probe": Optional(
        {
            "dataset": str,
            "split": str,
            "history": int,
            "windows": int,
            "context": [{"steps": int, "loss": float, "influence": float}],
            "effective": int,
            "half_life": int,
            "structure": {"receptive_field": Optional(int), "path_length": int, "support": int, "checked": int},
            "recall": [{"lag": int, "accuracy": Optional(float), "chance": float}],
        }
    ),
}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Shape and dtype of one stored tensor."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def parameters(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in the file, in bytes."""
        return self.parameters * ITEM_BYTES[self.dtype]


@dataclasses.dataclass(frozen=True)
class Weights:
    """Exact description of a weights file; the keys of ``tensors`` are paths of variables."""

    file: str
    sha256: str
    bytes: int
    parameters: int
    tensors: dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Record:
    """A checkpoint's record; its plain parts follow ``SCHEMA``."""

    name: str
    spec: ModelSpec
    weights: Weights
    licence: dict[str, str]
    data: dict[str, Any]
    training: dict[str, Any]
    metrics: list[dict[str, Any]]
    published: list[dict[str, Any]]
    golden: dict[str, Any]
    probe: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON values."""
        document = {"format": FORMAT, **dataclasses.asdict(self)}
        for tensor in document["weights"]["tensors"].values():
            tensor["shape"] = list(tensor["shape"])
        if self.probe is None:
            del document["probe"]
        return document

    def to_text(self) -> str:
        """Returns the record as JSON text with a readable layout."""
        return layout(self.to_json()) + "\n"

    @classmethod
    def from_json(cls, document: Any, location: str) -> "Record":
        """Create a record from JSON values; checks each key, type and bound.

        Args:
            document: Result of ``to_json``.
            location: File or URL of the record, for messages.

        Raises:
            WeightsError: A value is invalid; the message names the file and the key.
        """
        _check_format(document, location)
        check(document, SCHEMA, location)
        parts = {key: value for key, value in document.items() if key != "format"}
        parts["spec"] = ModelSpec.from_json(document["spec"], location)
        tensors = {
            path: Tensor(tuple(tensor["shape"]), tensor["dtype"])
            for path, tensor in document["weights"]["tensors"].items()
        }
        parts["weights"] = Weights(**{**document["weights"], "tensors": tensors})
        record = cls(**parts)
        _check_sense(record, location)
        return record


def check(value: Any, schema: Any, location: str) -> None:
    """Compare JSON values with ``SCHEMA``, or with a part of it.

    Raises:
        WeightsError: A value is invalid; the message names the file and the key.
    """
    _check(value, schema, location, "")
    _bound(value, location, "", MAX_JSON_DEPTH)


def _check_format(document: Any, location: str) -> None:
    """Refuse a record of another version before its keys are checked, because these may differ."""
    version = document.get("format") if isinstance(document, dict) else None
    if type(version) is int and version != FORMAT:
        _fail(location, "format", f"{str(version)[:20]} is not known here, only {FORMAT}: update seqzoo")


def _fail(location: str, key: str, what: str) -> NoReturn:
    # An untrusted key may hold line breaks or terminal codes; they are escaped.
    shown = key[:200] if key.isprintable() else ascii(key[:200])
    raise WeightsError(f"{location}: {shown or 'record'}: {what}")


def _bound(value: Any, location: str, key: str, levels: int) -> None:
    """Refuse nesting, numbers and strings that no valid record has."""
    if levels == 0 and isinstance(value, dict | list):
        _fail(location, key, f"JSON nested deeper than {MAX_JSON_DEPTH} levels")
    if isinstance(value, dict):
        if _harmless(value) and _harmless(value.values()):
            return
        for name, item in value.items():
            _bound(name, location, key or "key", levels)
            _bound(item, location, f"{key}.{name}" if key else name, levels - 1)
    elif isinstance(value, list):
        if _harmless(value):
            return
        inner = f"{key}[]"
        for item in value:
            _bound(item, location, inner, levels - 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            _fail(location, key, "text with a lone surrogate")
    elif isinstance(value, int | float):
        limit = MAX_NUMBER if key.startswith("spec.config") else 10**15
        if not -limit <= value <= limit:
            _fail(location, key, f"{str(value)[:20]} is beyond {limit}")


def _harmless(values: Collection[Any]) -> bool:
    """Returns whether plain texts or small numbers, such as vocabularies, are all in bounds."""
    kinds = set(map(type, values))
    if kinds == {str}:
        try:
            "".join(values).encode()
        except UnicodeEncodeError:
            return False
        return True
    return kinds <= {int, float} and -MAX_NUMBER <= min(values, default=0) <= max(values, default=0) <= MAX_NUMBER


def _check(value: Any, schema: Any, location: str, key: str) -> None:
    """Compare a value with its part of ``SCHEMA``."""
    # Return early for valid simple values; the rest describes what is wrong.
    if schema is object or (schema is float and type(value) in (int, float)):
        return
    if schema is int and type(value) is int and value >= 0:
        return

    if schema is str:
        if not (isinstance(value, str) and value.strip() and value.isprintable()):
            _fail(location, key, "expected a text on one line, not empty")
    elif schema is int:  # a whole number was accepted above
        _fail(location, key, "expected a whole number >= 0")
    elif schema is float:
        _fail(location, key, "expected a number")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            _fail(location, key, "expected a list")
        for index, item in enumerate(value):
            _check(item, schema[0], location, f"{key}[{index}]")
    elif isinstance(schema, dict):
        if not isinstance(value, dict):
            _fail(location, key, "expected an object")
        for name in value if str in schema else ():
            if not name.isprintable():
                _fail(location, f"{key}.{name}", "expected a key on one line")
        schemas = dict.fromkeys(value, schema[str]) if str in schema else schema
        # Check each name once: two checks per level would be sixteen at the fourth level.
        for name in {**schemas, **value}:
            inner = f"{key}.{name}" if key else name
            if name not in schemas:
                _fail(location, inner, "unknown key")
            wanted = schemas[name]
            if name in value:
                _check(value[name], wanted.schema if isinstance(wanted, Optional) else wanted, location, inner)
            elif not isinstance(wanted, Optional):
                _fail(location, inner, "missing")


def _check_sense(record: Record, location: str) -> None:
    """Check what types cannot express: names, bounds, and sums that must agree."""

    def expect(condition: bool, key: str, what: str) -> None:
        if not condition:
            _fail(location, key, what)

    weights = record.weights
    for key in ("architecture", "size", "task"):
        expect(getattr(record.spec, key).isprintable(), f"spec.{key}", "expected a text on one line")
    expect(is_name(record.name), "name", "may hold letters, digits, _, - and spaces, in words joined by dots")
    expect(weights.file == WEIGHTS_FILE, "weights.file", f"must be {WEIGHTS_FILE}")
    expect(SHA256.fullmatch(weights.sha256) is not None, "weights.sha256", "expected 64 hexadecimal digits")
    fingerprint = record.data["fingerprint"]
    expect(SHA256.fullmatch(fingerprint) is not None, "data.fingerprint", "expected 64 hexadecimal digits")
    backend = record.training["backend"]
    expect(backend in ("tensorflow", "jax", "torch"), "training.backend", "expected tensorflow, jax or torch")
    expect(record.training["versions"] != {}, "training.versions", "names no version")
    expect(len(record.golden["inputs"]) == len(record.golden["outputs"]), "golden", "one output per input")
    expect(0 < len(weights.tensors) <= MAX_TENSORS, "weights.tensors", f"expected 1 to {MAX_TENSORS}")
    for path, tensor in weights.tensors.items():
        key = f"weights.tensors.{path}"
        expect(path.isprintable() and len(path) <= 300, key, "expected a printable path, up to 300 letters")
        expect(tensor.dtype in ITEM_BYTES, key, f"dtype must be one of {', '.join(ITEM_BYTES)}")
        # The number of axes is bounded before they are multiplied.
        expect(len(tensor.shape) <= 8 and 0 not in tensor.shape, key, "expected up to 8 axes, none empty")
        expect(tensor.parameters <= MAX_PARAMETERS, key, f"more than {MAX_PARAMETERS} values")
    total = sum(tensor.parameters for tensor in weights.tensors.values())
    expect(total == weights.parameters, "weights.parameters", f"the tensors add up to {total}")
    expect(total <= MAX_PARAMETERS, "weights.parameters", f"more than {MAX_PARAMETERS}")
    header = weights.bytes - 8 - sum(tensor.bytes for tensor in weights.tensors.values())
    expect(0 < header <= MAX_JSON_BYTES, "weights.bytes", "does not agree with the tensors")


def is_name(text: str) -> bool:
    """Returns whether a text is a valid checkpoint name: never a path, and safe as a folder name.

    A name has words of letters of any script, digits, ``_`` and ``-``, joined by single spaces or dots.
    """
    return 0 < len(text) <= 100 and text[0].isalnum() and all(map(_is_word, re.split("[. ]", text)))


def name_of_folder(folder: str) -> str:
    """Returns a checkpoint name for a folder name; replaces invalid characters by ``-``."""
    text = "".join(c if c in ". " or _is_word(c) else "-" for c in unicodedata.normalize("NFC", folder))
    name = re.sub(r"([. ])[. ]+", r"\1", text).strip(" .-_")[:100].rstrip(" .-_")
    return name if is_name(name) else "checkpoint"


def _is_word(text: str) -> bool:
    # Vowel signs of many scripts are marks, not letters.
    return text != "" and all(c.isalnum() or c in "_-" or unicodedata.category(c)[0] == "M" for c in text)
