"""Sounds and series of numbers in the forms that users have."""

import dataclasses
import io
import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from zoo.data.lines import refuse_special
from zoo.errors import InputError

RATES = (1_000, 192_000)  # minimum and maximum sample rate
ENDINGS = (".wav", ".flac", ".ogg")
MAX_CHANNELS = 64
MAX_SAMPLES = 30_000_000  # ten minutes at 48 kHz
HEADER = 4_096  # the chunk of samples begins within this number of bytes
PIECE = 1 << 16  # samples per read
MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """A recording.

    Attributes:
        samples: ``(time,)``, whole numbers or floats, in any unit because loudness is normalised later.
        rate: Samples per second.
        name: File name, for messages.
    """

    samples: np.ndarray
    rate: int
    name: str = ""

    def tobytes(self) -> bytes:
        """Returns a key that identifies the recording."""
        return f"{self.rate}\t".encode() + self.samples.tobytes()

    def __str__(self) -> str:
        return self.name or f"{len(self.samples) / self.rate:.2f} s of sound"


def is_sound_name(name: str) -> bool:
    """Returns whether a file name has an extension that ``read_wav`` supports."""
    return name.lower().endswith(ENDINGS)


def read_wav(path: str | os.PathLike) -> Sound:
    """Read a sound file: .wav in any coding, .flac or .ogg; several channels are averaged.

    An incomplete recording, or one whose header has no length, is read to its end.

    Raises:
        InputError: The file cannot be read, is empty or not a sound, is too long, or has samples that are not finite.
    """
    import soundfile

    name = os.fspath(path)
    try:
        refuse_special(name, name)
        with open(name, "rb") as file, soundfile.SoundFile(_with_size(file)) as sound:
            rate, samples = sound.samplerate, _samples(sound, name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file: give the path of a .wav file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}): give a .wav file that you may read") from None
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).rpartition(": ")[2][:80]
        raise InputError(f"{name}: not a sound file ({reason}): convert it (sox in out.wav)") from None
    if not len(samples):
        raise InputError(f"{name}: has no samples: give a recording that is not empty")
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"{name}: {rate:,} samples per second: resample it to one of {RATES[0]:,} to {RATES[1]:,}")
    _check_finite(samples, f"{name}: ")
    return Sound(samples, int(rate), name)


def _with_size(file: BinaryIO) -> BinaryIO:
    """Returns a file to read sound from; corrects the size of a streamed .wav whose header says 0 bytes."""
    start = file.read(HEADER)
    file.seek(0)
    data = start.find(b"data\0\0\0\0")
    if start[:4] not in (b"RIFF", b"RIFX") or data < 12:
        return file
    whole = file.read(MAX_SAMPLES)
    size = struct.pack("<I" if start[:4] == b"RIFF" else ">I", max(0, len(whole) - data - 8))
    return io.BytesIO(whole[: data + 4] + size + whole[data + 8 :])


_WHOLE = {"PCM_S8": "int16", "PCM_U8": "int16", "PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32"}
"""Data types of integer codings; all others are floats."""


def _samples(sound: Any, name: str) -> np.ndarray:
    """Returns the samples of an open sound file ``(time,)``, read in pieces because the header may be wrong."""
    dtype = _WHOLE.get(sound.subtype, "float64" if sound.subtype == "DOUBLE" else "float32")
    if sound.channels > MAX_CHANNELS:
        raise InputError(f"{name}: {sound.channels} channels: give at most {MAX_CHANNELS}")
    pieces, size = [], 0
    while len(piece := sound.read(PIECE, dtype=dtype)):
        pieces.append(piece if piece.ndim == 1 else piece.mean(axis=1, dtype=np.float32))
        size += len(piece)
        if size > MAX_SAMPLES:
            raise InputError(f"{name}: more than {MAX_SAMPLES:,} samples: cut it into parts")
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype)


def _check_finite(values: np.ndarray, location: str = "") -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = " of channel ".join(str(i + 1) for i in bad[0])
        raise InputError(
            f"{location}step {place} is {values[tuple(bad[0])]}, not a finite number: fill the gap or remove the series"
        )


def waveform(value: Any, rate: int) -> np.ndarray:
    """Returns sound as float32 ``(time,)`` at a sample rate, scaled to a maximum of 1.

    Args:
        value: Path of a .wav file; a ``Sound``, resampled if necessary; or samples at that rate, as an array or a list.
        rate: Samples per second.

    Raises:
        InputError: The value has no sound, or a sample is not finite.
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
    """Returns samples scaled to a maximum of 1; silence is unchanged."""
    return samples / max(float(np.abs(samples).max()), 1e-12)


def numbers(value: Any) -> np.ndarray:
    """Returns a series as an array of numbers, ``(time,)`` or ``(time, channels)``.

    Args:
        value: An array or lists of numbers; or a text with commas between steps and colons between channels, as in a
            line of a ``.ts`` file without its label.

    Raises:
        InputError: The value is none of these, is empty, or has a number that is not finite.
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
    # Values beyond float32 would become infinite.
    _check_finite(np.where(np.abs(array) <= MAX_FLOAT32, array, np.where(np.isnan(array), np.nan, np.inf)))
    return array


def _parsed(text: str) -> np.ndarray:
    channels = [part.split(",") for part in text.split(":")]
    if len({len(channel) for channel in channels}) > 1:
        raise InputError(f"{text[:40]!r}: its channels differ in length: give each the same number of steps")
    try:
        return np.array([[float(step) for step in channel] for channel in channels]).T
    except ValueError:
        raise InputError(
            f"{text[:40]!r} is not a series: write numbers between commas, channels between colons"
        ) from None


def as_channels(series: np.ndarray) -> np.ndarray:
    """Returns a series as float32 ``(time, channels)``."""
    return np.asarray(series if series.ndim == 2 else series[:, None], np.float32)
