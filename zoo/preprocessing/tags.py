"""Spans of words as tags: ``B-`` begins a span, ``I-`` continues it, ``O`` is outside (Ramshaw & Marcus 1995)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.byte_subwords import ByteSubwords, tokenizer_from_json
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, check_names, expect_fields, expect_text
from zoo.preprocessing.subwords import UNKNOWN, Subwords


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Returns tags in which every span begins with ``B-``.

    An ``I-`` that follows no tag of its kind begins a span, as in conlleval and seqeval, and becomes ``B-``. Tags
    without these prefixes are returned unchanged.

    Example:
        >>> to_iob2(["O", "I-city", "I-city"])
        ['O', 'B-city', 'I-city']
    """
    before = ["O", *tags]
    return [
        f"B-{tag[2:]}" if tag.startswith("I-") and last not in (f"B-{tag[2:]}", tag) else tag
        for last, tag in zip(before, tags, strict=False)
    ]


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Returns the spans of tags as (kind, first, last), as in ``to_iob2``; any other tag is a span of one word.

    Example:
        >>> sorted(spans(["O", "B-city", "I-city", "B-date"]))
        [('city', 1, 2), ('date', 3, 3)]
    """
    result, kind, first = set(), None, 0
    for i, tag in enumerate([*to_iob2(tags), "O"]):
        inside = tag.startswith("I-")
        if kind is not None and not inside:
            result.add((kind, first, i - 1))
            kind = None
        if tag != "O" and not inside:
            kind, first = tag.removeprefix("B-"), i
    return result


def viterbi_decode(likelihoods: np.ndarray, tags: Sequence[str]) -> list[int]:
    """Returns the most likely tags of a sentence among those in which every span begins with ``B-``.

    Independent choices per word may continue a span that never began. This is the algorithm of Viterbi (1967) with
    allowed and forbidden transitions: an ``I-`` may only follow its own kind, and any other tag may follow every tag.
    The cost per step is therefore linear in the number of tags, not quadratic.

    Args:
        likelihoods: Log-likelihoods or logits of the tags per word, ``(words, tags)``, with at least one word.
        tags: Names of the tags; every ``I-`` must have its ``B-``.

    Example:
        >>> import numpy as np
        >>> viterbi_decode(np.array([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]), ["O", "B-city", "I-city"])
        [1, 2]
    """
    places = {tag: i for i, tag in enumerate(tags)}
    inside = np.array([i for i, tag in enumerate(tags) if tag.startswith("I-")], int)
    begins = np.array([places[f"B-{tags[i][2:]}"] for i in inside], int)
    score = likelihoods[0].astype(float)
    score[inside] = -np.inf
    sources = []
    for likely in likelihoods[1:]:
        source = np.full(len(tags), score.argmax())
        source[inside] = np.where(score[inside] > score[begins], inside, begins)
        sources.append(source)
        score = score[source] + likely
    path = [int(score.argmax())]
    for source in reversed(sources):
        path.append(int(source[path[-1]]))
    return path[::-1]


@dataclasses.dataclass(frozen=True)
class TagPreprocessor:
    """Map sentences of words to subword ids, and space-separated tags with a label after a tab to numbers.

    Attributes:
        tokenizer: Splits single words into subwords.
        tags: Every tag, in the order of the model's outputs.
        labels: Every sentence label; empty if the data have only tags.
        max_length: Maximum subwords of a sentence. A longer one is an error because each word needs a tag.
        lookahead: Whether a word is represented by its last subword, and by that of the next word. This is for models
            that read from left to right, which have not seen the rest of the sentence. Otherwise it is represented by
            its first subword.

    Example:
        >>> words = Subwords.learn(["fly to rome", "fly to oslo"], 60, words=True)
        >>> preprocessor = TagPreprocessor(words, ("O", "B-city"), ("flight",), 32)
        >>> preprocessor.encode_target("O O B-city\\tflight")
        ([0, 0, 1], 0)
        >>> len(preprocessor.encode_input("fly to rome")[1])
        3
    """

    tokenizer: Subwords | ByteSubwords
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    max_length: int
    lookahead: bool = False

    def __post_init__(self):
        object.__setattr__(self, "tags", tuple(self.tags))
        object.__setattr__(self, "labels", tuple(self.labels))

    @property
    def size(self) -> int:
        """Number of ids, including the two reserved ones."""
        return self.tokenizer.size

    def encode_input(self, text: str) -> tuple[list[int], list[int]]:
        """Returns the ids of a sentence's subwords, and the position of each word's first or last subword.

        Raises:
            InputError: The sentence is empty or too long.
        """
        words = expect_text(text).split()
        if not words:
            raise InputError("the sentence is empty: give at least one word")
        encoding = self.tokenizer.library.encode(words, is_pretokenized=True)
        if len(encoding.ids) > self.max_length:
            raise InputError(
                f"{text[:40]!r} has {len(encoding.ids):,} subwords, this model takes at most {self.max_length}"
            )
        places_of: dict[int, int] = {}
        for place, word in enumerate(encoding.word_ids):
            if word is not None and (self.lookahead or word not in places_of):
                places_of[word] = place
        ids = encoding.ids
        for word in range(len(words)):
            if word not in places_of:  # a word that the tokenizer reduces to nothing still gets a position
                places_of[word] = len(ids)
                ids = [*ids, UNKNOWN]
        places = [places_of[word] for word in range(len(words))]
        prefix = self.tokenizer.prefix
        return [*prefix, *ids], [place + len(prefix) for place in places]

    def encode_target(self, target: str) -> tuple[list[int], int]:
        """Returns the numbers of the tags and of the label (0 if there are no labels).

        Raises:
            InputError: A tag or label is unknown, or the label is missing.
        """
        tag_text, _, label = target.partition("\t")
        tags = to_iob2(tag_text.split())
        for tag in tags:
            if tag not in self.tags:
                raise InputError(f"tag {tag!r} is unknown to this model: it is in none of the training rows")
        if self.labels and label not in self.labels:
            raise InputError(f"label {label!r} is unknown to this model; it knows: {', '.join(self.labels[:20])}")
        return [self.tags.index(tag) for tag in tags], self.labels.index(label) if self.labels else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "tokenizer": self.tokenizer.to_json(),
            "tags": list(self.tags),
            "labels": list(self.labels),
            "max_length": self.max_length,
            **({"lookahead": True} if self.lookahead else {}),
        }

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "TagPreprocessor":
        """Create a preprocessor, as ``TextPreprocessor.from_json`` does."""
        fields = {"tokenizer": dict, "tags": list, "labels": list, "max_length": int}
        optional = {"lookahead": bool} if isinstance(value, dict) and "lookahead" in value else {}
        expect_fields(fields | optional, value, location)
        check_names(value, ("tags", "labels"), location)
        if not value["tags"] or not 1 <= value["max_length"] <= MAX_TEXT_LENGTH:
            raise WeightsError(f"{location}: expected at least one tag, and a max_length of 1 to {MAX_TEXT_LENGTH}")
        for tag in value["tags"]:
            if tag.startswith("I-") and f"B-{tag[2:]}" not in value["tags"]:
                raise WeightsError(f"{location}.tags: expected B-{tag[2:]} beside {tag}")
        return cls(**{**value, "tokenizer": tokenizer_from_json(value["tokenizer"], f"{location}.tokenizer")})
