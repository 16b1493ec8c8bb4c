"""Map raw text to arrays and back; the parameters are plain data in JSON."""

import dataclasses
import functools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from zoo.data.unicode_forms import commonest_form, fold
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, expect_fields, expect_text

PAD, START, END = 0, 1, 2
RESERVED = 3


@dataclasses.dataclass(frozen=True)
class SymbolTokenizer:
    """Map text to ids, symbol by symbol: the letters of a word, or phones between spaces.

    Ids 0, 1 and 2 are padding, start and end; symbol ``i`` has the id ``i + 3``.

    Attributes:
        symbols: Every symbol, in the order of the ids.
        separator: Text between two symbols: ``""`` for letters, ``" "`` for phones.
        lowercase: Whether text is lowercased first.
        form: Unicode normal form of the symbols, ``"NFC"`` or ``"NFD"``; text is converted to it.
        graphemes: Whether a letter and its marks are one symbol (``split_graphemes``), if there is no separator.

    Example:
        >>> tokenizer = SymbolTokenizer.fit(["K AE T", "D AO G"], separator=" ")
        >>> tokenizer.encode("D AE T")
        [5, 3, 8]
        >>> tokenizer.decode([6, 4, 8])
        'G AO T'
    """

    symbols: tuple[str, ...]
    separator: str = ""
    lowercase: bool = False
    form: Literal["NFC", "NFD"] = "NFC"
    graphemes: bool = False

    def __post_init__(self):
        object.__setattr__(self, "symbols", tuple(self.symbols))
        if len(self._ids) != len(self.symbols):
            raise InputError("a tokenizer's symbols must differ from each other")

    @classmethod
    def fit(
        cls, texts: Iterable[str], separator: str = "", lowercase: bool = False, graphemes: bool = False
    ) -> "SymbolTokenizer":
        """Returns a tokenizer with every symbol of the texts, sorted, in the most frequent normal form."""
        texts = list(texts)
        empty = cls((), separator, lowercase, commonest_form(texts), graphemes)
        return dataclasses.replace(empty, symbols=tuple(sorted({s for text in texts for s in empty.split(text)})))

    @property
    def size(self) -> int:
        """Number of ids, including the three reserved ones."""
        return len(self.symbols) + RESERVED

    def check_beam_size(self, beam_size: int) -> None:
        """Raise InputError for a number of beams that is not from 1 to the number of symbols."""
        if beam_size < 1:
            raise InputError("beam size must be at least 1")
        if beam_size > self.size:
            raise InputError(f"beam size {beam_size}: at most {self.size} for this model")

    def split(self, text: str) -> list[str]:
        """Returns the symbols of a text; repeated separators and spaces count once."""
        text = unicodedata.normalize(self.form, text.lower() if self.lowercase else text)
        if self.separator == " ":
            return text.split()
        return split_graphemes(text.strip()) if self.graphemes else list(text.strip())

    def folded(self, text: str) -> str:
        """Returns a text with unknown characters replaced by known ones, as ``zoo.data.unicode_forms.fold`` does."""
        if self.separator or not self.symbols:
            return text
        text = unicodedata.normalize(self.form, text.strip().lower() if self.lowercase else text.strip())
        return fold(text, self._characters.__contains__)

    def read_as(self, text: str) -> str | None:
        """Returns the replacement for a text with unknown characters; ``None`` if nothing is replaced."""
        if all(symbol in self._ids for symbol in self.split(text)):
            return None
        replacement = self.folded(text)
        return replacement if replacement and all(symbol in self._ids for symbol in self.split(replacement)) else None

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i + RESERVED for i, symbol in enumerate(self.symbols)}

    @functools.cached_property
    def _characters(self) -> set[str]:
        return set("".join(self.symbols))

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, without start and end token.

        Raises:
            InputError: The text is empty, or has an unknown symbol.
        """
        symbols = self.split(text)
        if any(s not in self._ids for s in symbols):
            symbols = self.split(self.folded(text)) or symbols
        if not symbols:
            raise InputError("the text is empty: give at least one symbol")
        unknown = sorted({s for s in symbols if s not in self._ids})
        if unknown:
            shown = " ".join(self.symbols[:60]) + (" ..." if len(self.symbols) > 60 else "")
            raise InputError(
                f"{_shorten(text)!r} has {', '.join(map(repr, unknown[:5]))}, unknown to this model; it knows: {shown}"
            )
        return [self._ids[s] for s in symbols]

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ids up to the first end token, without padding and start token."""
        symbols = []
        for i in ids:
            if i == END:
                break
            if i >= RESERVED:
                symbols.append(self.symbols[i - RESERVED])
        return self.separator.join(symbols)

    def extend(self, texts: Iterable[str]) -> "SymbolTokenizer":
        """Returns a tokenizer that also has the texts' new symbols; the old ones keep their ids."""
        new = sorted({s for text in texts for s in self.split(text)} - set(self.symbols))
        return dataclasses.replace(self, symbols=(*self.symbols, *new))

    def to_json(self) -> dict[str, Any]:
        fields = ("separator", "lowercase", "form", "graphemes")
        return {"symbols": list(self.symbols), **{name: getattr(self, name) for name in fields}}

    @classmethod
    def from_json(cls, value: Any, location: str) -> "SymbolTokenizer":
        """Create a tokenizer from the result of ``to_json`` (raises WeightsError that names the key)."""
        if isinstance(value, dict):
            value = {"form": "NFC", "graphemes": False, **value}  # missing in older records
        fields = {"symbols": list, "separator": str, "lowercase": bool, "form": str, "graphemes": bool}
        expect_fields(fields, value, location)
        symbols = value["symbols"]
        if not all(isinstance(symbol, str) and symbol for symbol in symbols) or len(set(symbols)) != len(symbols):
            raise WeightsError(f"{location}.symbols: expected texts that are not empty, each once")
        if value["separator"] not in ("", " "):
            raise WeightsError(f"{location}.separator: expected nothing or a blank")
        if value["form"] not in ("NFC", "NFD"):
            raise WeightsError(f"{location}.form: expected NFC or NFD")
        return cls(**value)


