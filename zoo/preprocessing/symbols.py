"""Map raw text to arrays and back; the parameters are plain data in JSON."""

import dataclasses
import functools
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from zoo.data.languages import script
from zoo.data.unicode_forms import commonest_form, fold
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import expect_fields

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

    def folded(self, text: str, letters: Collection[str] | None = None) -> str:
        """Returns a text with unknown characters replaced by known ones, as ``zoo.data.unicode_forms.fold`` does.

        Args:
            text: A text.
            letters: Known characters; the default is all of the tokenizer's.
        """
        if self.separator or not self.symbols:
            return text
        text = unicodedata.normalize(self.form, text.strip().lower() if self.lowercase else text.strip())
        known = self._characters if letters is None else letters
        return unicodedata.normalize(self.form, fold(text, known.__contains__))

    def read_as(self, text: str, letters: Collection[str] | None = None) -> str | None:
        """Returns the replacement for a text with unknown characters; ``None`` if nothing is replaced."""
        symbols = self.split(text)
        if all(symbol in (self._ids if letters is None else letters) for symbol in symbols):
            return None
        replacement = self.folded(text, letters)
        changed = self.split(replacement) != symbols
        return replacement if replacement and changed and not self._unknown(replacement, letters) else None

    def _unknown(self, text: str, letters: Collection[str] | None) -> list[str]:
        """Returns the symbols of a text that cannot be read."""
        symbols = self.split(text)
        if letters is None:
            return sorted({s for s in symbols if s not in self._ids})
        # A letter that the language lacks is read if other languages have it and the script is the same.
        scripts = {script(letter) for letter in letters} - {""}
        return sorted({s for s in symbols if s not in letters and not (s in self._ids and script(s) in scripts)})

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i + RESERVED for i, symbol in enumerate(self.symbols)}

    @functools.cached_property
    def _characters(self) -> set[str]:
        return set("".join(self.symbols))

    def encode(self, text: str, letters: Collection[str] | None = None, language: str = "") -> list[int]:
        """Returns the ids of a text, without start and end token.

        Args:
            text: A text.
            letters: Letters of the text's language; the default is all symbols.
            language: Code of that language, for messages.

        Raises:
            InputError: The text is empty, or has an unknown symbol.
        """
        symbols = self.split(text)
        if not all(s in (self._ids if letters is None else letters) for s in symbols):
            symbols = self.split(self.folded(text, letters)) or symbols
            if unknown := self._unknown(self.separator.join(symbols), letters):
                known = self.symbols if letters is None else sorted(letters)
                shown = " ".join(known[:60]) + (" ..." if len(known) > 60 else "")
                whose = f"{language} in this model" if language else "this model"
                raise InputError(
                    f"{shorten(text)!r} has {', '.join(map(repr, unknown[:5]))}, unknown to {whose}; it knows: {shown}"
                )
        if not symbols:
            raise InputError("the text is empty: give at least one symbol")
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


def shorten(text: str) -> str:
    """Returns a text for a message, at most 40 characters long."""
    return text if len(text) <= 40 else text[:37] + "..."
