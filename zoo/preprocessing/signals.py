"""Map sounds and numeric series to frames of features; the parameters are plain data in JSON."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.sound import MAX_FLOAT32, RATES, as_channels, numbers, waveform
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import check_names, expect_fields, number_of

MAX_STEPS = 1_000_000  # maximum steps of a series that a record may allow
MAX_BANDS = 512


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Raw numbers, each channel standardised to mean 0 and standard deviation 1 over the training data.

    Attributes:
        mean: Mean per channel.
        scale: Standard deviation per channel; 1 for a constant channel.

    Example:
        >>> import numpy as np
        >>> numbers = Numbers.fit([np.array([[0.0], [2.0]])])
        >>> numbers.frames(np.array([[4.0]])).tolist()
        [[3.0]]
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, series: Sequence[np.ndarray]) -> "Numbers":
        """Returns the front end for training series, each ``(time, channels)``."""
        return cls(*_moments(series))

    @property
    def features(self) -> int:
        return len(self.mean)

    def read(self, value: Any) -> np.ndarray:
        """Returns a raw input as float32 ``(time, channels)`` (raises InputError if it is not one)."""
        series = as_channels(numbers(value))
        if series.shape[1] != self.features:
            raise InputError(f"a series of {series.shape[1]} channels: this model reads {self.features}")
        return series

    def frames(self, series: np.ndarray) -> np.ndarray:
        """Map ``(time, channels)`` to ``(time, features)``."""
        return ((series - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32)).astype(np.float32)


def _moments(rows: Sequence[np.ndarray]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation over all steps of all rows, ``(time, features)``, with 6 digits."""
    every = np.concatenate(rows).astype(np.float64)
    mean, deviation = every.mean(axis=0), every.std(axis=0)
    deviation = np.where(deviation > 1e-8 * np.abs(mean) + 1e-30, deviation, 1.0)
    return tuple(float(f"{x:.6g}") for x in mean), tuple(float(f"{x:.6g}") for x in deviation)


@dataclasses.dataclass(frozen=True)
class Waveform:
    """Raw samples in non-overlapping frames.

    Attributes:
        rate: Samples per second; sound with another rate is resampled.
        frame: Samples per step.
        mu: The companding constant of ``sign(x) ln(1 + mu |x|) / ln(1 + mu)`` (ITU-T G.711, as in van den Oord
            et al. 2016, arXiv 1609.03499, section 2.2); 0 leaves samples linear.

    Example:
        >>> import numpy as np
        >>> Waveform(8_000, 40, 255).frames(np.zeros(100)).shape
        (3, 40)
    """

    rate: int
    frame: int
    mu: int

    @property
    def features(self) -> int:
        return self.frame

    def read(self, value: Any) -> np.ndarray:
        """Returns a raw input as ``waveform`` does."""
        return waveform(value, self.rate)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """Map ``(time,)`` to ``(ceil(time / frame), frame)``; the last frame is padded with silence."""
        if self.mu:
            samples = np.sign(samples) * np.log1p(self.mu * np.abs(samples)) / math.log1p(self.mu)
        short = -len(samples) % self.frame
        return np.pad(samples, (0, short)).reshape(-1, self.frame).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class LogMel:
    """Standardised log-mel energies: 25 ms windows every 10 ms.

    Attributes:
        rate: Samples per second; sound with another rate is resampled.
        mean: Mean per band over the training data.
        scale: Standard deviation per band.

    Example:
        >>> import numpy as np
        >>> front_end = LogMel.fit([np.random.default_rng(0).normal(size=8_000)], 8_000, 40)
        >>> front_end.frames(np.zeros(8_000)).shape
        (99, 40)
    """

    rate: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, sounds: Sequence[np.ndarray], rate: int, bands: int) -> "LogMel":
        """Returns the front end for training sounds, each a result of ``waveform``."""
        plain = cls(rate, (0.0,) * bands, (1.0,) * bands)
        return cls(rate, *_moments([plain.frames(sound) for sound in sounds]))

    @property
    def features(self) -> int:
        return len(self.mean)

    def read(self, value: Any) -> np.ndarray:
        """Returns a raw input as ``waveform`` does."""
        return waveform(value, self.rate)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """Map ``(time,)`` to ``(windows, bands)``; the last window is padded with silence."""
        window, hop, size = self.rate // 40, self.rate // 100, _transform_size(self.rate)
        short = max(window - len(samples), -(len(samples) - window) % hop)
        views = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, short)), window)[::hop]
        power = np.abs(np.fft.rfft(views * np.hanning(window), size)) ** 2
        energy = np.log(np.maximum(power @ mel_filters(self.rate, self.features), 1e-5))
        return ((energy - self.mean) / np.array(self.scale)).astype(np.float32)


