"""Read JSON from untrusted sources within bounds, and write readable JSON."""

import json
import math
from typing import Any

from zoo.errors import WeightsError

# limits far above any file of the zoo
MAX_JSON_BYTES = 4 * 2**20  # bytes
MAX_JSON_DEPTH = 16  # levels of nesting
MAX_JSON_CONTAINERS = 200_000  # maximum lists and objects: a million of them cost seconds and 100 MB to parse


def parse_json(data: bytes, location: str) -> Any:
    """Parse strict JSON: no duplicate keys, no NaN, no infinity.

    Args:
        data: UTF-8 text.
        location: File or URL of the text, for messages.

    Raises:
        WeightsError: The text is invalid; the message names the file and, if known, the line.
    """
    if len(data) > MAX_JSON_BYTES:
        raise WeightsError(f"{location}: more than {MAX_JSON_BYTES} bytes of JSON")
    if data.count(b"[") + data.count(b"{") > MAX_JSON_CONTAINERS:
        raise WeightsError(f"{location}: more than {MAX_JSON_CONTAINERS} lists and objects")
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique_keys,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except json.JSONDecodeError as error:
        raise WeightsError(f"{location}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise WeightsError(f"{location}: JSON nested deeper than {MAX_JSON_DEPTH} levels") from None
    except ValueError as error:
        raise WeightsError(f"{location}: not valid JSON: {error}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {key[:100]!r} appears twice")
        result[key] = value
    return result


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"number {text[:17]} is not finite")
    return number


def layout(value: Any, indent: str = "") -> str:
    """Returns JSON text with short values and lists of plain values on one line, and other items on separate lines."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    plain = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    if plain or not isinstance(value, dict | list) or len(line) <= 100:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {layout(item, inner)}" for key, item in value.items()]
        start, end = "{", "}"
    else:
        items = [layout(item, inner) for item in value]
        start, end = "[", "]"
    return f"{start}\n" + ",\n".join(inner + item for item in items) + f"\n{indent}{end}"
