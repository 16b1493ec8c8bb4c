"""Escape texts from untrusted sources and users for printing: line breaks, terminal codes, lone surrogates."""

import re

# Control characters, line and paragraph separators, controls of the writing direction, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escape(text: str, keep: str = "") -> str:
    r"""Returns a text with every character escaped that could break a line or control a terminal.

    Args:
        text: Any text.
        keep: Characters to leave unescaped, for example ``"\n"``.

    Example:
        >>> escape("one\ttwo")
        'one\\ttwo'
    """
    return _UNSAFE.sub(lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def printable(text: str) -> str:
    """Returns a text on one line for a record: spaces of all kinds become a space, the rest is escaped."""
    return "".join(c if c.isprintable() else " " if c.isspace() and c > "\x1f" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
