"""Map sentences to subwords of one vocabulary for two languages, and back to plain text."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.byte_subwords import SPECIAL, ByteSubwords
from zoo.preprocessing.fields import expect_fields, expect_text
from zoo.preprocessing.symbols import END, RESERVED, START

SHIFT = RESERVED - len(SPECIAL)  # id of a subword for a decoder minus its id in the vocabulary
MAX_SUBWORDS = 1_024  # maximum subwords of a sentence that a record may allow


@dataclasses.dataclass(frozen=True)
class SentenceTokenizer:
    """Byte-level subwords behind the padding, start and end tokens of a decoder.

    Case, punctuation and spaces are kept: decoding the ids of a text gives the same text.

    Attributes:
        subwords: The vocabulary.

    Example:
        >>> subwords = ByteSubwords.learn(["A man rides.", "Ein Mann fährt."], size=280)
        >>> tokenizer = SentenceTokenizer(subwords)
        >>> tokenizer.decode(tokenizer.encode("Ein Mann, A man!"))
        'Ein Mann, A man!'
    """

    subwords: ByteSubwords

    separator = ""
    """Text between two subwords."""

    @property
    def size(self) -> int:
        """Number of ids, including padding, start and end token."""
        return self.subwords.size + SHIFT

    def check_beam_size(self, beam_size: int) -> None:
        """Raise InputError for a number of beams that is not from 1 to the number of subwords."""
        if not 1 <= beam_size <= self.size:
            raise InputError(f"beam size {beam_size}: give 1 to {self.size}")

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, without start and end token (raises InputError if it is empty)."""
        text = text.strip()
        if not text:
            raise InputError("the text is empty: give a sentence")
        return [i + SHIFT for i in self.subwords.encode_batch([text])[0]]

    def split(self, text: str) -> list[str]:
        """Returns the subwords of a text, each with the space before it."""
        return self.subwords.tokens(i - SHIFT for i in self.encode(text)) if text.strip() else []

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids up to the first end token, without padding and start token."""
        written = []
        for i in ids:
            if i == END:
                break
            if i >= RESERVED:
                written.append(i - SHIFT)
        return self.subwords.decode(written)

    def fragments(self, text: str) -> tuple[str, int, int]:
        """Returns the characters that the vocabulary lacks, and the number of their bytes and of all subwords.

        A character is lacking if no subword holds all its bytes.
        """
        ids = self.subwords.encode_batch([text.strip()])[0]
        lacking, count = b"", 0
        for i in ids:
            piece = self.subwords.pieces([i])
            try:
                piece.decode("utf-8")
            except UnicodeDecodeError:
                lacking, count = lacking + piece, count + 1
        return "".join(lacking.decode("utf-8", "ignore").split()), count, len(ids)


@dataclasses.dataclass(frozen=True)
class TranslationPreprocessor:
    """Sentences of two languages with one joint vocabulary.

    Attributes:
        tokenizer: Tokenizer of both languages.
        max_source: Maximum input length in subwords; a longer input is an error and is never cut.
        max_target: Maximum output length in subwords.

    Example:
        >>> subwords = ByteSubwords.learn(["a man", "ein Mann"], size=258)
        >>> preprocessor = TranslationPreprocessor(SentenceTokenizer(subwords), 20, 20)
        >>> len(preprocessor.encode_input("a man")), len(preprocessor.encode_target("ein Mann"))
        (7, 11)
    """

    tokenizer: SentenceTokenizer
    max_source: int
    max_target: int

    @property
    def source(self) -> SentenceTokenizer:
        """Tokenizer of the input."""
        return self.tokenizer

    @property
    def target(self) -> SentenceTokenizer:
        """Tokenizer of the output."""
        return self.tokenizer

    def encode_input(self, text: str) -> list[int]:
        """Returns the ids of a sentence, with the end token (raises InputError if it is empty or too long)."""
        ids = self.tokenizer.encode(expect_text(text))
        if len(ids) > self.max_source:
            raise _too_long(text, len(ids), f"this model reads at most {self.max_source}: give one sentence at a time")
        return [*ids, END]

    def symbols(self, text: str) -> list[str]:
        """Returns the subwords of an input."""
        return self.source.split(text)

    def encode_target(self, text: str) -> list[int]:
        """Returns the ids of a translation, with start and end token (raises InputError if empty or too long)."""
        ids = self.tokenizer.encode(expect_text(text))
        if len(ids) > self.max_target:
            raise _too_long(text, len(ids), f"this model writes at most {self.max_target}: shorten it")
        return [START, *ids, END]

    def note(self, text: str) -> str | None:
        """Returns a note on characters that were not in the training texts, or ``None``."""
        lacking, _, _ = self.tokenizer.fragments(text)
        if not lacking:
            return None
        return f"{lacking[:20]!r}: not in the model's vocabulary: read byte by byte, and hardly translated"

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Returns the share of subwords that are parts of lacking characters."""
        result = [self.tokenizer.fragments(text)[1:] for text in texts]
        return sum(count for count, _ in result) / max(1, sum(total for _, total in result))

    def to_json(self) -> dict[str, Any]:
        lengths = {"max_source": self.max_source, "max_target": self.max_target}
        return {"tokenizer": self.tokenizer.subwords.to_json(), **lengths}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "TranslationPreprocessor":
        """Create a preprocessor from JSON values; checks each key, type and bound.

        Args:
            value: Result of ``to_json``.
            location: Source of the value, for messages.

        Raises:
            WeightsError: A value is invalid; the message names the key.
        """
        expect_fields({"tokenizer": dict, "max_source": int, "max_target": int}, value, location)
        for key in ("max_source", "max_target"):
            if not 1 <= value[key] <= MAX_SUBWORDS:
                raise WeightsError(f"{location}.{key}: expected 1 to {MAX_SUBWORDS}")
        subwords = ByteSubwords.from_json(value["tokenizer"], f"{location}.tokenizer")
        return cls(SentenceTokenizer(subwords), value["max_source"], value["max_target"])


def _too_long(text: str, length: int, limit: str) -> InputError:
    shown = text.strip() if len(text.strip()) <= 40 else text.strip()[:37] + "..."
    return InputError(f"{shown!r} has {length:,} subwords, {limit}")
