"""Sounds and series of numbers as users hand them over."""

import dataclasses
import math
import os
import struct
import warnings
from typing import Any

import numpy as np

from zoo.errors import InputError

RATES = (1_000, 192_000)  # samples a second that are taken for sound
MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """One recording.

    Attributes:
        samples: ``(time,)``, whole numbers or floats, in any unit: loudness is taken out before it is read.
        rate: Samples a second.
        name: Its file, for messages.
    """

    samples: np.ndarray
    rate: int
    name: str = ""

    def tobytes(self) -> bytes:
        """Returns what tells it from other recordings."""
        return f"{self.rate}\t".encode() + self.samples.tobytes()

    def __str__(self) -> str:
        return self.name or f"{len(self.samples) / self.rate:.2f} s of sound"


def read_wav(path: str | os.PathLike) -> Sound:
    """Reads a .wav file of whole numbers (8 to 32 bits) or floats; of several channels the mean.

    Raises:
        InputError: It cannot be read, is empty, cut off, no sound, or has samples that are not finite.
    """
    from scipy.io import wavfile

    name = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # parts that it need not understand
            warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
            rate, samples = wavfile.read(name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file: give the path of a .wav file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}): give a .wav file that you may read") from None
    except (ValueError, struct.error, TypeError, UnboundLocalError, ZeroDivisionError, wavfile.WavFileWarning):
        raise InputError(f"{name}: not a whole .wav file of plain samples: convert it (sox in out.wav)") from None
    if samples.dtype == np.uint8:
        samples = samples.astype(np.int16) - 128  # 8 bits have no sign, silence is 128
    if samples.ndim == 2:
        samples = samples.mean(axis=1, dtype=np.float32)
    if not len(samples):
        raise InputError(f"{name}: has no samples: give a recording that is not empty")
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{name}: {rate:,} samples a second: resample it to one of {RATES[0]:,} to {RATES[1]:,}")
    sound = Sound(samples, int(rate), name)
    _check_finite(samples, f"{name}: ")
    return sound


def _check_finite(values: np.ndarray, location: str = "") -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = " of channel ".join(str(i + 1) for i in bad[0])
        raise InputError(
            f"{location}step {place} is {values[tuple(bad[0])]}, not a finite number:"
            " fill the gap or take the series out"
        )


def waveform(value: Any, rate: int) -> np.ndarray:
    """Returns sound as float32 ``(time,)`` at a rate, its largest sample 1 or -1.

    Args:
        value: The path of a .wav file; a ``Sound``, resampled if its rate is another; or samples at that rate,
            an array or a list.
        rate: Samples a second.

    Raises:
        InputError: There is no sound in it, or a sample is not finite.
    """
    sound = read_wav(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(sound, Sound):
        sound = Sound(numbers(sound), rate)
        if sound.samples.ndim == 2 and sound.samples.shape[1] == 1:
            sound = Sound(sound.samples[:, 0], rate)
    if sound.samples.ndim != 1:
        raise InputError(f"samples of shape {sound.samples.shape}: give one row of them, (time,)")
    samples = sound.samples.astype(np.float32)
    if sound.rate != rate:
        from scipy.signal import resample_poly

        common = math.gcd(sound.rate, rate)
        samples = resample_poly(samples, rate // common, sound.rate // common).astype(np.float32)
    return loud(samples)


def loud(samples: np.ndarray) -> np.ndarray:
    """Returns samples scaled so that the largest is 1 or -1; silence stays."""
    return samples / max(float(np.abs(samples).max()), 1e-12)


def numbers(value: Any) -> np.ndarray:
    """Returns a series as an array of numbers, ``(time,)`` or ``(time, channels)``.

    Args:
        value: An array or lists of numbers; or a text with the steps between commas, channels between colons,
            as a line of a ``.ts`` file without its label.

    Raises:
        InputError: It is none of these, is empty, or has a value that is not finite.
    """
    if isinstance(value, str):
        value = _parsed(value)
    try:
        array = np.asarray(value)
        array = array if array.dtype.kind in "iuf" else array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{str(value)[:40]!r} is not a series: give an array of numbers, (time, channels)") from None
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(f"a series of shape {array.shape}: give (time, channels), at least one step")
    # What is beyond float32 would become infinite in it.
    _check_finite(np.where(np.abs(array) <= MAX_FLOAT32, array, np.where(np.isnan(array), np.nan, np.inf)))
    return array


def _parsed(text: str) -> np.ndarray:
    channels = [part.split(",") for part in text.split(":")]
    if len({len(channel) for channel in channels}) > 1:
        raise InputError(f"{text[:40]!r}: its channels differ in length: give each as many steps")
    try:
        return np.array([[float(step) for step in channel] for channel in channels]).T
    except ValueError:
        raise InputError(
            f"{text[:40]!r} is not a series: write numbers between commas, channels between colons"
        ) from None


def as_channels(series: np.ndarray) -> np.ndarray:
    """Returns a series as float32 ``(time, channels)``."""
    return np.asarray(series if series.ndim == 2 else series[:, None], np.float32)
