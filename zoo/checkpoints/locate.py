"""Locate checkpoints: their records, and their verified weights.

A checkpoint is a folder with ``record.json`` and ``model.safetensors``, named after the checkpoint. Weights are
searched for in this order: a folder given by its path, the checkout or the installed package, the cache, and each base
URL of ``ZOO_WEIGHTS_URL``.
"""

import fnmatch
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from zoo.checkpoints.record import RECORD_FILE, WEIGHTS_FILE, Record, is_name
from zoo.checkpoints.strict_json import MAX_JSON_BYTES, parse_json
from zoo.errors import DownloadError, InputError, IntegrityError, WeightsError, unknown
from zoo.files import atomic_write, integrity_error, open_regular

_AGAIN = ": fetch or copy it again"
T = TypeVar("T")

# Modules that listing does not need are imported where they are used, because listing must start fast.


def shipped_folder() -> Path:
    """Returns the folder of the shipped checkpoints, installed or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def cache_folder() -> Path:
    """Returns the folder for downloaded checkpoints: ``ZOO_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("ZOO_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("seqzoo", appauthor=False)


def records() -> dict[str, Path]:
    """Returns the folders of the shipped checkpoints by name, in natural order."""
    folders = [file.parent for file in shipped_folder().glob(f"*/{RECORD_FILE}")]
    return {
        folder.name: folder
        for folder in sorted(folders, key=lambda folder: _natural(folder.name))
        if is_name(folder.name)
    }


def list_models(pattern: str = "*") -> list[str]:
    """Returns the names of checkpoints, in natural order (``v2`` before ``v10``).

    Args:
        pattern: Shell-style wildcards: ``"*.cmudict"``.

    Example:
        >>> import zoo
        >>> "gru_small.cmudict" in zoo.list_models("*.cmudict")
        True
    """
    return [name for name in records() if fnmatch.fnmatchcase(name, pattern)]


def read_record(name_or_folder: str | Path) -> Record:
    """Read the record of a checkpoint on this machine, without weights and network.

    Args:
        name_or_folder: A checkpoint's name, or the path of its folder.

    Raises:
        InputError: There is no such checkpoint or folder.
        WeightsError: The record is damaged.

    Example:
        >>> import zoo
        >>> zoo.read_record("gru_small.cmudict").spec.architecture
        'gru'
    """
    folder = _given_folder(name_or_folder)
    if folder:
        return _read_record_file(folder / RECORD_FILE)
    name = _checked_name(name_or_folder)
    for folder in (shipped_folder() / name, cache_folder() / name):
        if (folder / RECORD_FILE).is_file():
            return _read_named_record(folder)
    raise InputError(_unknown(name))


def resolve(name_or_folder: str | Path) -> tuple[Record, Path]:
    """Locate a checkpoint, and download it if necessary.

    Args:
        name_or_folder: A checkpoint's name, or the path of its folder.

    Returns:
        The record, and the weights file with the size and SHA-256 of the record.

    Raises:
        InputError: There is no such checkpoint or folder.
        WeightsError: A folder given by its path is damaged.
        DownloadError: No place has the weights; the message lists the places.
        StorageError: The cache cannot be written.
    """
    record, file, _ = locate_and_read(name_or_folder, verify)
    return record, file


def locate_and_read(
    name_or_folder: str | Path, read: Callable[[Path, Record], T], record: Record | None = None
) -> tuple[Record, Path, T]:
    """Locate a checkpoint as ``resolve`` does, and read its weights file once.

    Args:
        name_or_folder: A checkpoint's name, or the path of its folder.
        read: Reads the weights file of a record. It raises ``IntegrityError`` if the file is wrong; the next place is
            then tried.
        record: Result of ``read_record``, if already called, to avoid parsing it again.

    Returns:
        The record, the weights file, and the result of ``read``.

    Raises:
        InputError: As for ``resolve``; so are the other errors.
    """
    folder = _given_folder(name_or_folder)
    if folder:
        record = record or _read_record_file(folder / RECORD_FILE)
        try:
            return record, folder / WEIGHTS_FILE, _read(folder, record, read)
        except IntegrityError as error:
            raise WeightsError(f"{_problem(error)}: copy the folder again") from None

    name = _checked_name(name_or_folder)
    shipped, cached = shipped_folder() / name, cache_folder() / name
    # The package's record takes precedence; only unknown names are taken from elsewhere.
    if record is None and (shipped / RECORD_FILE).is_file():
        record = _read_named_record(shipped)
    tried = []
    for folder in (shipped, cached):
        try:
            resolved = record or _read_named_record(folder)
        except WeightsError as error:
            tried.append(str(error))
            continue
        try:
            return resolved, folder / WEIGHTS_FILE, _read(folder, resolved, read)
        except IntegrityError as error:
            tried.append(_problem(error))
    bases = [base.strip().rstrip("/") for base in os.environ.get("ZOO_WEIGHTS_URL", "").split(",")]
    bases = [base for base in bases if base]
    for base in bases:
        try:
            resolved, file = _from_base(base, name, record, cached)
            return resolved, file, read(file, resolved)
        except (DownloadError, WeightsError) as error:
            tried.append(str(error))
    remedy = ""
    if not bases:
        if record is None and not (cached / RECORD_FILE).exists():
            raise InputError(_unknown(name))
        tried.append("no base URL, because ZOO_WEIGHTS_URL is not set")
        remedy = ": set ZOO_WEIGHTS_URL to a published copy, or to the folder weights/ of the source as a file:// URL"
    problem = f"{name}: no weights found" if record else _unknown(name)
    raise DownloadError(f"{problem}; tried: {'; '.join(tried)}{remedy}")


def verify(file: Path, record: Record) -> None:
    """Raise IntegrityError if a weights file does not match its record."""
    wrong = integrity_error(file, record.weights.bytes, record.weights.sha256)
    if wrong:
        raise IntegrityError(f"{file}: {wrong}{_AGAIN}")


def _read(folder: Path, record: Record, read: Callable[[Path, Record], T]) -> T:
    """Returns the result of ``read`` for a folder's weights (raises IntegrityError if the size is wrong)."""
    file = folder / WEIGHTS_FILE
    wrong = integrity_error(file, record.weights.bytes)
    if wrong:
        raise IntegrityError(f"{file}: {wrong}{_AGAIN}")
    return read(file, record)


def _problem(error: IntegrityError) -> str:
    """Returns an error's message without its remedy, which does not apply here."""
    return str(error).removesuffix(_AGAIN)


def _given_folder(name_or_folder: str | Path) -> Path | None:
    """Returns the folder for a path, or None for a checkpoint's name."""
    path = Path(name_or_folder).expanduser()
    text = str(name_or_folder)
    try:
        if (path / RECORD_FILE).is_file():
            return path
        if path.is_file():
            from zoo.checkpoints.tensors import refuse_other_formats

            refuse_other_formats(path)
            raise InputError(f"{path}: is a file; give the folder that holds {RECORD_FILE} and {WEIGHTS_FILE}")
    except (OSError, ValueError):
        # No file can have this name: it is too long, or has a NUL byte.
        pass
    if isinstance(name_or_folder, Path) or "/" in text or os.sep in text or text in (".", ".."):
        raise InputError(f"{text[:200]!r}: no folder with a {RECORD_FILE}")
    return None


def _checked_name(name: str | Path) -> str:
    """Returns a name that is safe in paths and URLs (raises InputError otherwise)."""
    text = str(name)
    if not is_name(text):
        rule = "letters, digits, _, - and spaces, in words joined by dots"
        raise InputError(f"{text[:100]!r} cannot name a checkpoint: {rule}")
    return text


def _unknown(name: str) -> str:
    return unknown("checkpoint", name, records(), "see zoo list")


def _read_record_file(file: Path) -> Record:
    try:
        with open_regular(file) as opened:
            data = opened.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise WeightsError(f"{file}: cannot be read: {error.strerror}") from None
    return Record.from_json(parse_json(data, str(file)), str(file))


def _read_named_record(folder: Path) -> Record:
    return _same_name(_read_record_file(folder / RECORD_FILE), folder.name, str(folder / RECORD_FILE))


def _same_name(record: Record, name: str, location: str) -> Record:
    if record.name != name:
        raise WeightsError(f"{location}: name: is {record.name!r}, expected {name!r}")
    return record


def _integrity_error(folder: Path, record: Record) -> str | None:
    file = folder / WEIGHTS_FILE
    wrong = integrity_error(file, record.weights.bytes, record.weights.sha256)
    return f"{file}: {wrong}" if wrong else None


def _from_base(base: str, name: str, record: Record | None, cached: Path) -> tuple[Record, Path]:
    """Take a checkpoint from one base URL into the cache; ``record`` is the expected record, if known."""
    from urllib.parse import quote, urlsplit

    from zoo.checkpoints import download

    scheme = urlsplit(base).scheme
    if scheme == "file":
        return _from_mirror(base, name, record)
    if scheme == "hf":
        return _from_hugging_face(base, name, record)
    if scheme not in ("http", "https"):
        raise InputError(f"ZOO_WEIGHTS_URL: {base!r}: only https, http, hf and file URLs, separated by commas")
    resolved = record
    if resolved is None:
        url = f"{base}/{quote(name)}/{RECORD_FILE}"
        page = download.fetch_text(url, MAX_JSON_BYTES)
        resolved = _same_name(Record.from_json(parse_json(page, url), url), name, url)
    weights = resolved.weights
    file = download.fetch(f"{base}/{quote(name)}/{WEIGHTS_FILE}", cached / WEIGHTS_FILE, weights.sha256, weights.bytes)
    if record is None:
        atomic_write(cached / RECORD_FILE, resolved.to_text().encode())
    return resolved, file


def _from_mirror(base: str, name: str, record: Record | None) -> tuple[Record, Path]:
    """Take a checkpoint from a ``file:`` base: a folder that is read in place, not copied."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    folder = Path(url2pathname(urlsplit(base).path)) / name
    resolved = record or _read_named_record(folder)
    wrong = _integrity_error(folder, resolved)
    if wrong:
        raise WeightsError(wrong)
    return resolved, folder / WEIGHTS_FILE


def _from_hugging_face(base: str, name: str, record: Record | None) -> tuple[Record, Path]:
    """Take a checkpoint from an ``hf:`` base; its client's cache holds the files, which our hash verifies."""
    from zoo.checkpoints import hugging_face

    resolved = record
    if resolved is None:
        file = hugging_face.fetch(base, f"{name}/{RECORD_FILE}", MAX_JSON_BYTES)
        resolved = _same_name(_read_record_file(file), name, f"{base}/{name}/{RECORD_FILE}")
    weights = resolved.weights
    return resolved, hugging_face.fetch_verified(base, f"{name}/{WEIGHTS_FILE}", weights.sha256, weights.bytes)


def _natural(name: str) -> list[Any]:
    """Returns a sorting key that compares numbers by value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
