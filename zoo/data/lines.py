"""Lines of a UTF-8 file or a pipe, read strictly, each with its location."""

import dataclasses
import gzip
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from zoo.errors import InputError

MAX_LINE_BYTES = 10_000_000
"""Maximum size of a line of a file, and of a cell of any table, in bytes."""


OnBad = Callable[[InputError], None]


@dataclasses.dataclass(frozen=True)
class Part:
    """A place in a file at which another process begins to read.

    Attributes:
        offset: Byte at which a row begins.
        line: Number of the line that begins there, from 1.
        names: Names of the columns of a ``.csv`` or ``.tsv``.
    """

    offset: int
    line: int
    names: tuple[str, ...]


def refuse(error: InputError) -> None:
    """Raise the error of a row: the default of all readers."""
    raise error


def read_lines(path: str | os.PathLike, on_bad: OnBad = refuse) -> tuple[list[str], list[str]]:
    """Read one input per line from a UTF-8 text file, or from standard input if the path is ``-``.

    Args:
        path: The file.
        on_bad: Called with the error of each bad line; the other lines are returned.

    Returns:
        The inputs, and the location of each as ``file:line``.

    Raises:
        InputError: The file cannot be read, is empty, or has an empty line; the message gives the location.
    """
    inputs, places, empty = [], [], True
    for location, line in _opened(path, MAX_LINE_BYTES):
        empty = False
        _take(location, line, inputs, places, on_bad)
    if empty:
        raise InputError(f"{_name(path)}: is empty: give one input per line")
    return inputs, places


def _take(location: str, line: str | InputError, inputs: list[str], places: list[str], on_bad: OnBad) -> None:
    """Append a line to the inputs, or call ``on_bad`` with its error."""
    if isinstance(line, InputError):
        on_bad(line)
        return
    try:
        inputs.append(text_of(line, location, "the line"))
    except InputError as error:
        on_bad(error)
    else:
        places.append(location)


def stream_lines(max_lines: int, on_bad: OnBad = refuse) -> Iterator[tuple[list[str], list[str]]]:
    """Read standard input as ``read_lines`` does, in parts: each has the available lines, up to ``max_lines``.

    The error of a bad line is raised after the parts before it were yielded.
    """
    source = _Piped(sys.stdin.buffer)
    inputs, places, empty = [], [], True
    for location, line in _decoded(source, "stdin", MAX_LINE_BYTES):
        empty = False
        _take(location, line, inputs, places, on_bad)
        if inputs and (len(inputs) == max_lines or not source.ready()):
            yield inputs, places
            inputs, places = [], []
    if inputs:
        yield inputs, places
    if empty:
        raise InputError("stdin: is empty: give one input per line")


class _Piped:
    """Lines of a pipe; detects without waiting whether another line is available."""

    def __init__(self, file):
        self.file, self.held = file, b""

    def ready(self) -> bool:
        return b"\n" in self.held

    def readline(self, limit: int) -> bytes:
        while not self.ready() and len(self.held) < limit:
            piece = self.file.read1(1 << 16)
            if not piece:
                break
            self.held += piece
        end = self.held.find(b"\n") + 1 or len(self.held)
        line, self.held = self.held[: min(end, limit)], self.held[min(end, limit) :]
        return line


def lines(
    path, max_bytes: int = MAX_LINE_BYTES, on_bad: OnBad = refuse, part: Part | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the location and the text of each line, with its line end; ``-`` is standard input.

    The error of a line that is not UTF-8 goes to ``on_bad``; reading continues with the next line.
    """
    for location, line in _opened(path, max_bytes, part):
        if isinstance(line, InputError):
            on_bad(line)
        else:
            yield location, line


def line_offsets(path: str | os.PathLike, numbers: Sequence[int]) -> list[int]:
    """Returns the byte at which each of some lines begins; their numbers, from 1, ascend."""
    offsets: list[int] = []
    position, number = 0, 0
    with open(path, "rb") as file:
        for line in file:
            number += 1
            if len(offsets) == len(numbers):
                break
            if number == numbers[len(offsets)]:
                offsets.append(position)
            position += len(line)
    return offsets


def _opened(path, max_bytes: int, part: Part | None = None) -> Iterator[tuple[str, str | InputError]]:
    name = _name(path)
    try:
        refuse_special(path, name)
        with nullcontext(sys.stdin.buffer) if os.fspath(path) == "-" else open_bytes(path) as file:
            if part is not None:
                file.seek(part.offset)
            yield from _decoded(file, name, max_bytes, part.line if part else 1)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file: check its name and folder") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder: give a file in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(f"{name}: is not a whole .gz file: pack it anew") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read ({reason}): give a file that you may read") from None


def ending(path: str | os.PathLike) -> str:
    """Returns the extension of a file name in lower case, without ``.gz``."""
    name = Path(path)
    return Path(name.stem if name.suffix.lower() == ".gz" else name).suffix.lower()


def open_bytes(path: str | os.PathLike) -> BinaryIO:
    """Open a file in binary mode, decompressed if its name ends in ``.gz`` (raises OSError)."""
    unpacked = os.fspath(path).lower().endswith(".gz")
    return cast(BinaryIO, gzip.open(path, "rb")) if unpacked else open(path, "rb")


def refuse_special(path, name: str) -> None:
    """Raise InputError for a FIFO without a writer or a device, which would never end; accept a shell's pipes."""
    if os.fspath(path) == "-" or os.fspath(path).startswith(("/dev/fd/", "/dev/stdin", "/proc/self/fd/")):
        return
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{name}: is not an ordinary file: copy it into one, or send it to standard input")


def _name(path) -> str:
    return "stdin" if os.fspath(path) == "-" else os.fspath(path)


def _decoded(
    file: BinaryIO | _Piped, name: str, max_bytes: int, first: int = 1
) -> Iterator[tuple[str, str | InputError]]:
    """Yield the location of each line with its text, or with the error of its bytes."""
    number = first
    while True:
        location = f"{name}:{number}"
        line = file.readline(max_bytes + 1)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return
        if len(line) > max_bytes:
            raise InputError(f"{location}: a line of more than {max_bytes:,} bytes: cut it, or give a text file")
        try:
            text = _decode(line, location)
        except InputError as error:
            text = error
        yield location, text
        number += 1


def _decode(line: bytes, location: str) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{location}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8:"
            " give a text file saved as UTF-8"
        ) from None
    if "\0" in text:
        raise InputError(f"{location}: a NUL byte: give a text file saved as UTF-8, not a binary one")
    if "\r" in text.removesuffix("\r\n").removesuffix("\r"):
        raise InputError(f"{location}: a carriage return inside a line: end each line with a line feed")
    return text


def text_of(text: str, location: str, what: str) -> str:
    text = text.strip()
    if not text:
        raise InputError(f"{location}: {what} is empty: fill it in or remove the line")
    if len(text) > MAX_LINE_BYTES:
        raise InputError(f"{location}: {what} has more than {MAX_LINE_BYTES:,} characters: cut it")
    if re.search("[\0\ud800-\udfff]", text):
        raise InputError(f"{location}: {what} has characters that are not text: remove them")
    return text
