"""Text normalization of languages other than English: spoken words for numbers, money, dates, times and units.

``num2words`` has the numbers and the names of currencies, and ``phrases.json`` has the other words.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any

from zoo.data.languages import lowercase
from zoo.errors import InputError
from zoo.speech import phrases
from zoo.speech.normalization import PHONES_IN_TEXT, Token, normalize, plain

_LIBRARY_CODES = {"pt-BR": "pt_BR", "sh-Latn": "sr"}
"""Codes of num2words that are not the first part of the zoo's."""
_POINT = frozenset(["bn", "cy", "ga", "ja", "km", "ko", "ml", "mt", "my", "sa", "ta", "th", "tl"])
"""Languages that write a point before decimals, and commas between thousands."""
_POINT_WORDS = {
    **{"ar": "فاصلة", "cy": "pwynt", "es": "coma", "fa": "ممیز", "id": "koma"},
    **{"it": "virgola", "ja": "てん", "tr": "virgül", "vi": "phẩy"},
}
"""Where num2words has no such word, one for the other sign, or one in another script."""
_YEARS = frozenset(["da", "de", "nl"])
"""Languages that read years unlike other numbers."""
_ORDINALS = {"ca": "[rntè]|º", "es": r"\.?º", "fr": "er|re|e|ème", "it": "º|°", "nl": "e|de|ste", "pt": r"\.?º"}
"""Endings of ordinal numbers in digits; masculine where there are genders."""
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP"}
_PERCENT = {
    **{"ca": "per cent", "da": "procent", "de": "prozent", "eo": "procentoj", "es": "por ciento"},
    **{"fr": "pour cent", "id": "persen", "is": "prósent", "it": "per cento", "nl": "procent", "pl": "procent"},
    **{"pt": "por cento", "ro": "la sută"},
}
_MAX_DIGITS = 15  # longer numbers are read digit by digit


def normalize_in(language: str, text: str, letters: Collection[str]) -> list[Token]:
    """Returns the tokens of a text with punctuation, without white space.

    Numbers without words in ``num2words`` keep their digits, which no model reads. English is read by
    ``zoo.speech.normalization.normalize``.

    Args:
        language: Code of the language, such as ``de`` or ``pt-BR``.
        text: Any text.
        letters: Letters of the language. Words are split at apostrophes that are not among them, and at hyphens.

    Raises:
        InputError: ``num2words`` is not installed.

    Example:
        >>> [word for token in normalize_in("de", "21 Äpfel für 3,50 €.", "äpfelür") for word in token.words]
        ['einundzwanzig', 'äpfel', 'für', 'drei', 'euro', 'fünfzig', 'cent']
    """
    if language.split("-")[0] == "en":
        return normalize(text)
    text = plain(text).replace("’", "'")
    tokens, end = [], 0
    for match in _scanner(language).finditer(text):
        tokens += _words(text[end : match.start()], language, letters)
        tokens.append(_read(match, language))
        end = match.end()
    return tokens + list(_words(text[end:], language, letters))


@functools.cache
def _scanner(language: str) -> re.Pattern:
    """Returns the pattern of phones in the text, abbreviations, and what begins with a number or a currency."""
    base, unit = language.split("-")[0], phrases.units(language)
    group, point = (",", r"\.") if base in _POINT else (r"[.\s]", ",")
    number = rf"\d{{1,3}}(?:{group}\d{{3}})+(?!\d)(?:{point}\d+)?|\d+(?:{point}\d+)?"
    signs = "".join(_CURRENCIES)
    percent = "" if "%" in unit else "%"
    patterns = [
        PHONES_IN_TEXT,
        *phrases.patterns(language),
        rf"(?P<before>[{signs}])\s?(?P<sum>\d+[.,]\d\d(?![\d.,]\d)|{number})",
        rf"(?P<minus>(?<!\w)[-−])?(?P<number>{number})(?:\s?(?P<after>[{signs}{percent}])"
        + (rf"|\s?(?P<unit>{unit})" if unit else "")
        + (rf"|(?P<ordinal>{_ORDINALS[base]})(?!\w))?" if base in _ORDINALS else ")?"),
    ]
    return re.compile("|".join(patterns))


def _words(text: str, language: str, letters: Collection[str]) -> Iterator[Token]:
    """Yield words, and other signs one by one."""

    def is_letter(character: str) -> bool:
        return unicodedata.category(character)[0] in "LM" or character == "-" or (character == "'" and "'" in letters)

    for inside, group in itertools.groupby(text, is_letter):
        part = "".join(group)
        if not inside:
            yield from (Token(character, ()) for character in part if not character.isspace())
            continue
        words = (word.strip("'") for word in lowercase(part, language).split("-"))
        yield Token(part, tuple(filter(None, words)))


