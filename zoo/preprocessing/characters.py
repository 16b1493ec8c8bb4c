"""Texts as sequences of characters."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, expect_fields, expect_text

UNSEEN = 0
"""Id of the start token."""


@dataclasses.dataclass(frozen=True)
class CharacterPreprocessor:
    """Map characters to ids: the i-th of ``symbols`` has the id ``i + 1``, and ``UNSEEN`` is the start token.

    Attributes:
        symbols: Every known character, in the order of the ids.
        context: Characters per training crop, and per window when a text is scored.

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
    """Id of the start token."""
    first_output = 1
    """Id of the first logit; no logit stands for ``UNSEEN``."""
    tied = False
    """Whether the output layer shares its kernel with the embedding."""

    def __post_init__(self):
        object.__setattr__(self, "symbols", tuple(self.symbols))

    @classmethod
    def fit(cls, texts: Iterable[str], context: int) -> "CharacterPreprocessor":
        """Returns a preprocessor with every character of the texts."""
        return cls(tuple(sorted({symbol for text in texts for symbol in text})), context)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i + 1 for i, symbol in enumerate(self.symbols)}

    @property
    def size(self) -> int:
        """Number of ids, including ``UNSEEN``."""
        return len(self.symbols) + 1

    def encode_input(self, text: str) -> np.ndarray:
        """Returns the ids of a text, int32.

        Raises:
            InputError: The text is empty, or has an unknown character.
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
        """Yield the text of ids part by part; ``begins`` has no effect for characters."""
        return map(self.decode, parts)

    def units(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the units to count per id: characters."""
        return {"characters": np.ones(len(ids), "int32")}

    def symbol(self, output: int) -> str:
        """Returns the text of an output."""
        return self.symbols[output]

    def extended(self, texts: Iterable[str]) -> "CharacterPreprocessor":
        """Returns a preprocessor with the characters of other texts added after its own."""
        new = {symbol for text in texts for symbol in text} - set(self.symbols)
        return dataclasses.replace(self, symbols=(*self.symbols, *sorted(new)))

    def to_json(self) -> dict[str, Any]:
        return {"symbols": list(self.symbols), "context": self.context}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "CharacterPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        expect_fields({"symbols": list, "context": int}, value, location)
        symbols = value["symbols"]
        single = all(isinstance(symbol, str) and len(symbol) == 1 for symbol in symbols)
        if not symbols or not single or len(set(symbols)) != len(symbols):
            raise WeightsError(f"{location}.symbols: expected single characters, each once")
        if not 2 <= value["context"] <= MAX_TEXT_LENGTH:
            raise WeightsError(f"{location}.context: expected 2 to {MAX_TEXT_LENGTH}")
        return cls(tuple(symbols), value["context"])
