"""Files: atomic replacement, integrity checks, locks between processes."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from zoo.errors import InputError, StorageError

# hashlib, secrets and filelock are imported where they are used, because listing records must start fast.


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn a disk error into a StorageError that names ``path``."""
    try:
        yield
    except OSError as error:
        remedy = "check space and permissions, or choose another folder"
        raise StorageError(f"{path}: {error.strerror or error}: {remedy}") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` once its bytes are on the disk.

    If the body raises, the temporary file is removed and ``path`` is unchanged.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    import secrets

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with storage(path):
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def open_output(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a user's output file.

    An ordinary file is replaced once its bytes are on the disk, and keeps its permissions. For a link, the target is
    written. A pipe or a device is written to directly.

    Args:
        path: Output file; ``~`` is the user's home.

    Raises:
        InputError: The path is a folder or a disk.
        StorageError: The file cannot be written.
    """
    named = check_output(path)
    if _is_stream(named):
        with storage(named), open(named, "ab") as file:
            yield file
        return
    target = Path(os.path.realpath(named))
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    with replacing(target) as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        yield file


def check_output(path: str | os.PathLike, *inputs: str | os.PathLike | None) -> Path:
    """Check an output file before a long computation.

    Args:
        path: Output file; ``~`` is the user's home.
        *inputs: Input files; the output must be none of them.

    Returns:
        The path without ``~``.

    Raises:
        InputError: The path is a folder, a disk, or one of the inputs.
        StorageError: The folder of the file does not exist, or cannot be written.
    """
    named = Path(path).expanduser()
    with storage(named):
        if named.is_dir():
            raise InputError(f"{named}: is a folder: give the name of a file")
        if named.exists() and stat.S_ISBLK(named.stat().st_mode):
            raise InputError(f"{named}: is a disk: give the name of a file")
        for other in inputs:
            if other is not None and os.path.exists(other) and named.exists() and os.path.samefile(named, other):
                raise InputError(f"{named}: is read as the input: give the output another name")
        if not _is_stream(named):
            check_writable(Path(os.path.realpath(named)).parent)
    return named


def check_output_folder(folder: str | os.PathLike) -> None:
    """Check an output folder, existing or new, before a long computation (raises StorageError)."""
    path = Path(os.path.abspath(Path(folder).expanduser()))
    with storage(path):
        check_writable(next(parent for parent in (path, *path.parents) if parent.exists()))


def check_writable(folder: Path) -> None:
    """Raise OSError unless new files can be created in a folder."""
    if not folder.is_dir():
        raise OSError(errno.ENOENT, f"no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _is_stream(path: Path) -> bool:
    """Returns whether a path is a pipe, a device, or an open file of this process, which cannot be replaced."""
    if path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",)):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def sync_folder(folder: Path) -> None:
    """Sync a folder's list of names to the disk, so that a rename survives a power cut."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file atomically (raises StorageError)."""
    with replacing(path) as file:
        file.write(data)


def open_regular(path: Path) -> BufferedReader:
    """Open an ordinary file to read; refuse a FIFO or a device, which would block (raises OSError)."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not an ordinary file")
    return open(path, "rb")


def integrity_error(path: Path, size: int, sha256: str | None = None) -> str | None:
    """Returns how a file differs from a size in bytes and a hash, or ``None`` if it matches."""
    try:
        with open_regular(path) as file:
            return _integrity_error(file, size, sha256)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _integrity_error(file: BufferedReader, size: int, sha256: str | None) -> str | None:
    actual = os.fstat(file.fileno()).st_size
    if actual != size:
        return f"holds {actual} bytes, its record says {size}"
    if sha256 is None:
        return None
    import hashlib

    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        return f"is damaged: its SHA-256 begins {digest[:12]}, its record says {sha256[:12]}"
    return None


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Let one process at a time download or create ``path``. Where locks have no effect, all continue."""
    import filelock

    lock = filelock.FileLock(f"{path}.lock")
    with contextlib.suppress(OSError, NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def move_into_place(temporary: Path, folder: Path) -> None:
    """Rename a new folder to its final name; until then an old one is kept under another name (raises OSError)."""
    if not folder.exists():
        os.rename(temporary, folder)
    else:
        old = temporary.with_suffix(".old")
        os.rename(folder, old)
        try:
            os.rename(temporary, folder)
        except OSError:
            os.rename(old, folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync_folder(folder.parent)
