"""Texts to subword ids, flat or as sentences of words, through Hugging Face's ``tokenizers``."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from zoo.errors import InputError, WeightsError
from zoo.preprocessing import LONGEST_TEXT, PAD, check_names, expect_fields, number_of

UNKNOWN = 1
SPECIAL = ("[PAD]", "[UNK]")
WORD_END = "</w>"  # written behind a subword that ends a word


@dataclasses.dataclass(frozen=True)
class TextPreprocessor:
    """Texts to ids, and numbers to labels.

    Attributes:
        tokenizer: A tokenizer's state as ``tokenizers`` writes it: plain JSON, lowercasing included.
        labels: The classes, in the order of the model's outputs.
        max_length: Most ids of a text that are read.
        sentences: ``None`` for a flat text; for one of sentences, most ids of a sentence: a longer one goes on
            as another.
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
        return read_tokenizer(self.tokenizer)

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
            most = self.sentences
            rows = [ids[i : i + most] for ids in (next(flat).ids for _ in parts) for i in range(0, len(ids), most)]
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
        """Returns the subwords of ids, a blank behind each that ends a word."""
        return [self._tokenizer.id_to_token(i).replace(WORD_END, " ") for i in ids]

    def cut(self, texts: Sequence[str]) -> int:
        """Returns how many of the texts are longer than what is read of them."""
        return sum(len(e.ids) > self.max_length for e in self._tokenizer.encode_batch_fast(list(texts)))

    def encode_target(self, label: str) -> int:
        """Returns the number of a label (raises InputError for an unknown one)."""
        return number_of(label, self.labels)

    def to_json(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer,
            "labels": list(self.labels),
            "max_length": self.max_length,
            "sentences": self.sentences,
        }

    @classmethod
    def from_json(cls, value: Any, where: str = "spec.preprocessor") -> "TextPreprocessor":
        """Makes a preprocessor from JSON values, each checked by key, type and bound.

        Args:
            value: What ``to_json`` returned.
            where: Where it came from, for messages.

        Raises:
            WeightsError: Names the key.
        """
        fields: dict[str, type] = {"tokenizer": dict, "labels": list, "max_length": int, "sentences": int}
        flat = isinstance(value, dict) and value.get("sentences", 0) is None
        expect_fields(fields, {**value, "sentences": 1} if flat else value, where)
        check_names(value, ("labels",), where)
        if not value["labels"]:
            raise WeightsError(f"{where}.labels: expected at least one")
        for key, number in (("max_length", value["max_length"]), ("sentences", value["sentences"] or 1)):
            if not 1 <= number <= LONGEST_TEXT:
                raise WeightsError(f"{where}.{key}: expected 1 to {LONGEST_TEXT}")
        check_tokenizer(value["tokenizer"], f"{where}.tokenizer")
        return cls(**value)


# What ``learn_tokenizer`` is made of. The library knows more: patterns, for instance, that take for ever on
# some texts; a stranger's record gets no say in what runs.
_PARTS = {
    "model": {"BPE"},
    "normalizer": {"Sequence", "Replace", "NFKC", "Lowercase"},
    "pre_tokenizer": {"BertPreTokenizer", "WhitespaceSplit"},
}


def check_tokenizer(state: dict[str, Any], where: str) -> None:
    """Raises WeightsError for a tokenizer that is damaged, or has parts that the zoo's own do not have."""
    for key in ("truncation", "padding", "post_processor", "decoder"):
        if state.get(key) is not None:
            raise WeightsError(f"{where}.{key}: not used by the zoo's tokenizers")
    for key, known in _PARTS.items():
        part = state.get(key)
        parts = [part, *part.get("normalizers", [])] if isinstance(part, dict) else []
        if not parts or not all(isinstance(one, dict) and one.get("type") in known for one in parts):
            raise WeightsError(f"{where}.{key}: expected one of {', '.join(sorted(known))}")
        if any(set(one.get("pattern", {"String": ""})) != {"String"} for one in parts):
            raise WeightsError(f"{where}.{key}: only plain texts are replaced, no patterns")
    model = state["model"]
    vocabulary, merges = model.get("vocab"), model.get("merges")
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else [None]
    if not all(type(number) is int for number in ids) or sorted(ids) != list(range(len(ids))):
        raise WeightsError(f"{where}.model.vocab: expected each subword with a number of its own, from 0 on")
    # The library reads pairs that lead to no subword beyond its arrays, and panics.
    if not isinstance(merges, list) or not all(_merges_within(pair, vocabulary) for pair in merges):
        raise WeightsError(f"{where}.model.merges: expected pairs of subwords that make another one")
    if model.get("continuing_subword_prefix") is not None or model.get("dropout") is not None:
        raise WeightsError(f"{where}.model: neither a prefix of subwords nor dropout is used by the zoo's tokenizers")
    try:
        size = read_tokenizer(state).get_vocab_size()
    except InputError as error:
        raise WeightsError(f"{where}: {str(error)[:200]!r}") from None
    if size != len(vocabulary):
        raise WeightsError(f"{where}.added_tokens: a token that is not among the subwords")


