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
# Two-letter codes of the languages whose three-letter code a user may know (ISO 639-3, and 639-2/B where it differs).
_TWO_LETTERS = {
    three: two
    for two, codes in {
        **{"ar": "ara", "be": "bel", "bg": "bul", "bn": "ben", "ca": "cat", "cs": "ces cze", "cy": "cym wel"},
        **{"da": "dan", "de": "deu ger", "el": "ell gre", "en": "eng", "eo": "epo", "es": "spa", "eu": "eus baq"},
        **{"fa": "fas per", "fr": "fra fre", "ga": "gle", "hy": "hye arm", "id": "ind", "io": "ido", "is": "isl ice"},
        **{"it": "ita", "ja": "jpn", "ka": "kat geo", "km": "khm", "ko": "kor", "la": "lat", "mk": "mkd mac"},
        **{"ml": "mal", "mt": "mlt", "my": "mya bur", "nl": "nld dut", "pl": "pol", "pt": "por", "ro": "ron rum"},
        **{"sa": "san", "sh": "hbs", "ta": "tam", "th": "tha", "tl": "tgl", "tr": "tur", "uk": "ukr", "vi": "vie"},
    }.items()
    for three in codes.split()
}


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


def known_language(language: str, languages: Iterable[str]) -> str:
    """Returns the language that a user means, or an empty text if it is none of the languages.

    Case does not matter, and a three-letter code stands for that of two letters.

    Example:
        >>> known_language("PT-br", ["de", "pt-BR"]), known_language("deu", ["de"]), known_language("fr", ["de"])
        ('pt-BR', 'de', '')
    """
    by_key = {code.lower(): code for code in languages}
    key = language.lower().replace("_", "-")
    base, *rest = key.split("-")
    return by_key.get(key) or by_key.get("-".join([_TWO_LETTERS.get(base, base), *rest]), "")


def find_language(language: str, languages: Iterable[str]) -> str:
    """Returns the language that a user means, as ``known_language`` does.

    Raises:
        InputError: There is none; the message gives the nearest codes.

    Example:
        >>> find_language("PT-br", ["de", "pt-BR"])
        'pt-BR'
    """
    known = list(languages)
    if not known:
        raise InputError(f"language {language[:40]!r}: this model has no languages: leave the language out")
    if code := known_language(language, known):
        return code
    by_key = {code.lower(): code for code in known}
    key = language.lower().replace("_", "-")
    base = _TWO_LETTERS.get(key.split("-")[0], key.split("-")[0])
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
