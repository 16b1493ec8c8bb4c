"""Texts by the character."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, expect_fields, expect_text

UNSEEN = 0
"""Id of what stands before a text's first known character."""


@dataclasses.dataclass(frozen=True)
class CharacterPreprocessor:
    """Characters to ids; the i-th of ``symbols`` has the id ``i + 1``, and ``UNSEEN`` stands before the first.

    Attributes:
        symbols: Every character that the model knows, in the order of their ids.
        context: Characters of one training crop, and of one window when a text is scored.

    Example:
        >>> characters = CharacterPreprocessor.fit(["banana"], 64)
        >>> characters.symbols
        ('a', 'b', 'n')
        >>> characters.decode(characters.encode_input("nab"))
        'nab'
    """

    symbols: tuple[str, ...]
    context: int

    start = UNSEEN
    """Id of what stands before a text's first character."""
    first_output = 1
    """Id that the first logit stands for: none stands for ``UNSEEN``."""
    tied = False
    """Whether the model's output layer is its embedding."""

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
        if not expect_text(text):
            raise InputError("the text is empty: give at least one character")
        unknown = sorted(set(text) - set(self.symbols))
        if unknown:
            position = text.index(unknown[0])
            raise InputError(
                f"character {position + 1}, {unknown[0]!r}, is unknown to this model;"
                f" it knows: {''.join(self.symbols)!r}"
            )
        return np.array([self._ids[symbol] for symbol in text], "int32")

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids."""
        return "".join(self.symbols[i - 1] for i in ids)

    def decode_parts(self, parts: Iterable[np.ndarray], begins: bool) -> Iterator[str]:
        """Yield the text of ids that come part by part; ``begins`` is of no account for characters."""
        return map(self.decode, parts)

    def units(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what a text is counted by, for each id: its characters."""
        return {"characters": np.ones(len(ids), "int32")}

    def symbol(self, output: int) -> str:
        """Returns the text that an output stands for."""
        return self.symbols[output]

    def extended(self, texts: Iterable[str]) -> "CharacterPreprocessor":
        """Returns a preprocessor that also knows the characters of other texts, behind its own."""
        new = {symbol for text in texts for symbol in text} - set(self.symbols)
        return dataclasses.replace(self, symbols=(*self.symbols, *sorted(new)))

    def to_json(self) -> dict[str, Any]:
        return {"symbols": list(self.symbols), "context": self.context}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "CharacterPreprocessor":
        """Make a preprocessor from what ``to_json`` returned (raises WeightsError that names the key)."""
        expect_fields({"symbols": list, "context": int}, value, location)
        symbols = value["symbols"]
        single = all(isinstance(symbol, str) and len(symbol) == 1 for symbol in symbols)
        if not symbols or not single or len(set(symbols)) != len(symbols):
            raise WeightsError(f"{location}.symbols: expected single characters, each once")
        if not 2 <= value["context"] <= MAX_TEXT_LENGTH:
            raise WeightsError(f"{location}.context: expected 2 to {MAX_TEXT_LENGTH}")
        return cls(tuple(symbols), value["context"])