@dataclasses.dataclass(frozen=True)
class SequenceToSequencePreprocessor:
    """Source text and target text of a sequence-to-sequence model, each with its own tokenizer.

    Attributes:
        source: Tokenizer of the input.
        target: Tokenizer of the output.
        max_source: Maximum input length in symbols; a longer input is an error and is never cut.
        max_target: Maximum output length in symbols.

    Example:
        >>> letters = SymbolTokenizer.fit(["cat"])
        >>> phones = SymbolTokenizer.fit(["K AE T"], separator=" ")
        >>> preprocessor = SequenceToSequencePreprocessor(letters, phones, 20, 20)
        >>> preprocessor.encode_input("cat")
        [4, 3, 5, 2]
        >>> preprocessor.encode_target("K AE T")
        [1, 4, 3, 5, 2]
    """

    source: SymbolTokenizer
    target: SymbolTokenizer
    max_source: int
    max_target: int

    def encode_input(self, text: str) -> list[int]:
        """Returns the ids of an input, with the end token.

        Raises:
            InputError: The text is empty, too long or has unknown symbols.
        """
        length = len(self.source.split(expect_text(text)))
        if length > self.max_source:
            limit = f"this model takes at most {self.max_source}: shorten it"
            raise InputError(f"{_shorten(text)!r} has {length:,} symbols, {limit}")
        return [*self.source.encode(text), END]

    def read_as(self, text: str) -> str | None:
        """Returns the replacement for an input with unknown characters; ``None`` if nothing is replaced."""
        return self.source.read_as(text)

    def encode_target(self, text: str) -> list[int]:
        """Returns the ids of an output, with start and end token.

        Raises:
            InputError: The text is empty, too long or has unknown symbols.
        """
        length = len(self.target.split(expect_text(text)))
        if length > self.max_target:
            limit = f"this model writes at most {self.max_target}: shorten it"
            raise InputError(f"{_shorten(text)!r} has {length:,} symbols, {limit}")
        return [START, *self.target.encode(text), END]

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source.to_json(),
            "target": self.target.to_json(),
            "max_source": self.max_source,
            "max_target": self.max_target,
        }

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "SequenceToSequencePreprocessor":
        """Create a preprocessor from JSON values; checks each key, type and bound.

        Args:
            value: Result of ``to_json``.
            location: Source of the value, for messages.

        Raises:
            WeightsError: A value is invalid; the message names the key.
        """
        expect_fields({"source": dict, "target": dict, "max_source": int, "max_target": int}, value, location)
        for key in ("max_source", "max_target"):
            if not 1 <= value[key] <= MAX_TEXT_LENGTH:
                raise WeightsError(f"{location}.{key}: expected 1 to {MAX_TEXT_LENGTH}")
        return cls(
            SymbolTokenizer.from_json(value["source"], f"{location}.source"),
            SymbolTokenizer.from_json(value["target"], f"{location}.target"),
            value["max_source"],
            value["max_target"],
        )


_TIES = "\u035c\u0361"


def split_graphemes(text: str) -> list[str]:
    """Returns the letters of a text, each with its combining and length marks; a tie bar joins two letters.

    Example:
        >>> split_graphemes("t\u0361sa\u02d0\u0303")
        ['t͡s', 'aː̃']
    """
    graphemes: list[str] = []
    for character in text:
        mark = unicodedata.category(character).startswith("M") or character in "\u02d0\u02d1"
        if graphemes and (mark or graphemes[-1][-1] in _TIES):
            graphemes[-1] += character
        else:
            graphemes.append(character)
    return graphemes


def are_unspaced(texts: Sequence[str]) -> bool:
    """Returns whether the texts have no spaces between symbols: space-separated parts hardly repeat."""
    total, different, size = 0, set(), 0
    for text in texts:
        parts = text.split()
        total, size = total + len(parts), size + len("".join(parts))
        different.update(parts)
    # A few texts with several symbols each decide nothing.
    enough = total >= 100 or total < 2 * len(texts)
    return enough and len(different) > total / 2 and size > 2 * total


def pad(rows: Sequence[Sequence[int]], length: int, batch_size: int | None = None) -> np.ndarray:
    """Returns ids as ``(batch_size or len(rows), length)`` int32, padded with 0.

    Example:
        >>> pad([[5, 6], [7]], 3).tolist()
        [[5, 6, 0], [7, 0, 0]]
    """
    out = np.full((batch_size or len(rows), length), PAD, dtype="int32")
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
