"""Languages of a model of many languages: an input begins with a tag, as in ``<de>Straße``."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

from zoo.errors import InputError

CODE = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,12})*")
_TAG = re.compile(f"<({CODE.pattern})>")
# Capital I without a dot is another letter than i in these languages.
_DOTLESS = ("tr", "az")


def tag(language: str, text: str) -> str:
    """Returns a text with its language, in the form that models of many languages read.

    Example:
        >>> tag("de", "Straße")
        '<de>Straße'
    """
    return f"<{language}>{text}"


def split_tag(text: str) -> tuple[str, str]:
    """Returns the language and the rest of a text; the language is empty if there is no tag.

    Example:
        >>> split_tag("<de>Straße"), split_tag("Straße")
        (('de', 'Straße'), ('', 'Straße'))
    """
    tag = _TAG.match(text)
    return (tag[1], text[tag.end() :]) if tag else ("", text)


def check_code(language: str) -> str:
    """Returns a language code; raises InputError if it is not of the form ``hi`` or ``pt-BR``."""
    if not CODE.fullmatch(language):
        raise InputError(f"language {language[:40]!r}: not a code: write it as hi, pt-BR or vi-hanoi")
    return language


def find_language(language: str, languages: Iterable[str]) -> str:
    """Returns the language that a user means, whatever the case.

    Raises:
        InputError: There is none; the message gives the nearest codes.

    Example:
        >>> find_language("PT-br", ["de", "pt-BR"])
        'pt-BR'
    """
    known = list(languages)
    if not known:
        raise InputError(f"language {language[:40]!r}: this model has no languages: leave the language out")
    by_key = {code.lower(): code for code in known}
    key = language.lower().replace("_", "-")
    if key in by_key:
        return by_key[key]
    base = key.split("-")[0]
    near = [by_key[other] for other in by_key if other.split("-")[0] == base]
    near += [by_key[other] for other in difflib.get_close_matches(key, by_key, n=5, cutoff=0.4)]
    shown = ", ".join(list(dict.fromkeys(near))[:5] or known[:60])
    raise InputError(f"language {language[:40]!r}: unknown to this model: {'nearest: ' if near else 'choose: '}{shown}")


def lowercase(text: str, language: str) -> str:
    """Returns a text in lower case, by the rules of its language.

    Example:
        >>> lowercase("ILGIN", "tr"), lowercase("ILGIN", "de")
        ('ılgın', 'ilgin')
    """
    if language.split("-")[0] in _DOTLESS:
        text = unicodedata.normalize("NFC", text).replace("İ", "i").replace("I", "ı")
    return text.lower()


def script(character: str) -> str:
    """Returns the script of a letter as the first word of its Unicode name; empty for other characters.

    Example:
        >>> script("ж"), script("3")
        ('CYRILLIC', '')
    """
    return unicodedata.name(character, "").split(" ")[0] if unicodedata.category(character)[0] in "LM" else ""