def _merges_within(pair: Any, vocabulary: dict[str, int]) -> bool:
    texts = isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
    return texts and {*pair, "".join(pair)} <= vocabulary.keys()


@dataclasses.dataclass(frozen=True)
class TagPreprocessor:
    """Sentences of words between blanks to subword ids; tags between blanks, and a label behind a tab, to numbers.

    Attributes:
        tokenizer: A tokenizer's state, of words that are given apart.
        tags: Every tag, in the order of the model's outputs.
        labels: Every label of a sentence; none if the data have only tags.
        max_length: Most subwords of a sentence; a longer one is an error, for each word must get its tag.
    """

    tokenizer: dict[str, Any]
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    max_length: int

    def __post_init__(self):
        object.__setattr__(self, "tags", tuple(self.tags))
        object.__setattr__(self, "labels", tuple(self.labels))

    @functools.cached_property
    def _tokenizer(self):
        return read_tokenizer(self.tokenizer)

    @functools.cached_property
    def size(self) -> int:
        """Number of ids, the two reserved ones included."""
        return self._tokenizer.get_vocab_size()

    def encode_input(self, text: str) -> tuple[list[int], list[int]]:
        """Returns the ids of a sentence's subwords, and the position of each word's first one.

        Raises:
            InputError: The sentence is empty or too long.
        """
        words = text.split()
        if not words:
            raise InputError("the sentence is empty: give at least one word")
        encoding = self._tokenizer.encode(words, is_pretokenized=True)
        if len(encoding.ids) > self.max_length:
            raise InputError(
                f"{text[:40]!r} has {len(encoding.ids):,} subwords, this model takes at most {self.max_length}"
            )
        first: dict[int, int] = {}
        for place, word in enumerate(encoding.word_ids):
            first.setdefault(word, place)
        ids = encoding.ids
        for word in range(len(words)):
            if word not in first:  # a word of nothing that the tokenizer keeps still has its place
                first[word] = len(ids)
                ids = [*ids, UNKNOWN]
        return ids, [first[word] for word in range(len(words))]

    def encode_target(self, target: str) -> tuple[list[int], int]:
        """Returns the numbers of the tags and of the label (0 if there are no labels).

        Raises:
            InputError: A tag or label is unknown, or the label is missing.
        """
        said, _, label = target.partition("\t")
        for tag in said.split():
            if tag not in self.tags:
                raise InputError(f"tag {tag!r} is unknown to this model: it is in none of the training rows")
        if self.labels and label not in self.labels:
            raise InputError(f"label {label!r} is unknown to this model; it knows: {', '.join(self.labels[:20])}")
        return [self.tags.index(tag) for tag in said.split()], self.labels.index(label) if self.labels else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer,
            "tags": list(self.tags),
            "labels": list(self.labels),
            "max_length": self.max_length,
        }

    @classmethod
    def from_json(cls, value: Any, where: str = "spec.preprocessor") -> "TagPreprocessor":
        """As ``TextPreprocessor.from_json``."""
        expect_fields({"tokenizer": dict, "tags": list, "labels": list, "max_length": int}, value, where)
        check_names(value, ("tags", "labels"), where)
        if not value["tags"] or not 1 <= value["max_length"] <= LONGEST_TEXT:
            raise WeightsError(f"{where}: expected at least one tag, and a max_length of 1 to {LONGEST_TEXT}")
        check_tokenizer(value["tokenizer"], f"{where}.tokenizer")
        return cls(**value)


def read_tokenizer(state: dict[str, Any]):
    """Returns a tokenizer from its state (raises InputError if it is damaged)."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(json.dumps(state))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # whatever is wrong: plain exceptions, and panics, which are none
        raise InputError(f"the tokenizer is damaged: {error}") from None


def split_sentences(text: str) -> list[str]:
    """Splits a text behind full stops, question and exclamation marks, and at line ends."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\s*\n+\s*|<br\s*/?>", text) if part.strip()]


def learn_tokenizer(texts: Iterable[str], vocabulary: int, words: bool = False) -> dict[str, Any]:
    """Learns byte-pair subwords (Sennrich et al. 2016, arXiv 1508.07909) from lowercased texts.

    Args:
        texts: The training texts.
        vocabulary: Most ids; small data give fewer, for a subword has to occur twice.
        words: Whether words are what stands between blanks; if not, marks are words too.

    Returns:
        The tokenizer's state as plain JSON.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], end_of_word_suffix=WORD_END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace("<br />", " "), normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if words else pre_tokenizers.BertPreTokenizer()
    texts = list(texts)
    # The library numbers the letters that end a word in the order of a hash table, another one in each process, and
    # equally frequent merges in the order of those numbers. Given as reserved tokens, they have theirs from the start.
    ends = re.compile(r"\S(?!\S)" if words else r"\w(?!\w)|[^\w\s]")
    letters = {letter for text in texts for letter in ends.findall(tokenizer.normalizer.normalize_str(text))}
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[*SPECIAL, *(letter + WORD_END for letter in sorted(letters))],
        end_of_word_suffix=WORD_END,
        limit_alphabet=500,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.token_to_id(SPECIAL[PAD]) == PAD
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIAL]
    return state
