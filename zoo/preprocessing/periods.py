"""The seasonal period of a series, inferred from its values."""

import numpy as np

MAX_PERIOD = 366
"""Longest period that is inferred."""
COMMON = (4, 5, 7, 12, 24, 48, 52, 96, 168, 365)
"""Periods of calendars; a tie with another period goes to them."""


def infer_period(values: np.ndarray) -> int:
    """Returns the period with the highest autocorrelation, or 1 if none stands out.

    Args:
        values: ``(time,)``, NaN where missing.

    Example:
        >>> infer_period(np.tile([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0], 10))
        7
    """
    n = len(values)
    known = np.isfinite(values)
    if known.sum() < 8:
        return 1
    times = np.arange(n)
    x = np.interp(times, times[known], values[known])
    x = x - np.polyval(np.polyfit(times - n / 2, x, 1), times - n / 2)
    spectrum = np.abs(np.fft.rfft(x, 2 * n)) ** 2
    if not spectrum.max() > 0:
        return 1
    lags = min(MAX_PERIOD, n // 2)
    # Each lag has a different number of pairs; divide by it.
    correlation = np.fft.irfft(spectrum)[: lags + 2] / (n - np.arange(lags + 2))
    correlation = correlation / correlation[0] if correlation[0] > 0 else correlation
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]))
    peaks = peaks[peaks >= 2]
    if not len(peaks):
        return 1
    height = correlation[peaks] + 0.03 * np.isin(peaks, COMMON)
    if height.max() <= 0:
        return 1
    # Multiples of a period correlate nearly as well as the period itself: take the first of the high ones.
    period = int(peaks[np.flatnonzero(height >= 0.9 * height.max())[0]])
    enough = max(0.2, 2.0 / np.sqrt(n))
    return period if correlation[period] > enough else 1
