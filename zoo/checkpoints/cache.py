"""Checkpoint files on this machine: list, verify, remove and publish them."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from zoo.checkpoints import locate
from zoo.checkpoints.record import RECORD_FILE, WEIGHTS_FILE, Record, is_name
from zoo.errors import InputError, WeightsError, ZooError
from zoo.files import atomic_write, integrity_error, replacing, storage

INDEX_FILE = "index.json"
SUMS_FILE = "SHA256SUMS"
LEFTOVERS = ("*.partial", "*.tmp", "*.lock")


@dataclasses.dataclass(frozen=True)
class LocalCheckpoint:
    """A checkpoint's folder on this machine.

    Attributes:
        name: Name of the checkpoint.
        place: ``"shipped"`` with the package, or ``"cache"``.
        folder: Folder of the checkpoint.
        bytes: Size of the weights file; ``None`` if it is missing.
        integrity_error: Short description of damage; ``None`` if there is none or it was not checked.
    """

    name: str
    place: str
    folder: Path
    bytes: int | None
    integrity_error: str | None = None

    def to_json(self) -> dict:
        """Returns the attributes as plain JSON values."""
        return {**dataclasses.asdict(self), "folder": str(self.folder)}


def local_checkpoints() -> list[LocalCheckpoint]:
    """Returns the shipped checkpoints, then those in the cache, without reading weights."""
    checkpoints = [("shipped", name, folder) for name, folder in locate.records().items()]
    cache = locate.cache_folder()
    with storage(cache):
        names = sorted(item.name for item in cache.iterdir() if item.is_dir()) if cache.is_dir() else []
    checkpoints += [("cache", name, cache / name) for name in names if is_name(name)]
    return [LocalCheckpoint(name, place, folder, _bytes(folder / WEIGHTS_FILE)) for place, name, folder in checkpoints]


def verify(names: Sequence[str] = ()) -> list[LocalCheckpoint]:
    """Read every byte of checkpoints on this machine and compare size and SHA-256 with their record.

    Args:
        names: Names of checkpoints, or folders; the default is all with weights on this machine.

    Raises:
        InputError: There is no such checkpoint.
    """
    checkpoints = local_checkpoints()
    present = [checkpoint for checkpoint in checkpoints if checkpoint.bytes is not None]
    # Weights that are missing from one place are no error if the other place has them.
    present_names = {checkpoint.name for checkpoint in present}
    absent = [checkpoint for checkpoint in checkpoints if checkpoint.name not in present_names]
    chosen = [checkpoint for name in names for checkpoint in _by_name(name, [*present, *absent])] if names else present
    return [dataclasses.replace(checkpoint, integrity_error=_integrity_error(checkpoint)) for checkpoint in chosen]


def _by_name(name: str, checkpoints: list[LocalCheckpoint]) -> list[LocalCheckpoint]:
    folder = Path(name)
    if (folder / RECORD_FILE).is_file():
        return [LocalCheckpoint(name, "folder", folder, _bytes(folder / WEIGHTS_FILE))]
    same = [checkpoint for checkpoint in checkpoints if checkpoint.name == name]
    if not same:
        locate.read_record(name)  # raises if there is no such checkpoint
    return same


def prune(everything: bool = False, dry_run: bool = False) -> list[tuple[Path, str]]:
    """Remove damaged checkpoints and leftovers of interrupted downloads from the cache.

    Only folders with the name of a checkpoint are touched. A running download in another process loses its lock and the
    name of its partial file; it still ends with the correct file.

    Args:
        everything: Also remove undamaged checkpoints.
        dry_run: Only report what would be removed.

    Returns:
        The removed paths, each with the reason.
    """
    doomed: list[tuple[Path, str]] = []
    for checkpoint in local_checkpoints():
        if checkpoint.place != "cache":
            continue
        leftovers = {file for pattern in LEFTOVERS for file in checkpoint.folder.glob(pattern) if file.is_file()}
        doomed += [(file, "leftover") for file in sorted(leftovers)]
        reason = "--all" if everything else _integrity_error(checkpoint)
        if reason:
            files = [checkpoint.folder / file for file in (WEIGHTS_FILE, RECORD_FILE)]
            doomed += [(file, reason) for file in files if file.is_file()]
    if not dry_run:
        for file, _ in doomed:
            with storage(file):
                file.unlink(missing_ok=True)
        for folder in {file.parent for file, _ in doomed}:
            with storage(folder):
                if not any(folder.iterdir()):
                    folder.rmdir()
    return doomed


def publish(names: Sequence[str], folder: Path) -> list[Record]:
    """Write checkpoints into a folder that any static web server can serve as a ``ZOO_WEIGHTS_URL``.

    Each checkpoint is verified and written to ``<folder>/<name>/``. ``index.json`` lists all checkpoints in the folder,
    and ``sha256sum -c SHA256SUMS`` checks them without the zoo. Other checkpoints in the folder are kept.

    Args:
        names: Names of checkpoints, or folders that ``Pipeline.save`` wrote.
        folder: Output folder; created if it does not exist.

    Returns:
        The published records.

    Raises:
        InputError: There is no such checkpoint, or the folder is a file.
        WeightsError: A checkpoint is damaged.
        StorageError: The disk is full, or the folder cannot be written.
    """
    if not names:
        raise InputError("nothing to publish: name at least one checkpoint")
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose a folder")
    published = []
    for name in names:
        record, file = locate.resolve(name)
        target = folder / record.name
        with storage(target):
            target.mkdir(parents=True, exist_ok=True)
        # Write the weights first, so that a reader of the new record finds the new weights.
        with open(file, "rb") as source, replacing(target / WEIGHTS_FILE) as copy:
            shutil.copyfileobj(source, copy)
        wrong = integrity_error(target / WEIGHTS_FILE, record.weights.bytes, record.weights.sha256)
        if wrong:
            raise WeightsError(f"{target / WEIGHTS_FILE}: {wrong}: the disk does not keep what is written")
        atomic_write(target / RECORD_FILE, record.to_text().encode())
        published.append(record)
    _write_index(folder)
    return published


def _write_index(folder: Path) -> None:
    rows, sums = [], []
    for file in sorted(folder.glob(f"*/{RECORD_FILE}")):
        if not is_name(file.parent.name):
            continue
        record = locate.read_record(file.parent)
        rows.append({"name": record.name, "bytes": record.weights.bytes, "sha256": record.weights.sha256})
        sums.append(f"{record.weights.sha256}  {record.name}/{WEIGHTS_FILE}")
        sums.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {record.name}/{RECORD_FILE}")
    atomic_write(folder / INDEX_FILE, (json.dumps(rows, indent=1) + "\n").encode())
    atomic_write(folder / SUMS_FILE, ("\n".join(sums) + "\n").encode())


def _bytes(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _integrity_error(checkpoint: LocalCheckpoint) -> str | None:
    """Returns a description of the damage to a checkpoint, or None."""
    # As in ``locate``, the package's record takes precedence over a record in the cache.
    folder = checkpoint.folder
    if checkpoint.place == "cache":
        folder = locate.records().get(checkpoint.name, folder)
    try:
        weights = locate.read_record(folder).weights
    except ZooError as error:
        return str(error)
    return integrity_error(checkpoint.folder / WEIGHTS_FILE, weights.bytes, weights.sha256)
