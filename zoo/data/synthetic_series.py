"""Random series to pretrain forecasters on, with their seasonal periods.

Gaussian processes with combined kernels follow the description of KernelSynth (Ansari et al. 2024, arXiv 2403.07815).
Their kernels are stationary, so that a draw is exact and costs two Fourier transforms (circulant embedding). The other
kinds are sums and products of trends, seasons, autoregressions, regimes, counts, calendars and disturbances.
"""

import numpy as np

PERIODS = (4, 5, 7, 12, 24, 24, 48, 52, 96, 168, 12, 7)
"""Common periods; others are drawn too."""


def draw(random: np.random.Generator, length: int) -> tuple[np.ndarray, int]:
    """Returns a series ``(length,)`` and its period, 1 if it has none.

    Args:
        random: Source of all random numbers.
        length: Number of points.

    Example:
        >>> values, period = draw(np.random.default_rng(0), 200)
        >>> values.shape
        (200,)
    """
    period = _period(random, length)
    kind = random.choice(len(_KINDS), p=_SHARES)
    values, seasonal = _KINDS[kind](random, length, period)
    values = _disturbed(random, values)
    deviation = np.nanstd(values)
    if not np.isfinite(deviation) or deviation == 0:
        return random.normal(size=length), 1
    return values, period if seasonal else 1


