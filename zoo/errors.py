"""Errors that users can cause or meet, each with an exit code for the command line.

A message is one line: ``location: problem: remedy``.
"""

import contextlib
from collections.abc import Iterable, Iterator


class ZooError(Exception):
    """Base class of all errors that the zoo raises on purpose."""

    exit_code = 1

    def lines(self) -> list[str]:
        """Returns the message as lines to print: one."""
        return [" ".join(str(self).splitlines())]


class InputError(ZooError):
    """An input, file or option of the user cannot be used."""

    exit_code = 2


@contextlib.contextmanager
def located(location: str) -> Iterator[None]:
    """Put the location of a row before the message of an ``InputError`` that the body raises.

    Example:
        >>> with located("words.csv:3"):
        ...     raise InputError("the text is empty: give at least one symbol")
        Traceback (most recent call last):
        ...
        zoo.errors.InputError: words.csv:3: the text is empty: give at least one symbol
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{location}: {error}") from None


class BadRowsError(InputError):
    """Several rows cannot be used; each has a line.

    Args:
        rows: The lines.
    """

    def __init__(self, rows: list[str]):
        super().__init__("\n".join(rows))
        self.rows = rows

    def lines(self) -> list[str]:
        """Returns the lines."""
        return [" ".join(row.splitlines()) for row in self.rows]


class PartlyAnsweredError(InputError):
    """Some inputs could not be read; the others have been answered."""

    exit_code = 7


class ForkError(ZooError):
    """A process was forked after a backend had run, so that no model can run in it."""

    exit_code = 8


class NotFiniteError(ZooError):
    """A loss or a weight became NaN or infinite during training."""

    exit_code = 3


class StorageError(ZooError):
    """A file could not be read or written: full disk, permissions, read-only cache."""

    exit_code = 4


class WeightsError(ZooError):
    """A record or a weights file is damaged or does not match its model."""

    exit_code = 5


class IntegrityError(WeightsError):
    """A weights file is not, byte for byte, the one that its record describes."""


class DownloadError(ZooError):
    """Weights or data could not be downloaded from any location."""

    exit_code = 6


class ProcessError(ZooError):
    """Another process of the run ended, or cannot be reached."""

    exit_code = 9


def unknown(kind: str, name: str, names: Iterable[str], otherwise: str) -> str:
    """Returns the message for an unknown name, with the nearest ones.

    Args:
        kind: What has the name.
        name: The unknown name.
        names: All names of this kind.
        otherwise: What to say where none is near.
    """
    import difflib

    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"no {kind} {name!r}; " + (f"nearest: {', '.join(nearest)}" if nearest else otherwise)
