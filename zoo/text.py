"""Texts to subword ids, flat or as sentences of words, through Hugging Face's ``tokenizers``."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.errors import InputError
from zoo.preprocessing import PAD

UNKNOWN = 1
SPECIAL = ("[PAD]", "[UNK]")


@dataclasses.dataclass(frozen=True)
class TextPreprocessor:
    """Texts to ids, and numbers to labels.

    Attributes:
        tokenizer: A tokenizer's state as ``tokenizers`` writes it: plain JSON, lowercasing included.
        labels: The classes, in the order of the model's outputs.
        max_length: Most ids of a text that are read.
        sentences: ``None`` for a flat text; for one of sentences, most ids of a sentence that are read.
    """

    tokenizer: dict[str, Any]
    labels: tuple[str, ...]
    max_length: int
    sentences: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(set(self.labels)) != len(self.labels):
            raise InputError("the labels must differ from each other")
        if not 1 <= self.max_length <= 1_000_000:
            raise InputError(f"max_length {self.max_length}: give 1 to 1,000,000")

    @functools.cached_property
    def _tokenizer(self):
        from tokenizers import Tokenizer

        try:
            return Tokenizer.from_str(json.dumps(self.tokenizer))
        except Exception as error:  # the library raises plain exceptions, whatever is wrong
            raise InputError(f"the tokenizer is damaged: {error}") from None

    @functools.cached_property
    def size(self) -> int:
        """Number of ids, the two reserved ones included."""
        return self._tokenizer.get_vocab_size()

    def encode_input(self, text: str) -> list[int] | list[list[int]]:
        """Returns the ids of a text, at most ``max_length``; with ``sentences``, a list for each of them.

        Raises:
            InputError: There is nothing in the text that could be read.
        """
        return self.encode_inputs([text])[0]

    def encode_inputs(self, texts: Sequence[str]) -> list:
        """``encode_input`` for many texts, on all cores."""
        for text in texts:
            if not isinstance(text, str):
                raise InputError(f"{str(text)[:40]!r} is not a text: give strings")
        if self.sentences is None:
            rows = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
            for text, row in zip(texts, rows, strict=True):
                if not row:
                    raise InputError(f"{text[:40]!r}: no word to read: give a text")
            return [row[: self.max_length] for row in rows]
        split = [split_sentences(text) for text in texts]
        flat = iter(self._tokenizer.encode_batch_fast([sentence for parts in split for sentence in parts]))
        documents = []
        for text, parts in zip(texts, split, strict=True):
            rows = [ids[: self.sentences] for ids in (next(flat).ids for _ in parts) if ids]
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

    def cut(self, texts: Sequence[str]) -> int:
        """Returns how many of the texts are longer than what is read of them."""
        return sum(len(e.ids) > self.max_length for e in self._tokenizer.encode_batch_fast(list(texts)))

    def encode_target(self, label: str) -> int:
        """Returns the number of a label (raises InputError for an unknown one)."""
        if label not in self.labels:
            shown = ", ".join(map(repr, self.labels[:20])) + (", ..." if len(self.labels) > 20 else "")
            raise InputError(f"label {label!r} is unknown to this model; it knows: {shown}")
        return self.labels.index(label)

    def to_json(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer,
            "labels": list(self.labels),
            "max_length": self.max_length,
            "sentences": self.sentences,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TextPreprocessor":
        return cls(**value)


def split_sentences(text: str) -> list[str]:
    """Splits a text behind full stops, question and exclamation marks, and at line ends."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\s*\n+\s*|<br\s*/?>", text) if part.strip()]


def learn_tokenizer(texts: Iterable[str], vocabulary: int) -> dict[str, Any]:
    """Learns byte-pair subwords (Sennrich et al. 2016, arXiv 1508.07909) from lowercased texts.

    Args:
        texts: The training texts.
        vocabulary: Most ids; small data give fewer, for a subword has to occur twice.

    Returns:
        The tokenizer's state as plain JSON.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace("<br />", " "), normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        end_of_word_suffix="</w>",
        limit_alphabet=500,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.token_to_id(SPECIAL[PAD]) == PAD
    return json.loads(tokenizer.to_str())
