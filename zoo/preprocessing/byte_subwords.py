"""Byte-level subwords: every text can be encoded, and decoding returns the same text."""

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.errors import WeightsError
from zoo.preprocessing.fields import expect_fields
from zoo.preprocessing.subwords import Subwords

SPECIAL = ("[PAD]", "[SEP]")
SEPARATOR = 1
"""Id of the separator before a text and between two texts."""
MAX_SUBWORD = 1_000  # maximum bytes per subword


@functools.cache
def _alphabet() -> tuple[str, ...]:
    """Returns a printable character for each byte, in the library's order (Radford et al. 2019)."""
    from tokenizers import pre_tokenizers

    return tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))


@dataclasses.dataclass(frozen=True)
class ByteSubwords:
    """Byte-pair encoding over UTF-8 bytes (Radford et al. 2019, "Language models are unsupervised multitask learners").

    Case and punctuation are kept. A word includes the space before it. A space is added before the first word, so a
    word has the same ids at every position. Texts are normalised to Unicode's form NFC.

    Attributes:
        merges: Pairs of subwords with a space between them, in the order in which they are joined. The ids are
            ``[PAD]``, ``[SEP]``, the 256 bytes and the results of the merges, without duplicates.

    Example:
        >>> subwords = ByteSubwords.learn(["low lower lowest", "new newer newest"], size=280)
        >>> subwords.decode(subwords.encode_batch(["newest 猫"])[0])
        'newest 猫'
    """

    merges: tuple[str, ...]

    prefix = (SEPARATOR,)
    """Ids before a text, as in the training of the language model."""

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.subwords)

    @functools.cached_property
    def subwords(self) -> tuple[str, ...]:
        """Every subword in the order of the ids; each byte is written as a printable character."""
        joined = (pair.replace(" ", "", 1) for pair in self.merges)
        return tuple(dict.fromkeys((*SPECIAL, *_alphabet(), *joined)))

    @functools.cached_property
    def library(self):
        """The ``tokenizers.Tokenizer`` with these merges."""
        from tokenizers import Tokenizer, models

        ids = {subword: number for number, subword in enumerate(self.subwords)}
        merges = [(left, right) for left, right in (pair.split(" ") for pair in self.merges)]
        return _with_rules(Tokenizer(models.BPE(vocab=ids, merges=merges)))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text; runs on all cores."""
        return [encoding.ids for encoding in self.library.encode_batch_fast(list(texts), add_special_tokens=False)]

    def unknown_share(self, texts: Sequence) -> float:
        """Returns 0, because bytes can encode every text."""
        return 0.0

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids without the first space; a character with missing bytes becomes U+FFFD."""
        text = self.pieces(ids).decode("utf-8", "replace")
        return text[1:] if text.startswith(" ") else text

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Returns the subwords of ids as text, each with the space before it."""
        return [self._bytes[i].decode("utf-8", "replace") for i in ids]

    def pieces(self, ids: Iterable[int]) -> bytes:
        """Returns the bytes of ids, without those of ``SPECIAL``."""
        return b"".join(self._bytes[i] for i in ids)

    @functools.cached_property
    def _bytes(self) -> tuple[bytes, ...]:
        # The alphabet is sorted by character: printable bytes stand for themselves, the others are above U+0100.
        own = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in own]
        byte_of = {chr(byte): byte for byte in own} | {chr(256 + i): byte for i, byte in enumerate(others)}
        return (b"",) * len(SPECIAL) + tuple(bytes(byte_of[c] for c in word) for word in self.subwords[len(SPECIAL) :])

    def to_json(self) -> dict[str, Any]:
        """Returns the merges, which define everything else."""
        return {"merges": list(self.merges)}

    @classmethod
    def from_json(cls, value: Any, location: str) -> "ByteSubwords":
        """Create a tokenizer from the result of ``to_json``.

        Raises:
            WeightsError: The value is invalid; the message names ``location`` and the key.
        """
        expect_fields({"merges": list}, value, location)
        known = set(_alphabet())
        # A pair that leads to no subword makes the library read beyond its arrays and panic.
        for pair in value["merges"]:
            parts = pair.split(" ") if isinstance(pair, str) else []
            if len(parts) != 2 or not {*parts} <= known or len("".join(parts)) > MAX_SUBWORD:
                raise WeightsError(f"{location}.merges: {str(pair)[:100]!a} does not join two subwords")
            known.add("".join(parts))
        return cls(tuple(value["merges"]))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "ByteSubwords":
        """Learn subwords from texts; the same texts in the same order give the same subwords.

        Args:
            texts: The training texts.
            size: Maximum number of ids, at least 258. Small data give fewer because a pair has to occur twice.
        """
        from tokenizers import Tokenizer, models, trainers

        tokenizer = _with_rules(Tokenizer(models.BPE()))
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            special_tokens=list(SPECIAL),
            initial_alphabet=list(_alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        result = cls(tuple(" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]))
        assert all(tokenizer.token_to_id(subword) == i for i, subword in enumerate(result.subwords))
        return result


def tokenizer_from_json(value: Any, location: str) -> "Subwords | ByteSubwords":
    """Returns the tokenizer that a JSON state describes.

    Raises:
        WeightsError: The value is invalid; the message names ``location`` and the key.
    """
    kind = Subwords if isinstance(value, dict) and "subwords" in value else ByteSubwords
    return kind.from_json(value, location)


def _with_rules(tokenizer):
    """Split texts into words, each with the space before it, and words into bytes."""
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    return tokenizer
