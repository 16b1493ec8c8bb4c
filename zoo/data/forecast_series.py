"""Series of numbers to forecast."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """One series with its dates.

    Attributes:
        name: Name of the series.
        values: Numbers in order of time, ``(time,)`` float64; NaN marks a missing value.
        times: Date of each value, ``(time,)`` datetime64, or its number, int64; ``None`` without dates.
        frequency: Distance of two dates, as pandas writes it: ``"h"``, ``"D"``, ``"B"``, ``"MS"``; for numbers it is
            their distance, ``"1"``. ``None`` without dates.
        period: Steps of a season; ``None`` if it is inferred from the values.
        location: Source of the series, for messages.
        test: The values that follow, ``(horizon,)`` float64, where a benchmark has them.
    """

    name: str
    values: np.ndarray
    times: np.ndarray | None = None
    frequency: str | None = None
    period: int | None = None
    location: str = ""
    test: np.ndarray | None = None
