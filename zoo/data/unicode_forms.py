"""Unicode forms: equality of texts, and replacement of characters that a model does not know."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Soft hyphen, Mongolian vowel separator, zero-width space, word joiner, byte-order mark, and marks of direction."""

_PLAIN = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u2032\u0060\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u200c\u200d", ""),
    "\u2026": "...",
}
# Latin letters with strokes and ligatures, which have no accent to take off.
_BASE = {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"}


def same_text(text: str) -> str:
    """Returns a key that is equal for texts that differ only in composition, case and invisible marks.

    Example:
        >>> same_text("Cafe\u0301") == same_text("caf\u00e9")
        True
    """
    return unicodedata.normalize("NFC", INVISIBLE.sub("", text)).casefold()


def commonest_form(texts: Iterable[str]) -> Literal["NFC", "NFD"]:
    """Returns ``"NFD"`` if most texts whose forms differ are decomposed, otherwise ``"NFC"``."""
    composed = decomposed = 0
    for text in texts:
        composed += unicodedata.normalize("NFD", text) != text
        decomposed += unicodedata.normalize("NFC", text) != text
    return "NFD" if decomposed > composed else "NFC"


def fold(text: str, known: Callable[[str], bool]) -> str:
    """Returns a text with its unknown characters replaced by known ones, if the meaning stays the same.

    Curly quotation marks become straight, dashes become hyphens, and ligatures and full-width letters become plain
    ones. Invisible characters are removed, and so are unknown punctuation marks at either end. A letter loses an accent
    that is unknown (``ü`` to ``u``); vowel signs and other marks of other scripts stay.

    Args:
        text: Any text.
        known: Returns whether a model knows a character.

    Example:
        >>> fold("\u201cdon\u2019t\u201d,", "don't".__contains__)
        "don't"
    """
    if all(map(known, text)):
        return text
    out = "".join(_folded(character, known) for character in text)
    while out and not known(out[-1]) and unicodedata.category(out[-1])[0] in "PZ":
        out = out[:-1]
    while out and not known(out[0]) and unicodedata.category(out[0])[0] in "PZ":
        out = out[1:]
    return out


def _folded(character: str, known: Callable[[str], bool]) -> str:
    if known(character):
        return character
    if INVISIBLE.match(character):
        return ""
    for form in (_PLAIN.get(character), *(unicodedata.normalize(name, character) for name in ("NFC", "NFD", "NFKC"))):
        if form is not None and all(map(known, form)) and (form or character in _PLAIN):
            return form
    lower = unicodedata.normalize("NFKC", character).lower()
    for form in (lower, _without_accents(character), _without_accents(lower), _BASE.get(lower, "")):
        if form and all(map(known, form)):
            return form
    return "" if "\u0300" <= character <= "\u036f" else character


def _without_accents(text: str) -> str:
    """Returns a text without the accents of European scripts."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
