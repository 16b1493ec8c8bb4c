"""Map texts to subword ids, flat or as sentences of words."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.byte_subwords import ByteSubwords, tokenizer_from_json
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, check_names, expect_fields, expect_text, number_of
from zoo.preprocessing.subwords import Subwords

MAX_NGRAMS = 2**20


@dataclasses.dataclass(frozen=True)
class TextPreprocessor:
    """Map texts to ids, and labels to numbers.

    Attributes:
        tokenizer: Splits a text into subwords.
        labels: The classes, in the order of the model's outputs.
        max_length: Maximum number of ids of a text. Of a longer text, the first third of the input comes from the
            beginning and the rest from the end, because opinions are summed up at the end (Sun et al. 2019, arXiv
            1905.05583, section 5.3.1).
        sentences: ``None`` for flat texts. Otherwise the maximum ids per sentence; a longer sentence continues as a
            further one. The first ``max_length`` ids of these texts are read.
        ngrams: Number of rows for pairs of ids in the head's model of n-grams; 0 if it has none.

    Example:
        >>> preprocessor = TextPreprocessor(Subwords.learn(["a good film", "a bad film"], 40), ("bad", "good"), 64)
        >>> preprocessor.encode_target("good")
        1
        >>> "".join(preprocessor.tokens(preprocessor.encode_input("A bad film")))
        'a bad film '
    """

    tokenizer: Subwords | ByteSubwords
    labels: tuple[str, ...]
    max_length: int
    sentences: int | None = None
    ngrams: int = 0

    def __post_init__(self):
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(set(self.labels)) != len(self.labels):
            raise InputError("the labels must differ from each other")
        if not 1 <= self.max_length <= 1_000_000:
            raise InputError(f"max_length {self.max_length}: give 1 to 1,000,000")

    @property
    def size(self) -> int:
        """Number of ids, including the two reserved ones."""
        return self.tokenizer.size

    @property
    def first(self) -> int:
        """Number of ids from the beginning of a text longer than ``max_length``."""
        return self.max_length if self.sentences else self.max_length // 3

    def encode_input(self, text: str) -> list[int] | list[list[int]]:
        """Returns the ids of a text, at most ``max_length``; with ``sentences``, a list per sentence.

        Raises:
            InputError: The text has nothing to read.
        """
        return self.encode_inputs([text])[0]

    def encode_inputs(self, texts: Sequence[str]) -> list:
        """Encode many texts as ``encode_input`` does; runs on all cores."""
        for text in texts:
            expect_text(text)
        if self.sentences is None:
            rows = self.tokenizer.encode_batch(texts)
            for text, row in zip(texts, rows, strict=True):
                if not row or not text.strip():
                    raise InputError(f"{text[:40]!r}: no word to read: give a text")
            rows = [[*self.tokenizer.prefix, *row] for row in rows]
            max_ids = self.max_length
            return [row if len(row) <= max_ids else row[: self.first] + row[self.first - max_ids :] for row in rows]
        split = [split_sentences(text) for text in texts]
        flat = iter(self.tokenizer.encode_batch([sentence for parts in split for sentence in parts]))
        documents = []
        for text, parts in zip(texts, split, strict=True):
            max_ids = self.sentences
            rows = [ids[i : i + max_ids] for ids in (next(flat) for _ in parts) for i in range(0, len(ids), max_ids)]
            if not rows:
                raise InputError(f"{text[:40]!r}: no word to read: give a text")
            kept, total = [], 0
            for row in rows:
                row = row[: self.max_length - total]
                total += len(row)
                if row:
                    kept.append(row)
            documents.append(kept)
        return documents

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Returns the subwords of ids, with the space between words."""
        return self.tokenizer.tokens(ids)

    def cut(self, texts: Sequence[str]) -> int:
        """Returns the number of texts longer than the model's input."""
        return sum(len(ids) > self.max_length for ids in self.tokenizer.encode_batch(texts))

    def encode_target(self, label: str) -> int:
        """Returns the index of a label (raises InputError for an unknown one)."""
        return number_of(label, self.labels)

    def to_json(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer.to_json(),
            "labels": list(self.labels),
            "max_length": self.max_length,
            "sentences": self.sentences,
            **({"ngrams": self.ngrams} if self.ngrams else {}),
        }

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "TextPreprocessor":
        """Create a preprocessor from JSON values; checks each key, type and bound.

        Args:
            value: Result of ``to_json``.
            location: Source of the value, for messages.

        Raises:
            WeightsError: A value is invalid; the message names the key.
        """
        fields: dict[str, type] = {"tokenizer": dict, "labels": list, "max_length": int, "sentences": int}
        if isinstance(value, dict) and "ngrams" in value:
            fields["ngrams"] = int
        flat = isinstance(value, dict) and value.get("sentences", 0) is None
        expect_fields(fields, {**value, "sentences": 1} if flat else value, location)
        check_names(value, ("labels",), location)
        if not value["labels"]:
            raise WeightsError(f"{location}.labels: expected at least one")
        for key, number in (("max_length", value["max_length"]), ("sentences", value["sentences"] or 1)):
            if not 1 <= number <= MAX_TEXT_LENGTH:
                raise WeightsError(f"{location}.{key}: expected 1 to {MAX_TEXT_LENGTH}")
        if not 0 <= value.get("ngrams", 0) <= MAX_NGRAMS:
            raise WeightsError(f"{location}.ngrams: expected 0 to {MAX_NGRAMS}")
        return cls(**{**value, "tokenizer": tokenizer_from_json(value["tokenizer"], f"{location}.tokenizer")})


def split_sentences(text: str) -> list[str]:
    """Split a text after full stops, question marks and exclamation marks, and at line ends.

    Example:
        >>> split_sentences("It starts well. Does it end well?")
        ['It starts well.', 'Does it end well?']
    """
    return [part for part in re.split(r"(?<=[.!?])\s+|\s*\n+\s*|<br\s*/?>", text) if part.strip()]
