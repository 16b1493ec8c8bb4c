"""The index of the shipped checkpoints: the data of ``zoo list`` in one small file.

    python -m zoo.checkpoints.index

writes the index from the records.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.record import SCHEMA, Record, check
from zoo.checkpoints.strict_json import MAX_JSON_BYTES, layout, parse_json
from zoo.errors import WeightsError
from zoo.files import atomic_write, open_regular

INDEX_FILE = "index.json"
REMEDY = "write it again with python -m zoo.checkpoints.index"

ROW_SCHEMA = {"name": str, "parameters": int, "bytes": int, "data": str, "metrics": SCHEMA["metrics"]}


def summarize(record: Record) -> dict[str, Any]:
    """Returns the index row of a record, as plain JSON values."""
    return {
        "name": record.name,
        "parameters": record.weights.parameters,
        "bytes": record.weights.bytes,
        "data": record.data["name"],
        "metrics": record.metrics,
    }


def write_index() -> Path:
    """Write the index of all shipped records beside their folders.

    Returns:
        The file.

    Raises:
        WeightsError: A record is damaged.
        StorageError: The folder cannot be written.
    """
    rows = [summarize(locate.read_record(folder)) for folder in locate.records().values()]
    file = locate.shipped_folder() / INDEX_FILE
    atomic_write(file, (layout(rows) + "\n").encode())
    return file


def refresh(folder: Path) -> None:
    """Update the index after a write to a checkpoint's folder, if it is a shipped checkpoint."""
    if folder.resolve().parent == locate.shipped_folder().resolve():
        write_index()


def read_index() -> dict[str, dict[str, Any]]:
    """Returns the rows of the index by name; empty if there is no index.

    Raises:
        WeightsError: The index is damaged.
    """
    file = locate.shipped_folder() / INDEX_FILE
    try:
        with open_regular(file) as opened:
            data = opened.read(MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WeightsError(f"{file}: cannot be read: {error.strerror}: {REMEDY}") from None
    try:
        rows = parse_json(data, str(file))
        check(rows, [ROW_SCHEMA], str(file))
    except WeightsError as error:
        raise WeightsError(f"{error}: {REMEDY}") from None
    return {row["name"]: row for row in rows}


def list_rows(names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the rows of shipped checkpoints, from the index or, if missing there, from the record.

    Args:
        names: Names from ``list_models``.

    Raises:
        WeightsError: The index or a record is damaged.
    """
    rows = read_index()
    return [rows[name] if name in rows else summarize(locate.read_record(name)) for name in names]


if __name__ == "__main__":
    print(write_index())
