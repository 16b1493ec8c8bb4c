"""Training batches of forecasters: windows of series, real and synthetic; all depends on seed and step only."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from zoo.preprocessing.patches import CANDIDATES, CONTEXT, PATCH, encode

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, int]]
PATCHES = (8, 16, 32, 64)
"""Numbers of patches of a batch, drawn with ``_SHARES``."""
_SHARES = (0.25, 0.3, 0.25, 0.2)
POSITIONS = 8
"""Patches per series after which the model forecasts."""
STEPS = 16
"""Steps ahead per position."""
_HORIZONS = (8, 16, 32, 64, 128, 256)
_LARGEST = 20.0
"""Largest distance of a target from the candidates, in units of their differences; further ones are cut."""


class SeriesWindows:
    """Batches of windows of series.

    A window is at a random place of a series. The model forecasts after random patches of it, for random steps ahead
    which all series of a batch share.

    Args:
        series: Real series, ``(time,)`` each, NaN where missing.
        periods: Period of each.
        batch_size: Series per batch.
        seed: Random seed.
        per_epoch: Batches per epoch; the default reads about as many patches as the series have.
        weights: Probability of each real series, up to a factor; the default is the root of its length.
        synthetic: Share of synthetic series in a batch.
        draw: Makes a synthetic series of a length, with its period.
        regroup: Whether real series are also read as sums of several steps, or upside down.
    """

    def __init__(
        self,
        series: Sequence[np.ndarray],
        periods: Sequence[int],
        batch_size: int,
        seed: int,
        per_epoch: int | None = None,
        weights: Sequence[float] | None = None,
        synthetic: float = 0.0,
        draw: Draw | None = None,
        regroup: bool = False,
    ):
        self.batch_size, self.seed, self.synthetic, self.draw, self.regroup = batch_size, seed, synthetic, draw, regroup
        self.series = [np.asarray(values, "float64") for values in series]
        self.periods = list(periods)
        lengths = np.array([len(values) for values in self.series], "float64")
        shares = np.sqrt(lengths) if weights is None else np.asarray(weights, "float64")
        shares = np.where(lengths > 1, shares, 0.0)
        if synthetic < 1 and not shares.sum():
            raise ValueError("no series with two points: give longer ones")
        self.cumulated = np.cumsum(shares / shares.sum()) if shares.sum() else shares
        longest = CONTEXT if synthetic else lengths.max()
        count = next((i for i, patches in enumerate(PATCHES) if patches * PATCH >= longest), len(PATCHES) - 1) + 1
        self.patches = np.array(PATCHES[:count])
        self.shares = np.array(_SHARES[:count]) / sum(_SHARES[:count])
        self.per_epoch = per_epoch or max(8, int(lengths.sum() / (PATCH * batch_size * POSITIONS)))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
        """Yield the batches of an epoch from index ``start``: inputs, targets and their weights."""
        for number in range(start, self.per_epoch):
            random = np.random.default_rng((self.seed, epoch * self.per_epoch + number))
            yield self.batch(random, int(random.choice(self.patches, p=self.shares)))

    def extremes(self) -> list[tuple]:
        """Returns a batch with the fewest patches and one with the most."""
        return [self.batch(np.random.default_rng(0), int(patches)) for patches in (self.patches[0], self.patches[-1])]

    def batch(self, random: np.random.Generator, patches: int) -> tuple[dict, np.ndarray, np.ndarray]:
        """Returns a batch of windows of that many patches.

        Returns:
            Inputs, targets ``(batch, positions, steps)`` in units of each position's scale, and their weights.
        """
        time, ahead = patches * PATCH, _HORIZONS[-1]
        values = np.full((self.batch_size, time + ahead), np.nan)
        periods = np.ones(self.batch_size, int)
        for row in range(self.batch_size):
            result, periods[row] = self._one(random, time + ahead)
            # The end of the last patch, so that something follows.
            end = min(len(result) - 1, int(random.integers(max(1, len(result) // 3), len(result))))
            history, future = result[max(0, end - time) : end], result[end : end + ahead]
            values[row, time - len(history) : time] = history
            values[row, time : time + len(future)] = future
        # Users do not always know the period.
        periods = np.where(random.random(self.batch_size) < 0.05, 1, periods)
        steps = np.sort(1 + random.integers(0, random.choice(_HORIZONS), STEPS))
        targets, positions = self._targets(random, values, patches, steps)
        encoded = encode(values[:, :time], periods, positions, steps)
        unit = np.where(encoded.scale > 0, encoded.scale, 1.0)[..., None]
        distance = (targets - encoded.anchor[..., None]) / unit
        real = np.isfinite(distance) & (encoded.scale > 0)[..., None]
        # Where the candidates differ, errors are large: they would hide those of regular series.
        simple = encoded.steps[..., :CANDIDATES]
        size = 0.5 + simple.std(axis=-1)
        limits = simple.min(axis=-1) - _LARGEST * size, simple.max(axis=-1) + _LARGEST * size
        distance = np.where(real, np.clip(distance, *limits), 0.0)
        weights = real / size
        return encoded.inputs(), distance.astype("float32"), weights.astype("float32")

    def _targets(self, random, values: np.ndarray, patches: int, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the values ahead of random patches that have a past, and the patches, in order."""
        known = np.isfinite(values[:, : patches * PATCH]).reshape(len(values), patches, PATCH).any(axis=2)
        chance = random.random(known.shape) + known
        count = min(patches, POSITIONS)
        positions = np.sort(np.argpartition(-chance, count - 1, axis=1)[:, :count], axis=1)
        index = positions[..., None] * PATCH + PATCH - 1 + steps
        targets = np.take_along_axis(values, index.reshape(len(values), -1), axis=1).reshape(index.shape)
        return targets, positions

    def _one(self, random: np.random.Generator, length: int) -> tuple[np.ndarray, int]:
        """Returns a series and its period."""
        if self.draw is not None and random.random() < self.synthetic:
            # Short series too: a model must forecast from few points.
            short = random.random() < 0.3
            return self.draw(random, int(random.integers(24, length)) if short else length)
        place = min(int(np.searchsorted(self.cumulated, random.random(), side="right")), len(self.series) - 1)
        values, period = self.series[place], self.periods[place]
        if not self.regroup:
            return values, period
        count = int(random.choice((2, 3, 4, 6, 7, 12, 24)))
        if random.random() < 0.3 and len(values) >= 20 * count:
            # The sums of several steps: hours become days.
            values = values[len(values) % count :].reshape(-1, count).mean(axis=1)
            period = period // count if period % count == 0 and period > count else 7 if period == count == 24 else 1
        return (-values if random.random() < 0.1 else values), period
