"""Texts as byte-level subwords, for language models."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.fields import LONGEST_TEXT, expect_fields


@dataclasses.dataclass(frozen=True)
class SubwordTextPreprocessor:
    """Texts to ids of byte-level subwords and back.

    Attributes:
        tokenizer: The subwords.
        context: Subwords of one training window, and of one window when a text is scored.
    """

    tokenizer: ByteSubwords
    context: int

    start = SEPARATOR
    """Id of what stands before a text's first subword."""
    first_output = 0
    """Id that the first logit stands for."""
    tied = True
    """Whether the model's output layer is its embedding."""

    @property
    def size(self) -> int:
        """Number of ids, the reserved ones included."""
        return self.tokenizer.size

    def encode_input(self, text: str) -> np.ndarray:
        """Returns the ids of a text, int32 ``(time,)``.

        Raises:
            InputError: It is not a text, or empty.
        """
        if not isinstance(text, str):
            raise InputError(f"{str(text)[:40]!r} is not a text: give strings")
        if not text:
            raise InputError("the text is empty: give at least one character")
        return np.array(self.tokenizer.encode_batch([text])[0], "int32")

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids."""
        return self.tokenizer.decode(ids)

    def units(self, ids: np.ndarray) -> dict[str, int]:
        """Returns how many bytes of UTF-8 and how many words, split at white space, ids stand for."""
        pieces = self.tokenizer.pieces(ids)
        return {"bytes": len(pieces), "words": len(pieces.split())}

    def symbol(self, number: int) -> str:
        """Returns the text that an output stands for."""
        return self.tokenizer.pieces([number]).decode("utf-8", "replace")

    def to_json(self) -> dict[str, Any]:
        """Returns what ``from_json`` takes."""
        return {"tokenizer": self.tokenizer.to_json(), "context": self.context}

    @classmethod
    def from_json(cls, value: Any, where: str = "spec.preprocessor") -> "SubwordTextPreprocessor":
        """Makes a preprocessor from what ``to_json`` returned (raises WeightsError that names the key)."""
        expect_fields({"tokenizer": dict, "context": int}, value, where)
        if not 2 <= value["context"] <= LONGEST_TEXT:
            raise WeightsError(f"{where}.context: expected 2 to {LONGEST_TEXT}")
        return cls(ByteSubwords.from_json(value["tokenizer"], f"{where}.tokenizer"), value["context"])
