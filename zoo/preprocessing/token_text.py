"""Texts as byte-level subwords, for language models."""

import codecs
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.characters import CharacterPreprocessor
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, expect_fields


@dataclasses.dataclass(frozen=True)
class SubwordTextPreprocessor:
    """Map texts to ids of byte-level subwords and back.

    Attributes:
        tokenizer: The subwords.
        context: Subwords per training window, and per window when a text is scored.

    Example:
        >>> from zoo.preprocessing.byte_subwords import ByteSubwords
        >>> preprocessor = SubwordTextPreprocessor(ByteSubwords.learn(["low lower lowest"], size=270), 64)
        >>> preprocessor.decode(preprocessor.encode_input("a low wall"))
        'a low wall'
    """

    tokenizer: ByteSubwords
    context: int

    start = SEPARATOR
    """Id before the first subword of a text."""
    first_output = 0
    """Id of the first logit."""
    tied = True
    """Whether the output layer shares its kernel with the embedding."""

    @property
    def size(self) -> int:
        """Number of ids, including the reserved ones."""
        return self.tokenizer.size

    def encode_input(self, text: str) -> np.ndarray:
        """Returns the ids of a text, int32 ``(time,)``.

        Raises:
            InputError: The value is not a text, or is empty.
        """
        if not isinstance(text, str):
            raise InputError(f"{str(text)[:40]!r} is not a text: give strings")
        if not text:
            raise InputError("the text is empty: give at least one character")
        return np.array(self.tokenizer.encode_batch([text])[0], "int32")

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids."""
        return self.tokenizer.decode(ids)

    def decode_parts(self, parts: Iterable[np.ndarray], begins: bool) -> Iterator[str]:
        """Yield the text of ids part by part, up to the first separator.

        Args:
            parts: Ids in parts; a character may be cut between two parts.
            begins: Whether the text begins with them; the space before its first word is then left out.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for part in parts:
            ends = np.flatnonzero(part == SEPARATOR)
            text = decoder.decode(self.tokenizer.pieces(part[: ends[0]] if len(ends) else part), final=len(ends) > 0)
            yield text[1:] if begins and text.startswith(" ") else text
            begins = False
            if len(ends):
                return

    def units(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the units to count per id ``(time,)``: subwords, UTF-8 bytes and beginnings of words.

        Words are separated by white space.
        """
        size, words, inside = np.zeros(len(ids), "int32"), np.zeros(len(ids), "int32"), False
        for i, number in enumerate(ids):
            piece = self.tokenizer.pieces([number])
            size[i], parts = len(piece), len(piece.split())
            words[i] = parts - (inside and not piece[:1].isspace() and parts > 0)
            inside = bool(piece) and not piece[-1:].isspace()
        size[:1] -= 1  # the space before the first word is not part of the text
        return {"subwords": np.ones(len(ids), "int32"), "bytes": size, "words": words}

    def symbol(self, output: int) -> str:
        """Returns the text of an output."""
        return self.tokenizer.pieces([output]).decode("utf-8", "replace")

    def extended(self, texts: Iterable[str]) -> "SubwordTextPreprocessor":
        """Returns the same preprocessor, because its subwords can encode any text."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Returns the state for ``from_json``."""
        return {"tokenizer": self.tokenizer.to_json(), "context": self.context}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "SubwordTextPreprocessor":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        expect_fields({"tokenizer": dict, "context": int}, value, location)
        if not 2 <= value["context"] <= MAX_TEXT_LENGTH:
            raise WeightsError(f"{location}.context: expected 2 to {MAX_TEXT_LENGTH}")
        return cls(ByteSubwords.from_json(value["tokenizer"], f"{location}.tokenizer"), value["context"])


def text_preprocessor(value: Any, location: str) -> CharacterPreprocessor | SubwordTextPreprocessor:
    """Returns the preprocessor that a JSON state describes (raises WeightsError that names the key)."""
    kind = SubwordTextPreprocessor if isinstance(value, dict) and "tokenizer" in value else CharacterPreprocessor
    return kind.from_json(value, location)
