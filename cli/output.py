"""What commands print, and the streams that they print to: one rule for every terminal, encoding and pipe."""

import json
import os
import sys
import warnings
from typing import Any

import click

from zoo.errors import InputError, StorageError
from zoo.escape import escape


def prepare_streams() -> None:
    """Make the standard streams fit to be used.

    Characters that an encoding lacks are escaped. A closed standard input is empty, a closed standard error
    discards. Warnings of other packages are not for the users of a command.

    Raises:
        StorageError: Standard output is closed.
    """
    for number, name, mode in ((0, "stdin", "r"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
    if sys.stdout is None:
        raise StorageError("standard output is closed: send it to /dev/null to discard it")
    for stream in (sys.stdout, sys.stderr):
        if stream.errors == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", module=r"(?!zoo\b)")


def echo(text: str = "", err: bool = False, nl: bool = True) -> None:
    """Print lines; what could steer a terminal is escaped."""
    echo_raw(escape(text, keep="\n\t"), err, nl)


def echo_raw(text: str, err: bool = False, nl: bool = True) -> None:
    """Print a text as it is."""
    # Without a file click takes UTF-8 for an output whose encoding is ASCII.
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)


def echo_json(value: Any) -> None:
    """Print a JSON value on a line, readable where the encoding has its characters."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    echo_raw(json.dumps(value, ensure_ascii=not unicode))


def note(line: str) -> None:
    """Print a line for users on standard error."""
    echo(line, err=True)


class Text(click.ParamType):
    """An argument that is text, not a path: UTF-8, whatever the locale says."""

    name = "text"

    def convert(self, value, param, ctx):
        """Returns the text (raises InputError for bytes that are none)."""
        try:
            return os.fsencode(value).decode("utf-8") if _has_surrogates(value) else value
        except (UnicodeDecodeError, UnicodeEncodeError):
            raise InputError(f"'{escape(value[:40])}': not UTF-8 text: set the terminal to UTF-8") from None


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
