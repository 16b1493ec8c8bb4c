"""Byte-pair subwords, learned and applied by Hugging Face's ``tokenizers``."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.errors import WeightsError
from zoo.preprocessing.fields import expect_fields
from zoo.preprocessing.symbols import PAD

UNKNOWN = 1
SPECIAL = ("[PAD]", "[UNK]")
SAMPLED = 2_000  # sample size for the share of unknown subwords
WORD_END = "</w>"  # suffix of a subword that ends a word


@dataclasses.dataclass(frozen=True)
class Subwords:
    """A tokenizer of lowercased text (Sennrich et al. 2016, arXiv 1508.07909).

    Attributes:
        subwords: Every subword, in the order of the ids; the first two are ``SPECIAL``.
        merges: Pairs of subwords with a space between them, in the order in which they are joined.
        words: Whether words are separated by spaces only; otherwise punctuation marks are words too.

    Example:
        >>> subwords = Subwords.learn(["low lower lowest", "new newer newest"], 40)
        >>> ids = subwords.encode_batch(["Lowest"])[0]
        >>> "".join(subwords.subwords[i] for i in ids)
        'lowest</w>'
    """

    subwords: tuple[str, ...]
    merges: tuple[str, ...]
    words: bool

    prefix = ()
    """Ids before a text."""

    @functools.cached_property
    def library(self):
        """The ``tokenizers.Tokenizer`` with these merges.

        The library has further parts, for example patterns that never finish on some texts. An untrusted record must
        not choose what runs, so these are fixed here.
        """
        from tokenizers import Tokenizer, models

        ids = {subword: number for number, subword in enumerate(self.subwords)}
        merges = [(left, right) for left, right in (pair.split(" ") for pair in self.merges)]
        model = models.BPE(vocab=ids, merges=merges, unk_token=SPECIAL[UNKNOWN], end_of_word_suffix=WORD_END)
        return _with_rules(Tokenizer(model), self.words)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text; runs on all cores."""
        return [encoding.ids for encoding in self.library.encode_batch_fast(list(texts))]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Returns the subwords of ids, with a space after each that ends a word."""
        return [self.subwords[i].replace(WORD_END, " ") for i in ids]

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.subwords)

    def unknown_share(self, texts: Sequence[str] | Sequence[list[str]]) -> float:
        """Returns the share of unknown subwords in texts, or in lists of words; reads only a sample of many texts."""
        sample = texts[:: max(1, len(texts) // SAMPLED)]
        encodings = self.library.encode_batch_fast(list(sample), is_pretokenized=self.words)
        unknown = sum(encoding.ids.count(UNKNOWN) for encoding in encodings)
        return unknown / max(1, sum(len(encoding.ids) for encoding in encodings))

    def to_json(self) -> dict[str, Any]:
        return {"subwords": list(self.subwords), "merges": list(self.merges), "words": self.words}

    @classmethod
    def from_json(cls, value: Any, location: str) -> "Subwords":
        """Create a tokenizer from the result of ``to_json`` (raises WeightsError that names the key)."""
        expect_fields({"subwords": list, "merges": list, "words": bool}, value, location)
        for key in ("subwords", "merges"):
            if not all(isinstance(text, str) for text in value[key]):
                raise WeightsError(f"{location}.{key}: expected texts")
        known = set(value["subwords"])
        if len(known) != len(value["subwords"]) or tuple(value["subwords"][:2]) != SPECIAL or "" in known:
            raise WeightsError(f"{location}.subwords: expected {', '.join(SPECIAL)} and others, each once")
        # A pair that leads to no subword makes the library read beyond its arrays and panic.
        for pair in value["merges"]:
            parts = pair.split(" ")
            if len(parts) != 2 or not {*parts, "".join(parts)} <= known:
                raise WeightsError(f"{location}.merges: {pair[:100]!a} is not two subwords that make another one")
        return cls(tuple(value["subwords"]), tuple(value["merges"]), value["words"])

    @classmethod
    def learn(cls, texts: Iterable[str], size: int, words: bool = False) -> "Subwords":
        """Learn subwords from texts.

        Args:
            texts: The training texts.
            size: Maximum number of ids. Small data give fewer because a subword has to occur twice.
            words: See the attribute.
        """
        from tokenizers import Tokenizer, models, trainers

        tokenizer = _with_rules(Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], end_of_word_suffix=WORD_END)), words)
        texts = list(texts)
        # The library numbers word-final letters in the order of a hash table, which differs between processes. It
        # orders equally frequent merges by these numbers. As reserved tokens, the letters have fixed numbers.
        ends = re.compile(r"\S(?!\S)" if words else r"\w(?!\w)|[^\w\s]")
        letters = {letter for text in texts for letter in ends.findall(tokenizer.normalizer.normalize_str(text))}
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            special_tokens=[*SPECIAL, *(letter + WORD_END for letter in sorted(letters))],
            end_of_word_suffix=WORD_END,
            limit_alphabet=500,
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        assert tokenizer.token_to_id(SPECIAL[PAD]) == PAD
        model = json.loads(tokenizer.to_str())["model"]
        subwords = sorted(model["vocab"], key=model["vocab"].__getitem__)
        return cls(tuple(subwords), tuple(" ".join(pair) for pair in model["merges"]), words)


def _with_rules(tokenizer, words: bool):
    """Set the tokenizer to lowercase its texts and split them into words."""
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace("<br />", " "), normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if words else pre_tokenizers.BertPreTokenizer()
    return tokenizer
