"""The index of the shipped checkpoints: what ``zoo list`` shows of each record, in one small file.

    python -m zoo.checkpoints.index

writes it again from the records.
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
    """Returns the row of one record, as plain JSON values."""
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
    """Write the index again after a checkpoint's folder was written, if that is among the shipped ones."""
    if folder.resolve().parent == locate.shipped_folder().resolve():
        write_index()


def read_index() -> dict[str, dict[str, Any]]:
    """Returns the rows of the index by name; none where there is no index.

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
    """Returns the rows of shipped checkpoints, from the index or from the record of one it lacks.

    Args:
        names: Names that ``list_models`` returned.

    Raises:
        WeightsError: The index, or a record that is read, is damaged.
    """
    rows = read_index()
    return [rows[name] if name in rows else summarize(locate.read_record(name)) for name in names]


if __name__ == "__main__":
    print(write_index())