def _period(random: np.random.Generator, length: int) -> int:
    period = int(random.choice(PERIODS)) if random.random() < 0.85 else int(2 + random.exponential(30))
    return min(period, max(2, length // 3))


def _from_covariance(random: np.random.Generator, covariance: np.ndarray) -> np.ndarray:
    """Returns a Gaussian process with ``covariance (length,)`` by lag, exact up to negative eigenvalues."""
    circulant = np.concatenate([covariance, covariance[-2:0:-1]])
    eigenvalues = np.maximum(np.fft.rfft(circulant).real, 0)
    size = len(circulant)
    noise = np.fft.rfft(random.normal(size=size))
    return np.fft.irfft(np.sqrt(eigenvalues) * noise, size)[: len(covariance)]


def _kernel(random: np.random.Generator, lags: np.ndarray, period: int) -> tuple[np.ndarray, bool]:
    """Returns a kernel by lag, and whether it is periodic."""
    kind = random.random()
    if kind < 0.45:
        times = random.choice([1, 1, 1, 2, 7]) if random.random() < 0.5 else 1
        width = random.choice([0.5, 1.0, 2.0])
        return np.exp(-2 * np.sin(np.pi * lags / (period * times)) ** 2 / width**2), times == 1
    scale = len(lags) * np.exp(random.uniform(-4.5, 0))
    if kind < 0.65:
        return np.exp(-0.5 * (lags / scale) ** 2), False
    if kind < 0.8:
        return (1 + (lags / scale) ** 2 / (2 * (a := random.choice([0.1, 1.0, 10.0])))) ** -a, False
    if kind < 0.9:
        return np.exp(-lags / scale), False
    return np.where(lags == 0, random.uniform(0.05, 1), 0.0), False


def _gaussian_process(random, length: int, period: int) -> tuple[np.ndarray, bool]:
    """Returns a draw of up to five kernels, combined by sums and products, with a linear trend at times."""
    lags = np.arange(length, dtype=float)
    covariance, seasonal = _kernel(random, lags, period)
    for _ in range(random.integers(0, 5)):
        other, periodic = _kernel(random, lags, period)
        covariance = covariance + other if random.random() < 0.5 else covariance * other
        seasonal |= periodic
    covariance = covariance + np.where(lags == 0, np.exp(random.uniform(-9, -1)), 0.0) * covariance[0]
    values = _from_covariance(random, covariance)
    times = lags / length
    if random.random() < 0.3:  # a linear kernel, added or multiplied
        line = random.normal() + random.normal() * 2 * times
        values = values + 2 * line if random.random() < 0.6 else values * line
    return values, seasonal


def _season(random, length: int, period: int) -> np.ndarray:
    """Returns a season of about unit size: smooth, or one value per phase; its shape may change slowly."""
    phases = np.arange(length) % period
    if random.random() < 0.5 or period < 4:
        shape = random.normal(size=period)
        if random.random() < 0.3:  # short peaks
            shape = np.where(random.random(period) < 0.25, np.abs(shape) * 2, 0.1 * shape)
    else:
        count = min(period // 2, int(random.integers(1, 6)))
        angles = 2 * np.pi * np.outer(np.arange(period) / period, np.arange(1, count + 1))
        size = random.normal(size=(2, count)) / np.arange(1, count + 1) ** random.uniform(0, 1)
        shape = np.sin(angles) @ size[0] + np.cos(angles) @ size[1]
    shape = (shape - shape.mean()) / (shape.std() + 1e-9)
    season = shape[phases]
    if random.random() < 0.4:
        season = season * np.exp(0.3 * np.clip(_walk(random, length) / np.sqrt(length), -4, 4))
    if random.random() < 0.15:
        other = random.normal(size=period)[phases]
        season = season + (other - season) * np.linspace(0, random.uniform(0, 1), length)
    return season


def _walk(random, length: int) -> np.ndarray:
    return np.cumsum(random.normal(size=length))


def _trend(random, length: int) -> np.ndarray:
    """Returns a trend whose change over the series is of about unit size."""
    times = np.linspace(0, 1, length)
    kind = random.random()
    if kind < 0.3:
        return np.zeros(length)
    if kind < 0.5:
        return random.normal() * times
    if kind < 0.7:
        knots = np.sort(random.random(random.integers(1, 5)))
        return random.normal() * times + sum(random.normal() * np.maximum(times - knot, 0) for knot in knots)
    if kind < 0.8:  # saturating
        return random.normal() / (1 + np.exp(-random.uniform(4, 20) * (times - random.random())))
    if kind < 0.9:
        return random.normal() * (1 - np.exp(-random.uniform(1, 8) * times))
    return random.normal() * np.expm1(random.uniform(0.5, 4) * times) / 5


def _autoregression(random, length: int) -> np.ndarray:
    """Returns an autoregressive process of order one with unit innovations, from smooth to white noise."""
    share = random.choice([0.0, random.uniform(0, 0.9), random.uniform(0.9, 1.0), -random.uniform(0, 0.5)])
    if share == 0.0:
        return random.normal(size=length)
    covariance = share ** np.arange(length)
    noise = _from_covariance(random, covariance) if share < 1 else _walk(random, length)
    return noise / np.sqrt(max(1e-3, 1 / (1 - min(share, 0.9999) ** 2)))


def _structural(random, length: int, period: int) -> tuple[np.ndarray, bool]:
    """Returns trend, season and noise, added or multiplied."""
    seasonal = random.random() < 0.8
    season = _season(random, length, period) * np.exp(random.uniform(-2, 1)) if seasonal else np.zeros(length)
    longer = {7: 365, 24: 168, 48: 336, 96: 672}.get(period)
    if seasonal and longer and longer < length and random.random() < 0.5:
        season = season + _season(random, length, longer) * np.exp(random.uniform(-2, 0.5))
    noise = _autoregression(random, length) * np.exp(random.uniform(-3, 0.5))
    trend = _trend(random, length) * np.exp(random.uniform(-1, 2))
    if random.random() < 0.4:
        trend = trend + _walk(random, length) / np.sqrt(length) * np.exp(random.uniform(-1, 1.5))
    if random.random() < 0.45:
        size = random.uniform(0.05, 0.5)
        return np.exp(np.clip(size * (trend + season + noise), -8, 8)), seasonal
    return trend + season + noise, seasonal


def _calendar(random, length: int, period: int) -> tuple[np.ndarray, bool]:
    """Returns days with weeks, years and holidays, or hours with days and weeks; weekends differ."""
    daily = random.random() < 0.5
    period = min(7 if daily else 24, max(2, length // 3))
    longer = 365 if daily else 168
    week = (np.arange(length) // (1 if daily else 24) + random.integers(7)) % 7
    weekend = np.where(week >= 5, random.normal() * 0.7, 0.0)
    size = random.uniform(0.1, 0.6)
    level = weekend + _season(random, length, period) * random.uniform(0.2, 1.2)
    level = level + _season(random, length, longer) * random.uniform(0, 0.7) + 0.7 * _trend(random, length)
    level = level + 0.5 * _autoregression(random, length)
    if daily:
        holidays = random.integers(0, 365, random.integers(0, 8))
        level = level + np.isin((np.arange(length) + random.integers(365)) % 365, holidays) * random.normal() * 3
    return (np.exp(size * level) if random.random() < 0.7 else level), True


def _random_walks(random, length: int, period: int) -> tuple[np.ndarray, bool]:
    """Returns integrated noise, with regimes of drift and of size, and heavy tails."""
    noise = random.standard_t(random.choice([3.0, 5.0, 30.0]), size=length)
    if random.random() < 0.5:  # the size of the noise changes
        noise = noise * np.exp(np.clip(0.5 * _autoregression(random, length), -2, 2))
    if random.random() < 0.4:  # regimes
        regime = np.cumsum(random.random(length) < random.uniform(0.002, 0.03))
        drifts, sizes = random.normal(size=regime[-1] + 1), np.exp(random.normal(size=regime[-1] + 1))
        noise = noise * sizes[regime] + random.choice([0.0, 0.3]) * drifts[regime]
    kept = random.choice([1.0, 1.0, random.uniform(0.5, 1.0)])
    walk = np.cumsum(noise + random.normal() * random.choice([0.0, 0.1]))
    values = kept * walk + (1 - kept) * 3 * noise
    if random.random() < 0.3:
        values = np.exp(np.clip(values / (values.std() + 1e-9) * random.uniform(0.05, 0.7), -8, 8))
    if random.random() < 0.25:
        return values / (values.std() + 1e-9) + 0.5 * random.random() * _season(random, length, period), True
    return values, False


def _counts(random, length: int, period: int) -> tuple[np.ndarray, bool]:
    """Returns counts, with many zeros at times."""
    seasonal = random.random() < 0.6
    level = np.log(random.choice([0.3, 1.0, 3.0, 10.0, 50.0])) + 0.7 * _trend(random, length)
    if seasonal:
        level = level + _season(random, length, period) * random.uniform(0.1, 0.8)
    level = level + 0.4 * _autoregression(random, length)
    rate = np.exp(np.clip(level, -6, 7))
    if random.random() < 0.4:
        shape = random.uniform(0.5, 5)
        rate = rate * random.gamma(shape, 1 / shape, length)
    values = random.poisson(rate).astype(float)
    if random.random() < 0.3:
        values = values * (random.random(length) < random.uniform(0.1, 0.8))
    return values, seasonal


def _disturbed(random, values: np.ndarray) -> np.ndarray:
    """Returns a series with steps, spikes, limits, rounding or gaps, each at times."""
    length, size = len(values), values.std()
    if random.random() < 0.15:
        for place in random.integers(0, length, random.integers(1, 4)):
            values = values + size * random.normal() * 1.5 * (np.arange(length) >= place)
    if random.random() < 0.12:
        spikes = random.random(length) < random.choice([0.005, 0.02])
        values = values + spikes * random.standard_t(3, length) * 3 * size
    if random.random() < 0.06:
        low, high = np.quantile(values, np.sort(random.random(2)))
        values = np.maximum(values, low) if random.random() < 0.5 else np.minimum(values, high)
    if random.random() < 0.1 and size > 0:
        unit = size * random.choice([0.1, 0.3, 1.0])
        values = np.round(values / unit) * unit
    if random.random() < 0.06:
        gaps = random.random(length) < random.uniform(0.01, 0.2)
        values = np.where(gaps, np.nan, values)
    return values


_KINDS = (_gaussian_process, _structural, _calendar, _random_walks, _counts)
_SHARES = (0.3, 0.32, 0.12, 0.16, 0.1)