def _transform_size(rate: int) -> int:
    """Returns at least twice the window, so that the narrow low bands have their own frequencies."""
    return 1 << (2 * (rate // 40) - 1).bit_length()


@functools.lru_cache
def mel_filters(rate: int, bands: int) -> np.ndarray:
    """Returns triangular filters ``(frequencies, bands)`` of equal width in mel, from 0 Hz to half of the rate.

    A frequency of f Hz is ``2595 log10(1 + f / 700)`` mel (O'Shaughnessy 1987; the HTK Book, equation 5.13). Each
    filter rises from the centre of the previous filter to 1 at its own centre, and falls to 0 at the centre of the next
    filter.

    Example:
        >>> mel_filters(8_000, 40).shape
        (257, 40)
    """
    highest = 2595 * math.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(_transform_size(rate), 1 / rate)[:, None]
    below, centre, above = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (frequencies - below) / (centre - below), (above - frequencies) / (above - centre)
    return np.maximum(0, np.minimum(rising, falling))


FRONT_ENDS: dict[str, type] = {"numbers": Numbers, "waveform": Waveform, "log_mel": LogMel}


@dataclasses.dataclass(frozen=True)
class SeriesPreprocessor:
    """Map series or sounds to frames of features, and labels to numbers.

    Attributes:
        front_end: Maps raw input to frames.
        labels: The classes, in the order of the model's outputs.
        max_length: Maximum steps of an input; a longer input is an error.

    Example:
        >>> preprocessor = SeriesPreprocessor(Numbers((0.0,), (1.0,)), ("down", "up"), 100)
        >>> preprocessor.encode_input([1, 2, 3]).shape
        (3, 1)
        >>> preprocessor.encode_target("up")
        1
    """

    front_end: Numbers | Waveform | LogMel
    labels: tuple[str, ...]
    max_length: int

    def __post_init__(self):
        object.__setattr__(self, "labels", tuple(self.labels))

    @property
    def features(self) -> int:
        """Number of features per step."""
        return self.front_end.features

    def encode_input(self, value: Any) -> np.ndarray:
        """Returns the frames of a raw input, float32 ``(time, features)``.

        Raises:
            InputError: The input cannot be read, is too long, or has another number of channels than the model.
        """
        frames = self.front_end.frames(self.front_end.read(value))
        if len(frames) > self.max_length:
            raise InputError(f"{len(frames):,} steps: this model takes at most {self.max_length:,}: cut it into parts")
        return frames

    def encode_inputs(self, values: Sequence[Any]) -> list[np.ndarray]:
        """Encode many inputs as ``encode_input`` does."""
        return [self.encode_input(value) for value in values]

    def encode_target(self, label: str) -> int:
        """Returns the index of a label (raises InputError for an unknown one)."""
        return number_of(label, self.labels)

    def to_json(self) -> dict[str, Any]:
        kind = next(kind for kind, front_end in FRONT_ENDS.items() if isinstance(self.front_end, front_end))
        fields = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self.front_end).items()
        }
        return {"front_end": {"kind": kind, **fields}, "labels": list(self.labels), "max_length": self.max_length}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "SeriesPreprocessor":
        """Create a preprocessor from JSON values; checks each key, type and bound.

        Args:
            value: Result of ``to_json``.
            location: Source of the value, for messages.

        Raises:
            WeightsError: A value is invalid; the message names the key.
        """
        expect_fields({"front_end": dict, "labels": list, "max_length": int}, value, location)
        check_names(value, ("labels",), location)
        if not value["labels"] or not 1 <= value["max_length"] <= MAX_STEPS:
            raise WeightsError(f"{location}: expected at least one label, and a max_length of 1 to {MAX_STEPS}")
        front_end = _front_end(value["front_end"], f"{location}.front_end")
        return cls(front_end, tuple(value["labels"]), value["max_length"])


def _front_end(value: dict[str, Any], location: str) -> Numbers | Waveform | LogMel:
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in FRONT_ENDS:
        raise WeightsError(f"{location}.kind: expected one of {', '.join(FRONT_ENDS)}")
    fields = {field.name: field.type for field in dataclasses.fields(FRONT_ENDS[kind])}
    types: dict[str, type] = {name: int if kind is int else list for name, kind in fields.items()}
    expect_fields({"kind": str, **types}, value, location)
    bounds = {"rate": RATES, "frame": (1, 65_536), "mu": (0, 65_535)}
    for name, (low, high) in bounds.items():
        if name in fields and not low <= value[name] <= high:
            raise WeightsError(f"{location}.{name}: expected {low} to {high}")
    if "mean" in fields:
        mean, scale = value["mean"], value["scale"]
        known = all(type(number) in (int, float) and abs(number) <= MAX_FLOAT32 for number in [*mean, *scale])
        max_features = MAX_BANDS if kind == "log_mel" else 65_536
        if not known or not 1 <= len(mean) == len(scale) <= max_features or min(scale) <= 0:
            raise WeightsError(f"{location}: expected mean and scale of each feature, each scale above 0")
    parts = {name: tuple(value[name]) if kind is list else value[name] for name, kind in types.items()}
    return FRONT_ENDS[kind](**parts)
