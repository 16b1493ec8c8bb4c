"""The preprocessor of sequence-to-sequence models: source and target text, and the languages of the source."""

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

from zoo.data.languages import CODE, find_language, lowercase, split_tag, tag
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import MAX_TEXT_LENGTH, expect_fields, expect_text
from zoo.preprocessing.symbols import END, RESERVED, START, SymbolTokenizer, shorten

WORD_BOUNDARY = "  "  # between the outputs of an input's words


@dataclasses.dataclass(frozen=True)
class SequenceToSequencePreprocessor:
    """Source text and target text of a sequence-to-sequence model, each with its own tokenizer.

    A model of many languages reads the language as the first symbol. Its inputs begin with a tag (``<de>Straße``), or
    ``language`` is set.

    Attributes:
        source: Tokenizer of the input. It has a symbol ``<de>`` per language.
        target: Tokenizer of the output.
        max_source: Maximum input length in symbols; a longer input is an error and is never cut.
        max_target: Maximum output length in symbols.
        alphabets: Letters by language; empty for a model without languages.
        language: Language of inputs without a tag; empty if each needs one.

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
    alphabets: dict[str, str] = dataclasses.field(default_factory=dict)
    language: str = ""

    @property
    def languages(self) -> list[str]:
        """Codes of the languages, sorted; empty for a model without languages."""
        return sorted(self.alphabets, key=str.lower)

    def with_language(self, language: str) -> "SequenceToSequencePreprocessor":
        """Returns a preprocessor whose inputs are of one language.

        Raises:
            InputError: The model does not have the language; the message gives the nearest codes.
        """
        return dataclasses.replace(self, language=find_language(language, self.languages))

    def encode_input(self, text: str) -> list[int]:
        """Returns the ids of an input, with the end token.

        Raises:
            InputError: The text is empty, too long, has unknown symbols, or needs a language.
        """
        language, word = self._read(text)
        length = len(self.source.split(word))
        if length > self.max_source:
            limit = f"this model takes at most {self.max_source}: shorten it"
            raise InputError(f"{shorten(word)!r} has {length:,} symbols, {limit}")
        ids = self.source.encode(word, self._letters(language), language)
        return [*([self._tags[language]] if language else []), *ids, END]

    def encode_words(self, text: str) -> list[list[int]]:
        """Returns the ids of each word of an input; a space is a word boundary unless the model reads spaces.

        Raises:
            InputError: As ``encode_input``, for any of the words.
        """
        return [self.encode_input(word) for word in self.words(text)]

    def words(self, text: str) -> list[str]:
        """Returns the words of an input that are read one by one, each with the language of the input.

        Example:
            >>> letters = SymbolTokenizer.fit(["cat"])
            >>> SequenceToSequencePreprocessor(letters, letters, 20, 20).words("a cat")
            ['a', 'cat']
        """
        language, rest = split_tag(expect_text(text)) if self.alphabets else ("", expect_text(text))
        known = self._letters(language or self.language) or self.source.symbols
        parts = rest.split()
        if self.source.separator or " " in known or len(parts) < 2:
            return [text]
        return [tag(language, part) if language else part for part in parts]

    def join(self, outputs: Iterable[str]) -> str:
        """Returns the outputs of an input's words as one text."""
        return WORD_BOUNDARY.join(outputs)

    def read_as(self, text: str) -> str | None:
        """Returns the replacement for an input with unknown characters; ``None`` if nothing is replaced."""
        language, word = self._read(text)
        if self.source.separator:
            return self.source.read_as(word)
        parts = [self._read(part)[1] for part in self.words(text)]
        read = [self.source.read_as(part, self._letters(language)) for part in parts]
        if not any(read):
            return None
        return " ".join(other or part for other, part in zip(read, parts, strict=True))

    def symbols(self, text: str) -> list[str]:
        """Returns the symbols of an input, the language first if it has one."""
        language, word = self._read(text)
        return [*([tag(language, "")] if language else []), *self.source.split(word)]

    def encode_target(self, text: str) -> list[int]:
        """Returns the ids of an output, with start and end token.

        Raises:
            InputError: The text is empty, too long or has unknown symbols.
        """
        length = len(self.target.split(expect_text(text)))
        if length > self.max_target:
            limit = f"this model writes at most {self.max_target}: shorten it"
            raise InputError(f"{shorten(text)!r} has {length:,} symbols, {limit}")
        return [START, *self.target.encode(text), END]

    def extend(self, texts: Iterable[str], language: str) -> "SequenceToSequencePreprocessor":
        """Returns a preprocessor that also reads the letters of texts, as letters of a language; old ids stay."""
        tagged = [split_tag(text) for text in texts]
        alphabets = add_letters(self.alphabets, ((own or language, text) for own, text in tagged), self.source)
        symbols = [tag(code, "") for code in alphabets] + sorted(set("".join(alphabets.values())))
        new = [symbol for symbol in symbols if symbol not in set(self.source.symbols)]
        source = dataclasses.replace(self.source, symbols=(*self.source.symbols, *new))
        return dataclasses.replace(self, source=source, alphabets=alphabets, language=language)

    def _read(self, text: str) -> tuple[str, str]:
        """Returns the language of an input, empty if the model has none, and the input without it."""
        text = expect_text(text)
        if not self.alphabets:
            return "", text
        language, word = split_tag(text)
        language = language or self.language
        if not language:
            raise InputError(
                f"{shorten(text)!r}: this model reads {len(self.alphabets)} languages: name one with --language, for"
                f" example {self.languages[0]}; zoo info lists them"
            )
        if language not in self.alphabets:
            language = find_language(language, self.languages)
        return language, lowercase(word, language) if self.source.lowercase else word

    def _letters(self, language: str) -> frozenset[str] | None:
        return self._sets.get(language)

    @functools.cached_property
    def _sets(self) -> dict[str, frozenset[str]]:
        return {language: frozenset(letters) for language, letters in self.alphabets.items()}

    @functools.cached_property
    def _tags(self) -> dict[str, int]:
        place = {symbol: i + RESERVED for i, symbol in enumerate(self.source.symbols)}
        return {language: place[tag(language, "")] for language in self.alphabets}

    def to_json(self) -> dict[str, Any]:
        languages = {"alphabets": dict(self.alphabets)} if self.alphabets else {}
        return {
            "source": self.source.to_json(),
            "target": self.target.to_json(),
            "max_source": self.max_source,
            "max_target": self.max_target,
            **languages,
            **({"language": self.language} if self.language else {}),
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
        if isinstance(value, dict):
            value = {"alphabets": {}, "language": "", **value}
        fields = {"source": dict, "target": dict, "max_source": int, "max_target": int}
        expect_fields({**fields, "alphabets": dict, "language": str}, value, location)
        for key in ("max_source", "max_target"):
            if not 1 <= value[key] <= MAX_TEXT_LENGTH:
                raise WeightsError(f"{location}.{key}: expected 1 to {MAX_TEXT_LENGTH}")
        source = SymbolTokenizer.from_json(value["source"], f"{location}.source")
        known, alphabets = set(source.symbols), value["alphabets"]
        for language, letters in alphabets.items():
            if not CODE.fullmatch(language) or not isinstance(letters, str):
                raise WeightsError(f"{location}.alphabets: expected letters by language code")
            if not {tag(language, ""), *letters} <= known:
                raise WeightsError(f"{location}.alphabets: {language} has letters or a tag that source lacks")
        if value["language"] and value["language"] not in alphabets:
            raise WeightsError(f"{location}.language: expected one of alphabets")
        target = SymbolTokenizer.from_json(value["target"], f"{location}.target")
        return cls(source, target, value["max_source"], value["max_target"], alphabets, value["language"])


def add_letters(
    alphabets: dict[str, str], tagged: Iterable[tuple[str, str]], source: SymbolTokenizer
) -> dict[str, str]:
    """Returns alphabets with the letters of further texts.

    Args:
        alphabets: Letters by language.
        tagged: Pairs of language and text.
        source: Tokenizer whose normal form and case the letters have.
    """
    result = {language: set(letters) for language, letters in alphabets.items()}
    for language, text in tagged:
        text = lowercase(text, language) if source.lowercase else text
        result.setdefault(language, set()).update(source.split(text))
    return {language: "".join(sorted(letters)) for language, letters in result.items()}


def fit_languages(inputs: Iterable[str], target: SymbolTokenizer, max_length: int) -> SequenceToSequencePreprocessor:
    """Returns a preprocessor for tagged inputs.

    Letters are in decomposed form, so that accents are symbols of their own and Hangul syllables are letters.

    Args:
        inputs: Texts, each with a tag.
        target: Tokenizer of the outputs.
        max_length: Maximum length of inputs and outputs, in symbols.
    """
    tagged = [split_tag(text) for text in inputs]
    source = SymbolTokenizer((), lowercase=True, form="NFD")
    empty = SequenceToSequencePreprocessor(source, target, max_length, max_length)
    fitted = dataclasses.replace(empty, alphabets=add_letters({}, tagged, source))
    return dataclasses.replace(fitted.extend((), ""), language="")