def _read(match: re.Match, language: str) -> Token:
    """Returns a number, a sum of money, or phones in the text, with its words."""
    group, text = match.group, match.group()
    if group("phones_text"):
        return Token(group("phones_text"), (lowercase(group("phones_text"), language),), group("phones_value").strip())
    base, found, number = language.split("-")[0], match.groupdict(), functools.partial(_number, language)
    if (words := phrases.read(match, language, number)) is not None:
        return Token(text, tuple(lowercase(word, language) for word in words))
    value = group("number") or group("sum")
    if not (group("sum") and re.fullmatch(r"\d+[.,]\d\d", value)):  # cents stand after either sign
        value = re.sub(r"[,\s]" if base in _POINT else r"[.\s]", "", value)
    value = value.replace(",", ".")
    sign = group("before") or group("after")
    if sign in _CURRENCIES:
        words = _money(language, value, _CURRENCIES[sign]) or _number(language, value)
    elif found.get("unit"):
        words = phrases.quantity(value, found["unit"], language, number)
    elif found.get("ordinal"):
        words = _number(language, value, "ordinal")
    else:
        words = _number(language, value)
        words = words and words + (_PERCENT.get(base, "%").split() if sign == "%" else [])
    minus = getattr(_converter(language), "negword", "") if group("minus") else ""
    words = words and [*_split(minus), *words]
    words = [lowercase(_katakana(word) if language == "ja-Kana" else word, language) for word in words]
    return Token(text, tuple(words) or (text,))


def _number(language: str, value: str, kind: str = "cardinal") -> list[str]:
    """Returns a number in words; the digits after the point are read one by one. Empty if there are no words."""
    whole, _, decimals = value.partition(".")
    if decimals:
        point = _POINT_WORDS.get(language.split("-")[0]) or getattr(_converter(language), "pointword", "")
        parts = [_number(language, whole), _split(point), *(_number(language, digit) for digit in decimals)]
        return [word for part in parts for word in part] if all(parts) else []
    if len(whole) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        digits = [_number(language, digit) for digit in whole]
        return [word for part in digits for word in part] if all(digits) else []
    is_year = kind == "cardinal" and language in _YEARS and len(whole) == 4 and "1100" <= whole <= "1999"
    return _convert(language, int(whole), "year" if is_year else kind)


def _convert(language: str, number: int, kind: str) -> list[str]:
    if _converter(language) is None:  # num2words would try the first two letters of the code
        return []
    from num2words import num2words

    options: dict[str, Any] = {"reading": True} if language.startswith("ja") else {}
    try:
        return _split(num2words(number, lang=_library_code(language), to=kind, **options))
    # The library has no such word, or fails on it in one of these ways.
    except (NotImplementedError, OverflowError, AttributeError, LookupError, TypeError, ValueError):
        return []


def _money(language: str, value: str, currency: str) -> list[str]:
    """Returns a sum in words: units of a currency, then hundredths; empty if the names are unknown."""
    whole, _, decimals = value.partition(".")
    if len(decimals) not in (0, 2):
        return []
    words = []
    for amount, i in ((int(whole), 0), (int(decimals or 0), 1)):
        if amount or (not i and not int(decimals or 0)):
            try:
                converter = _converter(language)
                name = converter.pluralize(amount, converter.CURRENCY_FORMS[currency][i])
            except (NotImplementedError, AttributeError, LookupError, TypeError):
                return []
            number = _number(language, str(amount))
            if not number or not isinstance(name, str):
                return []
            words += [*number, *_split(name)]
    return words


def _split(text: str) -> list[str]:
    return re.findall(r"[^\s,\-]+", text)


def _katakana(word: str) -> str:
    """Returns hiragana as katakana, which stand 96 places after them in Unicode."""
    return "".join(chr(ord(c) + 96) if "ぁ" <= c <= "ゖ" else c for c in word)


def _library_code(language: str) -> str:
    return _LIBRARY_CODES.get(language, language.split("-")[0])


@functools.cache
def _converter(language: str) -> Any:
    """Returns the converter of ``num2words`` for a language, or ``None``."""
    try:
        from num2words import CONVERTER_CLASSES
    except ImportError:
        raise InputError("sentences: reading numbers needs num2words: pip install 'seqzoo[speech]'") from None
    return CONVERTER_CLASSES.get(_library_code(language))
