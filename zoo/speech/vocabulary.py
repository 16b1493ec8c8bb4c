"""Vocabulary of text normalization: spoken words for units, currencies, abbreviations and signs."""

import functools
import json
import re
from pathlib import Path

from zoo.errors import InputError

WORD_LISTS = {
    name: frozenset(words.split())
    for name, words in json.loads((Path(__file__).parent / "word_lists.json").read_text("utf-8")).items()
}
"""Words by their role in the rules."""

SCALES = ("thousand", "million", "billion", "trillion")

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
"""Singular and plural, and singular and plural of the hundredth part."""

UNITS = {
    "%": ("percent", "percent"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "°": ("degree", "degrees"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "mi": ("mile", "miles"),
    "ft": ("foot", "feet"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "l": ("liter", "liters"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "Hz": ("hertz", "hertz"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "kW": ("kilowatt", "kilowatts"),
    "W": ("watt", "watts"),
    "V": ("volt", "volts"),
    "ms": ("millisecond", "milliseconds"),
    "min": ("minute", "minutes"),
    "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "h": ("hour", "hours"),
    "s": ("second", "seconds"),
}
"""Singular and plural of each unit after a number."""

TITLES = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "prof": "professor",
    "rev": "reverend",
    "hon": "honorable",
    "capt": "captain",
    "gen": "general",
    "sgt": "sergeant",
    "lt": "lieutenant",
    "col": "colonel",
    "gov": "governor",
    "sen": "senator",
    "rep": "representative",
    "mt": "mount",
    "ft": "fort",
}
"""Abbreviations before a name."""

ABBREVIATIONS = {
    "jr": "junior",
    "sr": "senior",
    "vs": "versus",
    "etc": "et cetera",
    "inc": "incorporated",
    "ltd": "limited",
    "co": "company",
    "corp": "corporation",
    "dept": "department",
    "est": "established",
    "approx": "approximately",
    "no": "number",
    "ave": "avenue",
    "rd": "road",
    "blvd": "boulevard",
    "apt": "apartment",
    "fig": "figure",
    "vol": "volume",
    "jan": "january",
    "feb": "february",
    "mar": "march",
    "apr": "april",
    "jun": "june",
    "jul": "july",
    "aug": "august",
    "sep": "september",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
    "mon": "monday",
    "tue": "tuesday",
    "tues": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "thurs": "thursday",
    "fri": "friday",
}
"""Abbreviations with a full stop."""

SYMBOLS = {
    "&": "and",
    "@": "at",
    "+": "plus",
    "=": "equals",
    "%": "percent",
    "#": "number",
    "°": "degrees",
    "×": "times",
    "÷": "divided by",
    "/": "slash",
    "\\": "backslash",
    "_": "underscore",
    "~": "tilde",
    "^": "caret",
    "<": "less than",
    ">": "greater than",
    "§": "section",
    "©": "copyright",
    "$": "dollars",
    "€": "euros",
    "£": "pounds",
}
"""Signs that are spoken. Other punctuation is kept and has no words."""
SYMBOLS_IN_ADDRESSES = {".": "dot", "-": "dash", ":": "colon", "?": "question mark"}


@functools.cache
def number_words(number: int, kind: str = "cardinal") -> tuple[str, ...]:
    """Returns a whole number in English words, without "and" and without hyphens.

    Args:
        number: The number; more than 15 digits are read one by one.
        kind: ``"cardinal"``, ``"ordinal"`` or ``"year"``.

    Raises:
        InputError: ``num2words`` is not installed.

    Example:
        >>> number_words(1984, "year")
        ('nineteen', 'eighty', 'four')
    """
    try:
        from num2words import num2words
    except ImportError:
        raise InputError("sentences: reading numbers needs num2words: pip install 'seqzoo[speech]'") from None
    if number >= 10**15:
        return tuple(word for digit in str(number) for word in number_words(int(digit)))
    words = num2words(number, lang="en", to=kind)
    return tuple(word for word in re.findall("[a-z]+", words) if word != "and")
