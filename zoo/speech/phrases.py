"""Times, dates, units and abbreviations in languages other than English, as spoken words.

``phrases.json`` has the words of each language: names of months and units, templates of times and dates, and
abbreviations. ``hours`` and ``minutes`` replace the last word of a number by its feminine form, also before the units
in ``feminine``. A unit has a form for each pattern in ``numbers``: one, few, many or a fraction; the form for one has
the number in it. ``day_endings`` and ``hour_endings`` turn ordinal numbers into the case or gender of days and hours,
and ``year_endings`` cardinal numbers into the ordinal ones of years. ``time_units`` are the units of hours and minutes
where a time has their names. ``year_sign`` follows a year and is no unit.
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
    after = rf"(?:\s?{table['after_time']}\b)?" if "after_time" in table else ""
    months = "|".join(table["months"])
    dot = r"\.?" if "day_endings" in table else r"\."
    nth = rf"(?<![\d.])(?P<nth>0?[1-9]|[12]\d|3[01]){dot}(?=\s(?i:{months})\b)"  # 3. Mai, 3 maja
    return [
        *([nth] if table["day"] == "ordinal" else []),
        rf"(?<!\w)(?P<abbreviation>{short})(?!\w)",
        r"(?<![\d./-])(?P<day>0?[1-9]|[12]\d|3[01])(?P<dash>[./-])(?P<month>0?[1-9]|1[0-2])"
        r"(?P=dash)(?P<year>\d{4})(?![\d/-])",
        rf"(?<![\d:.,])(?P<hour>[01]?\d|2[0-4])(?:{separators})(?P<minute>[0-5]\d)(?![\d:]){after}",
    ]


def units(language: str) -> str:
    """Returns the pattern of the units that may stand after a number; empty where none are known."""
    table = _table(language)
    names = "|".join(re.escape(unit) for unit in table.get("units", {}))
    other = rf"(?!{re.escape(table['year_sign'])})" if "year_sign" in table else ""  # 2024 г. is a year, 5 г are grams
    return names and rf"{other}(?:{names})(?![\w/])"


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
        words = _day(table, int(found["nth"]), number)
    elif found.get("day"):
        day = table["first"] if int(found["day"]) == 1 and "first" in table else _day(table, int(found["day"]), number)
        month = table["months"][int(found["month"]) - 1]
        words = table["date"].format(day=day, month=month, year=_year(table, found["year"], number))
    elif found.get("hour"):
        words = _time(language, int(found["hour"]), int(found["minute"]), number)
    else:
        return None
    return words.replace("-", " ").split()


def _ordinal(value: str, endings: dict[str, str], number: Number) -> str:
    """Returns an ordinal number with other endings; where there is none, the cardinal one."""
    words = [_with_ending(word, endings) for word in number(value, "ordinal")]
    return " ".join(words or number(value))


def _with_ending(text: str, endings: dict[str, str]) -> str:
    """Returns a text with its end replaced, by the first of the endings that it has."""
    ending = next((ending for ending in endings if text.endswith(ending)), "")
    return text.removesuffix(ending) + endings.get(ending, "")


def _day(table: dict[str, Any], day: int, number: Number) -> str:
    """Returns the words of a day of the month."""
    if "days" in table:
        return table["days"][day - 1]
    if "day_endings" in table:
        return _ordinal(str(day), table["day_endings"], number)
    return " ".join(number(str(day), table["day"]))


def _year(table: dict[str, Any], year: str, number: Number) -> str:
    """Returns the words of the year of a date."""
    if "year_endings" in table:
        return _with_ending(" ".join(number(year)), table["year_endings"])
    if "day_endings" in table:
        return _ordinal(year, table["day_endings"], number)
    return " ".join(number(year))


def _time(language: str, hour: int, minute: int, number: Number) -> str:
    """Returns the words of a time of day."""
    table = _table(language)
    templates = table["one_hour"] if hour == 1 and "one_hour" in table else table["time"]
    parts = {}
    for part, value in (("hour", hour), ("minute", minute)):
        if "time_units" in table:
            words = quantity(str(value), table["time_units"][part], language, number)
        else:
            words = _feminine(number(str(value)), table[f"{part}s"])
        parts[part] = " ".join(words)
    if "hour_endings" in table:
        parts["hour"] = _ordinal(str(hour), table["hour_endings"], number)
    return templates[bool(minute)].format(**parts)


def _feminine(words: list[str], forms: dict[str, str]) -> list[str]:
    return [*words[:-1], forms.get(words[-1], words[-1])]


def quantity(value: str, unit: str, language: str, number: Number) -> list[str]:
    """Returns the words of a number and its unit.

    Args:
        value: The number in digits, with a point before decimals.
        unit: The unit, as written.
        language: Code of the language.
        number: Reads numbers.
    """
    table = _table(language)
    kinds = table.get("numbers", ["1", ".*"])
    kind = next(i for i, pattern in enumerate(kinds) if re.fullmatch(pattern, value))
    words, name = number(value), table["units"][unit][kind].split()
    if kind == 0:
        return [*words[:-1], *name]
    return [*(_feminine(words, table["minutes"]) if unit in table.get("feminine", ()) else words), *name]
