"""Preprocessors of models that say what comes next: texts by the character, music by the frame."""

import dataclasses
import functools
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing import LONGEST_TEXT, expect_fields

UNSEEN = 0
"""Id of what stands before a text's first known character."""

KEYS = 88
LOWEST = 21
"""Keys of a piano, and the MIDI number of the lowest, an A; the highest is a C, 108."""


@dataclasses.dataclass(frozen=True)
class CharacterPreprocessor:
    """Characters to ids; the i-th of ``symbols`` has the id ``i + 1``, and ``UNSEEN`` stands before the first.

    Attributes:
        symbols: Every character that the model knows, in the order of their ids.
        context: Characters of one training crop, and of one window when a text is scored.
    """

    symbols: tuple[str, ...]
    context: int

    def __post_init__(self):
        object.__setattr__(self, "symbols", tuple(self.symbols))

    @classmethod
    def fit(cls, texts: Iterable[str], context: int) -> "CharacterPreprocessor":
        """Returns a preprocessor that knows every character of the texts."""
        return cls(tuple(sorted({symbol for text in texts for symbol in text})), context)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i + 1 for i, symbol in enumerate(self.symbols)}

    @property
    def size(self) -> int:
        """Number of ids, ``UNSEEN`` included."""
        return len(self.symbols) + 1

    def encode_input(self, text: str) -> np.ndarray:
        """Returns the ids of a text, int32.

        Raises:
            InputError: It is empty, or has a character that the model does not know.
        """
        if not text:
            raise InputError("the text is empty: give at least one character")
        unknown = sorted(set(text) - set(self.symbols))
        if unknown:
            where = text.index(unknown[0])
            raise InputError(
                f"character {where + 1}, {unknown[0]!r}, is unknown to this model; it knows: {''.join(self.symbols)!r}"
            )
        return np.array([self._ids[symbol] for symbol in text], "int32")

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids."""
        return "".join(self.symbols[i - 1] for i in ids)

    def to_json(self) -> dict[str, Any]:
        return {"symbols": list(self.symbols), "context": self.context}

    @classmethod
    def from_json(cls, value: Any, where: str = "spec.preprocessor") -> "CharacterPreprocessor":
        """Makes a preprocessor from what ``to_json`` returned (raises WeightsError that names the key)."""
        expect_fields({"symbols": list, "context": int}, value, where)
        symbols = value["symbols"]
        single = all(isinstance(symbol, str) and len(symbol) == 1 for symbol in symbols)
        if not symbols or not single or len(set(symbols)) != len(symbols):
            raise WeightsError(f"{where}.symbols: expected single characters, each once")
        if not 2 <= value["context"] <= LONGEST_TEXT:
            raise WeightsError(f"{where}.context: expected 2 to {LONGEST_TEXT}")
        return cls(tuple(symbols), value["context"])


@dataclasses.dataclass(frozen=True)
class MusicPreprocessor:
    """Piano rolls: which of a piano's 88 keys sound in each frame.

    A piece is ``(time, 88)`` zeros and ones, key 0 the lowest; or, which JSON can hold, a list of frames
    that are lists of MIDI note numbers; or that as JSON text.
    """

    def encode_input(self, piece: Any) -> np.ndarray:
        """Returns a piece as float32 zeros and ones, ``(time, 88)``.

        Raises:
            InputError: It is empty, or not a piece.
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
        """Returns the MIDI note numbers of each frame of ``(time, 88)``, the lowest first."""
        return [(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll]

    def to_json(self) -> dict[str, Any]:
        return {"keys": KEYS, "lowest": LOWEST}

    @classmethod
    def from_json(cls, value: Any, where: str = "spec.preprocessor") -> "MusicPreprocessor":
        """Makes a preprocessor from what ``to_json`` returned (raises WeightsError for another keyboard)."""
        expect_fields({"keys": int, "lowest": int}, value, where)
        if value != cls().to_json():
            raise WeightsError(f"{where}: expected the {KEYS} keys of a piano, the lowest {LOWEST}")
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
