"""Piano rolls: music as a sequence of frames."""

import dataclasses
import json
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import expect_fields

KEYS = 88
LOWEST = 21
"""Keys of a piano, and the MIDI number of the lowest, an A; the highest is a C, 108."""


@dataclasses.dataclass(frozen=True)
class MusicPreprocessor:
    """Piano rolls: which of a piano's 88 keys sound in each frame.

    A piece is an array ``(time, 88)`` of zeros and ones, with key 0 the lowest. It may also be a list of frames, each a
    list of MIDI note numbers, or that list as JSON text.

    Example:
        >>> roll = MusicPreprocessor().encode_input([[60, 64], [67]])
        >>> roll.shape
        (2, 88)
        >>> MusicPreprocessor().decode(roll)
        [[60, 64], [67]]
    """

    def encode_input(self, piece: Any) -> np.ndarray:
        """Returns a piece as float32 zeros and ones, ``(time, 88)``.

        Raises:
            InputError: The value is empty, or not a piece.
        """
        if isinstance(piece, str):
            try:
                piece = json.loads(piece)
            except (ValueError, RecursionError):
                raise InputError(f"{piece[:40]!r}: not JSON: give frames of MIDI notes, [[60, 64, 67], [62]]") from None
        if isinstance(piece, np.ndarray):
            if piece.ndim != 2 or piece.shape[1] != KEYS or not np.isin(piece, (0, 1)).all():
                raise InputError(f"a piece of shape {piece.shape}: give zeros and ones, (time, {KEYS})")
            roll = piece.astype("float32")
        else:
            roll = _roll(piece)
        if not len(roll):
            raise InputError("the piece is empty: give at least one frame")
        return roll

    def decode(self, roll: np.ndarray) -> list[list[int]]:
        """Returns the MIDI note numbers of each frame of ``(time, 88)``, lowest first."""
        return [(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll]

    def to_json(self) -> dict[str, Any]:
        return {"keys": KEYS, "lowest": LOWEST}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "MusicPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError for another keyboard)."""
        expect_fields({"keys": int, "lowest": int}, value, location)
        if value != cls().to_json():
            raise WeightsError(f"{location}: expected the {KEYS} keys of a piano, the lowest {LOWEST}")
        return cls()


def _roll(frames: Any) -> np.ndarray:
    if not isinstance(frames, list) or not all(isinstance(frame, list) for frame in frames):
        raise InputError("a piece is a list of frames, each a list of MIDI notes: [[60, 64, 67], [62]]")
    roll = np.zeros((len(frames), KEYS), "float32")
    for i, frame in enumerate(frames):
        for note in frame:
            if type(note) is not int or not LOWEST <= note < LOWEST + KEYS:
                raise InputError(
                    f"frame {i + 1}: {str(note)[:20]!r} is not a MIDI note of a piano: give {LOWEST} to"
                    f" {LOWEST + KEYS - 1}"
                )
            roll[i, note - LOWEST] = 1
    return roll
