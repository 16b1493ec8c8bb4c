"""Frequencies of dates: the distance of two steps, the season that it suggests, and the dates that follow."""

import dataclasses
import math
import re

import numpy as np

_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_UNITS = {"D": _DAY, "h": _HOUR, "min": _MINUTE, "s": _SECOND, "ms": 1000, "us": 1}
_MONTHS = {"Y": 12, "Q": 3, "M": 1}
_WEEKDAYS = ("THU", "FRI", "SAT", "SUN", "MON", "TUE", "WED")  # 1970-01-01 was a Thursday
MAX_GRID = 20  # maximum steps of a grid per date that is there


@dataclasses.dataclass(frozen=True)
class Frequency:
    """Distance of two steps.

    Attributes:
        name: Name as pandas writes it: ``"15min"``, ``"D"``, ``"B"``, ``"W-MON"``, ``"MS"``, ``"QE"``. For numbered
            steps it is their distance, ``"1"``.
        unit: ``"us"`` for a fixed time, ``"B"`` for days from Monday to Friday, ``"M"`` for calendar months, and
            ``"step"`` for numbered steps.
        count: Number of units.
    """

    name: str
    unit: str
    count: int

    @property
    def period(self) -> int | None:
        """Steps of the season that the frequency suggests; ``None`` if it suggests none."""
        if self.unit == "step":
            return None
        if self.unit == "B":
            return 5
        if self.unit == "M":
            return 12 // self.count if 12 % self.count == 0 else 1
        if self.count == 7 * _DAY:
            return 52
        seasons = ((5 * _MINUTE, _DAY), (_MINUTE, _HOUR), (_SECOND, _MINUTE))
        whole = next((season for least, season in seasons if self.count >= least), self.count)
        whole = 7 * _DAY if self.count == _DAY else whole
        return whole // self.count if whole % self.count == 0 and whole > self.count else None

    def index(self, times: np.ndarray) -> np.ndarray | None:
        """Returns the step of each of some ascending dates, from 0; ``None`` if one is not on a step."""
        if self.unit == "B":
            days = times.astype("datetime64[D]")
            if not np.is_busday(days).all():
                return None
            return np.busday_count(days[0], days)
        numbers = _month_numbers(times) if self.unit == "M" else times.astype(np.int64)
        steps, rest = np.divmod(numbers - numbers[0], self.count)
        return None if rest.any() else steps

    def after(self, times: np.ndarray, horizon: int) -> np.ndarray:
        """Returns the dates, or the numbers, of the next ``horizon`` steps."""
        ahead = np.arange(1, horizon + 1)
        if self.unit == "B":
            day = times[-1].astype("datetime64[D]")
            return np.busday_offset(day, ahead).astype("datetime64[us]") + (times[-1] - day)
        if self.unit != "M":
            return times[-1] + (ahead * self.count).astype("timedelta64[us]" if self.unit == "us" else np.int64)
        months = (_month_numbers(times)[-1] + ahead * self.count).astype("datetime64[M]")
        days, clock = times.astype("datetime64[D]"), times[-1] - times[-1].astype("datetime64[D]")
        wanted = 31 if _are_last(days) else int(_days_of_month(days).max())
        first, last = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]") - 1
        return np.minimum(first + (wanted - 1), last).astype("datetime64[us]") + clock


def named(name: str) -> Frequency:
    """Returns the frequency of a name that ``infer`` gave."""
    match = re.fullmatch(r"(\d*)(B|W|[YQM](?=[SE]?$)|D|h|min|s|ms|us|)([SE]?|-\w{3})", name)
    if match is None:
        raise ValueError(f"frequency {name!r}")
    count, unit = int(match[1] or 1), match[2]
    if unit == "":
        return Frequency(name, "step", count)
    if unit in _MONTHS:
        return Frequency(name, "M", count * _MONTHS[unit])
    return Frequency(name, "B", 1) if unit == "B" else Frequency(name, "us", count * {**_UNITS, "W": 7 * _DAY}[unit])


def infer(times: np.ndarray) -> Frequency | None:
    """Returns the frequency of ascending, different dates or numbers; ``None`` if they have none.

    The frequency is that of the most common distance, if this is the distance of more than half of the steps.
    Otherwise it is the greatest common divisor, if few steps are missing then.

    Args:
        times: datetime64[us], or int64, ``(time,)``.
    """
    if len(times) < 2:
        return None
    if times.dtype.kind == "i":
        count = _step(np.diff(times))
        return Frequency(str(count), "step", count) if count else None
    if monthly := _monthly(times):
        return monthly
    count = _step(np.diff(times).astype(np.int64))
    if not count:
        return None
    days = times.astype("datetime64[D]")
    if (
        count == _DAY
        and np.is_busday(days).all()
        and np.busday_count(days[0], days[-1]) < (days[-1] - days[0]).astype(int)
    ):
        return Frequency("B", "B", 1)
    if count == 7 * _DAY:
        return Frequency(f"W-{_WEEKDAYS[int(days[0].astype(int)) % 7]}", "us", count)
    unit, size = next((unit, size) for unit, size in _UNITS.items() if count % size == 0)
    return Frequency(f"{count // size}{unit}" if count > size else unit, "us", count)


def _monthly(times: np.ndarray) -> Frequency | None:
    """Returns the frequency of dates that fall on one day of the month, or once in most months."""
    months, days = _month_numbers(times), times.astype("datetime64[D]")
    distances = np.diff(months)
    if not (distances > 0).all() or len(np.unique(times - days)) > 1:
        return None
    numbers = _days_of_month(days)
    last = _days_of_month((times.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1)
    count = _step(distances)
    spread = (times[-1] - times[0]).astype(np.int64) / _DAY / len(distances)
    if not count or not ((numbers == np.minimum(numbers.max(), last)).all() or (len(times) > 3 and spread > 27)):
        return None
    end = "S" if (numbers == 1).all() else "E" if _are_last(days) else ""
    unit, size = next((unit, size) for unit, size in _MONTHS.items() if count % size == 0)
    return Frequency(f"{count // size if count > size else ''}{unit}{end}", "M", count)


def _step(distances: np.ndarray) -> int | None:
    values, counts = np.unique(distances, return_counts=True)
    common = int(values[counts.argmax()])
    if counts.max() > len(distances) / 2:
        return None if (values % common).any() else common
    divisor = math.gcd(*map(int, values))
    return divisor if distances.sum() / divisor <= MAX_GRID * (len(distances) + 1) else None


def common_distance(times: np.ndarray) -> int:
    """Returns the most common distance of ascending dates or numbers."""
    values, counts = np.unique(np.diff(times).astype(np.int64), return_counts=True)
    return int(values[counts.argmax()])


def _month_numbers(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[M]").astype(np.int64)


def _days_of_month(days: np.ndarray) -> np.ndarray:
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


def _are_last(days: np.ndarray) -> bool:
    """Returns whether all days are the last of their month."""
    return bool(((days + 1).astype("datetime64[M]") > days.astype("datetime64[M]")).all())
