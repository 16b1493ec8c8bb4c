"""Dates from texts: formats that can be read in one way only, time zones, and numbered steps."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NoReturn

import numpy as np

from zoo.errors import InputError

_CLOCK = (
    r"(?:(?:T| |, ?)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?(?: ?(?P<half>[AaPp])[Mm])?"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?"
)
_YEAR, _NAME = r"(?P<Y>\d{4})", r"(?P<B>[A-Za-z]{3,9})\.?"
_COMPACT = r"(?P<Y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])"
_FORMS = [
    re.compile(form, re.ASCII)
    for form in (
        _YEAR + r"(?P<mark>[-/.])(?P<m>\d{1,2})(?P=mark)(?P<d>\d{1,2})" + _CLOCK,
        _COMPACT + r"(?P<d>0[1-9]|[12]\d|3[01])",
        _COMPACT,
        _YEAR + r"(?P<mark>[-/])(?P<m>\d{1,2})",
        _YEAR + r"[- ]?Q(?P<q>[1-4])",
        r"Q(?P<q>[1-4])[- /]?" + _YEAR,
        _YEAR + r"-?W(?P<w>\d{2})(?:-?(?P<wd>[1-7]))?",
        r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second>\d{1,2})(?P=mark)(?P<y>\d{4}|\d{2})" + _CLOCK,
        r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?[ -]?" + _NAME + r"[ ,-]*" + _YEAR + _CLOCK,
        _NAME + r"[ -]?(?P<d>\d{1,2})(?:st|nd|rd|th)?,? ?-?" + _YEAR + _CLOCK,
        _NAME + r"[ ,-]*" + _YEAR,
    )
]
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_STEP = re.compile(r"[+-]?\d{1,15}(?:\.0+)?", re.ASCII)

LIKE = "write dates as 2024-03-31, or name their format: --time-format %d.%m.%Y"


def read_dates(
    texts: Sequence[str], locations: Sequence[str], column: str, time_format: str = ""
) -> tuple[np.ndarray, list[str]]:
    """Read a column of dates or of numbered steps.

    Args:
        texts: The cells.
        locations: Location of each cell, for messages.
        column: Name of the column, for messages.
        time_format: Format of ``datetime.strptime``; by default the format is detected.

    Returns:
        Dates without a time zone, datetime64[us]; or int64 if the cells are whole numbers. And notes for the user.

    Raises:
        InputError: A cell is not a date, dates have several formats, or a format can be read in two ways.
    """
    # Many series share their dates: read each once.
    first: dict[str, int] = {}
    order = [first.setdefault(text.strip(), i) for i, text in enumerate(texts)]
    place = {row: i for i, row in enumerate(first.values())}
    times, notes = _read(list(first), [locations[row] for row in first.values()], column, time_format)
    return times[[place[row] for row in order]], notes


def _read(
    texts: Sequence[str], locations: Sequence[str], column: str, time_format: str
) -> tuple[np.ndarray, list[str]]:
    """Returns the result of ``read_dates`` for different texts."""
    for text, location in zip(texts, locations, strict=True):
        if not text:
            raise InputError(f"{location}: column {column!r} is empty: give each row its date")
    if time_format:
        return _zoned([_strptime(*row, column, time_format) for row in zip(texts, locations, strict=True)], locations)
    matches, form = _matches(texts, locations, column)
    if form is None:
        return np.array([int(float(text)) for text in texts], np.int64), []
    day_first, notes = None, []
    if "first" in form.groupindex:
        day_first = _day_first(matches, texts, locations)
        mark = matches[0]["mark"]
        notes = [
            f"dates like {texts[0]!r} are read as {mark.join(['%d', '%m'] if day_first else ['%m', '%d'])}{mark}%Y"
        ]
    moments = []
    for match, text, location in zip(matches, texts, locations, strict=True):
        try:
            moments.append(_moment(match.groupdict(), day_first))
        except (ValueError, OverflowError):
            raise InputError(f"{location}: column {column!r}: {text[:40]!r} is not a date: correct it") from None
    times, more = _zoned(moments, locations)
    return times, notes + more


def _matches(
    texts: Sequence[str], locations: Sequence[str], column: str
) -> tuple[list[re.Match[str]], re.Pattern[str] | None]:
    """Returns the match of each text with the form of the first one; the form is None for numbered steps."""
    for form in _FORMS:
        first = form.fullmatch(texts[0])
        if not first:
            continue
        matches = [form.fullmatch(text) for text in texts]
        bad = next((i for i, match in enumerate(matches) if not match or _mark(match) != _mark(first)), None)
        if bad is None:
            return [match for match in matches if match], form
        if _STEP.fullmatch(texts[0]) and _STEP.fullmatch(texts[bad]):
            break  # numbers of which some look like dates
        _refuse(texts[bad], locations[bad], column, texts[0], locations[0])
    for text, location in zip(texts, locations, strict=True):
        if not _STEP.fullmatch(text):
            _refuse(text, location, column, texts[0], locations[0])
    return [], None


def _mark(match: re.Match[str]) -> str:
    return match.groupdict().get("mark") or ""


def _refuse(text: str, location: str, column: str, first: str, first_location: str) -> NoReturn:
    """Raise InputError for a cell that is no date, or a date of another form than the first one."""
    if location != first_location and any(form.fullmatch(text) for form in (*_FORMS, _STEP)):
        raise InputError(
            f"{location}: column {column!r}: {text[:40]!r} is written unlike {first[:40]!r} at {first_location}:"
            " write all dates in one format"
        )
    raise InputError(f"{location}: column {column!r}: {text[:40]!r} is neither a date nor a whole number: {LIKE}")


def _day_first(matches: Sequence[re.Match[str]], texts: Sequence[str], locations: Sequence[str]) -> bool:
    """Returns whether dates such as 25/12/2024 begin with the day (raises InputError if no date shows it)."""
    mark = matches[0]["mark"]
    for match, text, location in zip(matches, texts, locations, strict=True):
        if len(match["y"]) == 2:
            raise InputError(
                f"{location}: {text[:40]!r} has a year of two digits: name the format, --time-format"
                f" %d{mark}%m{mark}%y or %m{mark}%d{mark}%y"
            )
    day = next((i for i, match in enumerate(matches) if int(match["first"]) > 12), None)
    month = next((i for i, match in enumerate(matches) if int(match["second"]) > 12), None)
    if day is not None and month is not None:
        raise InputError(
            f"{locations[max(day, month)]}: {texts[max(day, month)]!r} has day and month in another order than"
            f" {texts[min(day, month)]!r} at {locations[min(day, month)]}: write all dates in one format"
        )
    if day is None and month is None:
        raise InputError(
            f"{locations[0]}: {texts[0]!r} may begin with the day or the month: name the format, --time-format"
            f" %d{mark}%m{mark}%Y or %m{mark}%d{mark}%Y"
        )
    return day is not None


def _moment(part: dict[str, str | None], day_first: bool | None) -> datetime:
    """Returns the date that the groups of a form describe (raises ValueError)."""
    year = int(part.get("Y") or part["y"] or 0)
    if week := part.get("w"):
        day = date.fromisocalendar(year, int(week), int(part["wd"] or 1))
    elif quarter := part.get("q"):
        day = date(year, 3 * int(quarter) - 2, 1)
    elif name := part.get("B"):
        result = [i + 1 for i, month in enumerate(MONTHS) if name.lower() in (month, month[:3], month[:4])]
        day = date(year, result[0] if result else 0, int(part.get("d") or 1))
    elif day_first is not None:
        numbers = int(part["first"] or 0), int(part["second"] or 0)
        day = date(year, *(reversed(numbers) if day_first else numbers))
    else:
        day = date(year, int(part["m"] or 0), int(part.get("d") or 1))
    if not part.get("H"):
        return datetime(day.year, day.month, day.day)
    hour = int(part["H"] or 0)
    if half := part["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (half in "Pp")
    fraction = int((part["f"] or "")[:6].ljust(6, "0"))
    clock = (hour, int(part["M"] or 0), int(part["S"] or 0), fraction)
    return datetime(day.year, day.month, day.day, *clock, tzinfo=_zone(part["zone"]))


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in ("Z", "UTC", "GMT"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    return timezone((1 if text[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _strptime(text: str, location: str, column: str, time_format: str) -> datetime:
    try:
        return datetime.strptime(text, time_format)
    except (ValueError, re.error) as error:
        problem = f"--time-format {time_format}: {error}"
        if "does not match" in str(error) or "unconverted" in str(error) or "out of range" in str(error):
            problem = f"column {column!r}: {text[:40]!r} is not in the format {time_format}"
        raise InputError(f"{location}: {problem}: correct it or the format") from None


def _zoned(moments: list[datetime], locations: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Returns dates without their time zones, and a note on what was done with these.

    Dates of one offset keep the time on the clock, and so do daily dates whose offset changes in summer. Other dates
    become UTC.
    """
    offsets = {moment.utcoffset() for moment in moments}
    if None in offsets and len(offsets) > 1:
        bare = [moment.utcoffset() is None for moment in moments]
        i = bare.index(not bare[0])
        has = "no" if bare[i] else "a"
        raise InputError(f"{locations[i]}: the date has {has} time zone, unlike {locations[0]}: write all dates alike")
    local = np.array([moment.replace(tzinfo=None) for moment in moments], "datetime64[us]")
    if offsets == {None}:
        return local, []
    if len(offsets) == 1:
        return local, [
            f"dates have the time zone {moments[0].tzname()}: so have those of the forecast, which do not name it"
        ]
    clocks = local - local.astype("datetime64[D]")
    if (clocks == clocks[0]).all():
        return local, ["dates have several UTC offsets and one time of day: the local days are read"]
    shifts = np.array([moment.utcoffset() for moment in moments], "timedelta64[us]")
    return local - shifts, ["dates have several UTC offsets: they are read as UTC, and the forecast is in UTC"]
