"""English text normalization: spoken words for numbers, money, dates, times and abbreviations.

The rules follow the semiotic classes of Sproat et al. 2001 ("Normalization of non-standard words", Computer Speech and
Language 15). The library ``num2words`` converts numbers to words.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterator

from zoo.data.dates import MONTHS
from zoo.speech.vocabulary import (
    ABBREVIATIONS,
    CURRENCIES,
    SCALES,
    SYMBOLS,
    SYMBOLS_IN_ADDRESSES,
    TITLES,
    UNITS,
    WORD_LISTS,
    number_words,
)


@dataclasses.dataclass(frozen=True)
class Token:
    """A piece of a text with its spoken words.

    Attributes:
        text: The piece as written.
        words: Spoken words in lower case; none for punctuation.
        phones: Phones given in the text, as ``[read](/R EH1 D/)``; empty otherwise.
        spelled: Whether the words are names of letters.
    """

    text: str
    words: tuple[str, ...]
    phones: str = ""
    spelled: bool = False


_MONTH = "|".join(sorted({*MONTHS, *(name[:3] for name in MONTHS), "sept"}, key=len, reverse=True))
_UNIT = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))
_CURRENCY = "".join(map(re.escape, CURRENCIES))
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CAPITAL = "(?=(?-i:[A-Z]))"
_TH = "(?:st|nd|rd|th)?"
_WORD = r"[^\W\d_]+"
PHONES_IN_TEXT = r"\[(?P<phones_text>[^\]\n]{1,100})\]\(/(?P<phones_value>[^)\n/]{1,200})/\)"

# Tried in this order at each position of a text.
_PATTERNS = {
    "phones": PHONES_IN_TEXT,
    "url": r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)]|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+",
    "money": rf"(?P<money_sign>-)?(?P<money_unit>[{_CURRENCY}])\s?(?P<money_value>{_NUMBER})"
    rf"(?:\s?(?P<money_scale>{'|'.join(SCALES)})\b)?",
    "iso_date": r"\b(?P<iso_year>\d{4})-(?P<iso_month>0[1-9]|1[0-2])-(?P<iso_day>0[1-9]|[12]\d|3[01])\b",
    "month_day": rf"\b{_CAPITAL}(?P<md_month>{_MONTH})\.?\s(?P<md_day>\d{{1,2}}){_TH}(?:,\s(?P<md_year>\d{{4}}))?\b",
    "day_month": rf"\b(?P<dm_day>\d{{1,2}}){_TH}\s{_CAPITAL}(?P<dm_month>{_MONTH})\b\.?(?:\s(?P<dm_year>\d{{4}})\b)?",
    "time": r"\b(?P<hours>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[ap])\.?m\b\.?)?",
    "whole_hour": r"\b(?P<hour_only>1[0-2]|[1-9])\s?(?P<hour_half>[ap])\.?m\b\.?",
    "phone": r"\b\d{3}-\d{4}\b|\b\d{3}-\d{3}-\d{4}\b",
    "decade": r"\b(?P<century_decade>1[1-9]\d0|20\d0)s\b|(?<!\w)['’](?P<short_decade>[1-9]0)s\b",
    "ordinal": r"\b(?P<ordinal_value>\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b",
    "range": rf"(?<![\w.])(?P<low>{_NUMBER})\s?[–-]\s?(?P<high>{_NUMBER})(?![\w-])",
    "fraction": r"(?<![\w/.])(?P<numerator>\d{1,2})/(?P<denominator>[1-9]\d?)(?![\w/])",
    "quantity": rf"(?<![\w.])(?P<minus>[-−])?(?P<quantity_value>{_NUMBER})\s?(?P<unit>{_UNIT})(?![\w])",
    "number": rf"(?<![\w.])(?P<sign>[-−])?(?P<number_value>{_NUMBER})(?![\w])",
    "mixed": r"\b(?=\w*\d)(?=\w*[^\W\d_])\w+\b",
    "initials": r"\b(?:[A-Za-z]\.){2,}",
    "word": rf"{_WORD}(?:['’]{_WORD})*(?:-{_WORD}(?:['’]{_WORD})*)*['’]?",
    "space": r"\s+",
    "other": r".",
}
_SCANNER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()), re.I | re.S)
_BEFORE_YEARS, _BEFORE_ROMAN = WORD_LISTS["before_years"], WORD_LISTS["before_roman_numbers"]
_SHORT_WORDS, _REGNAL_NAMES = WORD_LISTS["short_words"], WORD_LISTS["regnal_names"]
_ROMAN = re.compile(r"(?=[IVX])(X{0,3})(IX|IV|V?I{0,3})")


def normalize(text: str, is_word: Callable[[str], bool] = lambda word: True) -> list[Token]:
    """Returns the tokens of an English text with punctuation, without white space.

    Args:
        text: Any text.
        is_word: Returns whether a dictionary has a lower-case word. Other words in capitals are spelled out.

    Example:
        >>> [word for token in normalize("Dr. Smith paid $3.50 on May 3rd.") for word in token.words]
        ['doctor', 'smith', 'paid', 'three', 'dollars', 'and', 'fifty', 'cents', 'on', 'may', 'third']
    """
    text = plain(text)
    shouted = text.upper() == text and sum(map(str.isalpha, text)) > 12  # a sentence in capitals has no initials
    tokens: list[Token] = []
    end, before = len(text.rstrip()), ""
    for match in _SCANNER.finditer(text):
        kind = match.lastgroup or ""
        if kind not in _PATTERNS:  # name of an inner group
            kind = next(name for name in _PATTERNS if match.group(name) is not None)
        if kind == "space":
            continue
        for token in _read(kind, match, before, is_word, shouted):
            tokens.append(token)
            before = token.words[-1] if token.words else before
        if kind in ("time", "whole_hour", "initials") and match.group().endswith(".") and match.end() == end:
            # The full stop of an abbreviation may also end the sentence.
            tokens[-1:] = [dataclasses.replace(tokens[-1], text=tokens[-1].text[:-1]), Token(".", ())]
    return _with_abbreviations(tokens, text)


def plain(text: str) -> str:
    """Returns a text with ASCII digits and composed letters, without invisible marks."""
    text = unicodedata.normalize("NFC", text)
    visible = (c for c in text if unicodedata.category(c) != "Cf" and not 0xFE00 <= ord(c) <= 0xFE0F)
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in visible)


def _read(kind: str, match: re.Match, before: str, is_word: Callable[[str], bool], shouted: bool) -> Iterator[Token]:
    """Yield the tokens of one match."""
    text, group = match.group(), match.group
    if kind == "phones":
        yield Token(group("phones_text"), (group("phones_text").lower(),), group("phones_value").strip())
    elif kind == "url":
        yield Token(text, tuple(_url(text, is_word)))
    elif kind == "money":
        yield Token(text, _money(group))
    elif kind == "iso_date":
        day = (*number_words(int(group("iso_day")), "ordinal"),)
        yield Token(text, (MONTHS[int(group("iso_month")) - 1], *day, *number_words(int(group("iso_year")), "year")))
    elif kind in ("month_day", "day_month"):
        start = "md" if kind == "month_day" else "dm"
        month = _month(group(f"{start}_month"))
        year = group(f"{start}_year")
        words = (month, *number_words(int(group(f"{start}_day")), "ordinal"))
        words = words if kind == "month_day" else ("the", *words[1:], "of", month)
        yield Token(text, words + (number_words(int(year), "year") if year else ()))
    elif kind == "time":
        yield Token(text, _time(int(group("hours")), int(group("minute")), group("half")))
    elif kind == "whole_hour":
        yield Token(text, (*number_words(int(group("hour_only"))), group("hour_half").lower(), "m"))
    elif kind == "phone":
        yield Token(text, tuple(_digit(c) for c in text if c.isdigit()))
    elif kind == "decade":
        year = int(group("century_decade") or group("short_decade"))
        *first, last = number_words(year, "year" if year > 99 else "cardinal")
        yield Token(text, (*first, last[:-1] + "ies" if last.endswith("y") else last + "s"))
    elif kind == "ordinal":
        yield Token(text, _whole(group("ordinal_value"), "ordinal"))
    elif kind == "range":
        yield Token(text, (*_number(group("low")), "to", *_number(group("high"))))
    elif kind == "fraction":
        yield Token(text, _fraction(int(group("numerator")), int(group("denominator"))))
    elif kind == "quantity":
        one = group("quantity_value") == "1"
        words = (*_number(group("quantity_value")), *UNITS[_unit(group("unit"))][0 if one else 1].split())
        yield Token(text, ("minus", *words) if group("minus") else words)
    elif kind == "number":
        words = _year_or_number(group("number_value"), before)
        yield Token(text, ("minus", *words) if group("sign") else words)
    elif kind == "mixed":
        yield Token(text, tuple(_letters_and_digits(text)), spelled=True)
    elif kind == "initials":
        yield Token(text, tuple(c.lower() for c in text if c != "."), spelled=True)
    elif kind == "word":
        yield from _word(text, before, is_word, shouted)
    else:
        yield Token(text, tuple(SYMBOLS.get(text, "").split()))


def _word(text: str, before: str, is_word: Callable[[str], bool], shouted: bool) -> Iterator[Token]:
    """Yield a word, the letters of an abbreviation in capitals, or the parts of a hyphenated word."""
    plain = text.replace("’", "'")
    lower = plain.lower().rstrip("'")
    base, possessive = plain.removesuffix("'s"), "'s" if plain.endswith("'s") else ""
    roman = _ROMAN.fullmatch(base)
    if roman and len(base) > 1 and (before in _BEFORE_ROMAN or before in _REGNAL_NAMES):
        tens, ones = roman.groups()
        value = 10 * len(tens) + {"IX": 9, "IV": 4}.get(ones, 5 * ones.count("V") + ones.count("I"))
        *first, last = ("the", *number_words(value, "ordinal")) if before in _REGNAL_NAMES else number_words(value)
        yield Token(text, (*first, last + possessive))
        return
    stem = plain.removesuffix("s") if plain[:-1].isupper() and plain.endswith("s") else plain
    capitals = len(stem) > 1 and stem.isalpha() and stem.isascii() and stem.isupper() and not shouted
    unusual = len(stem) <= 3 and stem.lower() not in _SHORT_WORDS
    if capitals and (unusual or not is_word(stem.lower())):
        *letters, last = stem.lower()
        yield Token(text, (*letters, last if stem == plain else f"{last}'s"), spelled=True)
        return
    if "-" in lower and not is_word(lower):
        parts = lower.split("-")
        yield Token(text, tuple(part.strip("'") for part in parts if part.strip("'")))
        return
    yield Token(text, (lower,) if lower else ())


def _month(name: str) -> str:
    return next(month for month in MONTHS if month.startswith(name.lower()[:3]))


def _whole(text: str, kind: str = "cardinal") -> tuple[str, ...]:
    """Returns a whole number in words; numbers of more than 15 digits are read digit by digit."""
    text = text.replace(",", "")
    return number_words(int(text), kind) if len(text) <= 15 else tuple(map(_digit, text))


def _number(text: str) -> tuple[str, ...]:
    """Returns a number in words; digits after the point are read one by one."""
    integer, _, decimals = text.partition(".")
    words = _whole(integer)
    return (*words, "point", *map(_digit, decimals)) if decimals else words


def _digit(character: str) -> str:
    return "oh" if character == "o" else number_words(int(character))[0]


def _year_or_number(text: str, before: str) -> tuple[str, ...]:
    is_year = len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099
    if is_year and (before in _BEFORE_YEARS or before in MONTHS or not text.endswith("00")):
        return number_words(int(text), "year")
    if text.isdigit() and (len(text) > 6 or (len(text) > 1 and text[0] == "0")):
        return tuple(map(_digit, text))
    return _number(text)


def _money(group: Callable[[str], str]) -> tuple[str, ...]:
    one, many, cent, cents = CURRENCIES[group("money_unit")]
    value, scale = group("money_value").replace(",", ""), group("money_scale")
    sign = ("minus",) if group("money_sign") else ()
    if scale:
        return (*sign, *_number(value), scale.lower(), many)
    integer, _, decimals = value.partition(".")
    if len(integer) > 15 or (decimals and (len(decimals) != 2 or not cent)):
        return (*sign, *_number(value), many)
    words: tuple[str, ...] = ()
    if int(integer) or not int(decimals or 0):
        words = (*number_words(int(integer)), one if int(integer) == 1 else many)
    if int(decimals or 0):
        words += ("and",) * bool(words) + (*number_words(int(decimals)), cent if int(decimals) == 1 else cents)
    return (*sign, *words)


def _time(hour: int, minute: int, half: str | None) -> tuple[str, ...]:
    end = (half.lower(), "m") if half else ()
    if minute == 0:
        return (*number_words(hour), *(end or (("o'clock",) if 1 <= hour <= 12 else ("hundred", "hours"))))
    return (*number_words(hour), *(("oh",) if minute < 10 else ()), *number_words(minute), *end)


def _fraction(numerator: int, denominator: int) -> tuple[str, ...]:
    names = {1: "over one", 2: "half", 4: "quarter"}
    name = names.get(denominator) or " ".join(number_words(denominator, "ordinal"))
    if numerator != 1 and denominator != 1:
        name = "halves" if name == "half" else name + "s"
    return (*number_words(numerator), *name.split())


def _unit(text: str) -> str:
    return text if text in UNITS else next(unit for unit in UNITS if unit.lower() == text.lower())


def _letters_and_digits(text: str) -> Iterator[str]:
    """Yield letters one by one, and numbers of up to two digits as numbers."""
    for part in re.findall(r"\d+|[^\W\d_]|_", text):
        if not part.isdigit():
            yield from (SYMBOLS["_"],) if part == "_" else (part.lower(),)
        elif len(part) <= 2 and part[0] != "0":
            yield from number_words(int(part))
        else:
            yield from map(_digit, part)


def _url(text: str, is_word: Callable[[str], bool]) -> Iterator[str]:
    """Yield an address as it is dictated: known words as words, others as letters, and the names of its signs."""
    text = re.sub("^https?://", "", text.rstrip("/"), flags=re.I)
    for part in re.findall(r"[^\W\d_]+|\d|[^\w\s]|_", text):
        if part.isdigit():
            yield _digit(part)
        elif part.isalpha():
            yield from (part.lower(),) if len(part) > 2 and is_word(part.lower()) else part.lower()
        else:
            yield from (SYMBOLS_IN_ADDRESSES.get(part) or SYMBOLS.get(part, "")).split()


def _with_abbreviations(tokens: list[Token], text: str) -> list[Token]:
    """Returns tokens in which an abbreviation and its full stop are one token."""
    result: list[Token] = []
    position = 0
    skip = False
    for i, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        key = token.text.lower()
        stop = after is not None and after.text == "."
        position = text.find(token.text, position)
        joined = stop and text[position + len(token.text) : position + len(token.text) + 1] == "."
        following = tokens[i + 2].text if i + 2 < len(tokens) else ""
        capital = following[:1].isupper()
        if joined and key == "st":
            words = ("saint",) if capital and not (result and result[-1].text[:1].isupper()) else ("street",)
        elif joined and key in TITLES and capital:
            words = tuple(TITLES[key].split())
        elif joined and key in ABBREVIATIONS and not (key == "no" and not following[:1].isdigit()):
            words = tuple(ABBREVIATIONS[key].split())
        elif key in ("vs", "etc") or (key in TITLES and key in ("dr", "mr", "mrs", "ms") and capital):
            words, joined = tuple((ABBREVIATIONS | TITLES)[key].split()), joined and key != "etc"
        else:
            result.append(token)
            continue
        last = joined and not following
        skip = joined and not last
        result.append(Token(token.text + "." if skip else token.text, words))
    return result
