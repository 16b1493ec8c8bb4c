"""Times, dates, units and abbreviations in languages other than English, as spoken words.

``phrases.json`` has the words of each language: names of months, of units for one and for several, templates of times
and dates, and abbreviations. ``hours`` and ``minutes`` replace the last word of a number by its feminine form.
"""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Number = Callable[..., list[str]]
"""Returns the words of a number in digits, or none; with a second argument ``"ordinal"``, those of the ordinal."""


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    return json.loads((Path(__file__).parent / "phrases.json").read_text("utf-8"))


def _table(language: str) -> dict[str, Any]:
    """Returns the phrases of a language; empty where there are none."""
    return _tables().get(language) or _tables().get(language.split("-")[0], {})


def patterns(language: str) -> list[str]:
    """Returns the patterns of abbreviations, dates and times, with named groups."""
    table = _table(language)
    if not table:
        return []
    short = "|".join(re.escape(key).replace(r"\ ", r"\s?") for key in table["abbreviations"])
    separators = "|".join([":", *([rf"\s?{table['hour_sign']}\s?"] if "hour_sign" in table else [])])
    after = rf"(?:\s{table['after_time']}\b)?" if "after_time" in table else ""
    months = "|".join(table["months"])
    nth = rf"(?<![\d.])(?P<nth>0?[1-9]|[12]\d|3[01])\.(?=\s(?i:{months})\b)"  # 3. Mai
    return [
        *([nth] if table["day"] == "ordinal" else []),
        rf"(?<!\w)(?P<abbreviation>{short})(?!\w)",
        r"(?<![\d./-])(?P<day>0?[1-9]|[12]\d|3[01])(?P<dash>[./-])(?P<month>0?[1-9]|1[0-2])"
        r"(?P=dash)(?P<year>\d{4})(?![\d/-])",
        rf"(?<![\d:.,])(?P<hour>[01]?\d|2[0-4])(?:{separators})(?P<minute>[0-5]\d)(?![\d:]){after}",
    ]


def units(language: str) -> str:
    """Returns the pattern of the units that may stand after a number; empty where none are known."""
    names = "|".join(re.escape(unit) for unit in _table(language).get("units", {}))
    return names and rf"(?:{names})(?![\w/])"


def read(match: re.Match, language: str, number: Number) -> list[str] | None:
    """Returns the words of an abbreviation, a date or a time.

    Args:
        match: Match of a pattern that contains ``patterns(language)``.
        language: Code of the language.
        number: Reads numbers.

    Returns:
        The words. ``None`` if the match is something else.
    """
    table, found = _table(language), match.groupdict()
    if found.get("abbreviation"):
        written = re.sub(r"\s", "", found["abbreviation"])
        words = next(words for key, words in table["abbreviations"].items() if key.replace(" ", "") == written)
    elif found.get("nth"):
        words = " ".join(number(str(int(found["nth"])), "ordinal"))
    elif found.get("day"):
        day = str(int(found["day"]))
        spoken = table["first"] if day == "1" else " ".join(number(day, table["day"]))
        month = table["months"][int(found["month"]) - 1]
        words = table["date"].format(day=spoken, month=month, year=" ".join(number(found["year"])))
    elif found.get("hour"):
        words = _time(table, int(found["hour"]), int(found["minute"]), number)
    else:
        return None
    return words.replace("-", " ").split()


def _time(table: dict[str, Any], hour: int, minute: int, number: Number) -> str:
    """Returns the words of a time of day."""
    templates = table["one_hour"] if hour == 1 and "one_hour" in table else table["time"]
    parts = {}
    for part, value in (("hour", hour), ("minute", minute)):
        *first, last = number(str(value))
        parts[part] = " ".join([*first, table[f"{part}s"].get(last, last)])
    return templates[bool(minute)].format(**parts)


def quantity(value: str, unit: str, language: str, number: Number) -> list[str]:
    """Returns the words of a number and its unit.

    Args:
        value: The number in digits, with a point before decimals.
        unit: The unit, as written.
        language: Code of the language.
        number: Reads numbers.
    """
    one, several = _table(language)["units"][unit]
    return one.split() if value == "1" else [*number(value), *several.split()]
