"""WikiPron, words of many languages with their pronunciations in IPA, as a TFDS builder."""

import collections
import hashlib
import importlib.resources
import lzma
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from zoo.data.unicode_forms import same_text
from zoo.datasets import fetch
from zoo.datasets.wikipron.languages import LANGUAGES, SIGMORPHON_2021

_REPOSITORY = (
    "https://raw.githubusercontent.com/CUNY-CL/wikipron/185dfcf514fe37fe4cfddddeacff1eda3afdca55/data/scrape/tsv"
)
URLS = {code: f"{_REPOSITORY}/{file}.tsv" for code, (_, file) in LANGUAGES.items()}
_HELD_OUT = "https://raw.githubusercontent.com/sigmorphon/2021-task1/821bcdece5a47820872215969f275004b0abe80c/data"
HELD_OUT_URLS = {
    f"{language}_{part}": f"{_HELD_OUT}/{level}/{language}_{part}.tsv"
    for language, (level, code) in SIGMORPHON_2021.items()
    if code in LANGUAGES
    for part in ("dev", "test")
}

MAX_SYMBOLS = 64  # maximum letters or phones of an entry
MIN_COUNT = 5  # minimum entries of a file with a letter, and of all files with a phone
MAX_WORDS = {"validation": 200, "test": 500}  # per language
_CYRILLIC = dict(
    zip(
        "абвгдђежзијклљмнњопрстћуфхцчџш",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "đ",
            "e",
            "ž",
            "z",
            "i",
            "j",
            "k",
            "l",
            "lj",
            "m",
            "n",
            "nj",
            "o",
            "p",
            "r",
            "s",
            "t",
            "ć",
            "u",
            "f",
            "h",
            "c",
            "č",
            "dž",
            "š",
        ],
        strict=True,
    )
)


def spelling(word: str, language: str) -> str:
    """Returns a key that is equal for the spellings of a word in the scripts of one language.

    Example:
        >>> spelling("Љубав", "sh-Cyrl") == spelling("ljubav", "sh-Latn")
        True
    """
    key = same_text(word)
    if language.startswith("sh"):
        return "".join(_CYRILLIC.get(letter, letter) for letter in key)
    if language.startswith("ja"):  # katakana to hiragana
        return "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヶ" else letter for letter in key)
    return key


def digest(word: str, language: str) -> str:
    """Returns the SHA-256 of a word and its language, without the variety of the language."""
    return hashlib.sha256(f"{language.split('-')[0]}\t{spelling(word, language)}".encode()).hexdigest()


def split_of(key: str) -> str:
    """Returns the split of a word's digest: 94.5 % train, 1.5 % validation, 4 % test."""
    share = int(key[:16], 16) % 1000
    return "validation" if share < 15 else "test" if share < 55 else "train"


def read_entries(path: str) -> list[tuple[str, str]]:
    """Read ``WORD<TAB>PHONES`` lines, also of a file packed with xz."""
    with lzma.open(path) if path.endswith(".xz") else Path(path).open("rb") as file:
        rows = (line.decode().rstrip("\n").split("\t") for line in file if line.strip())
        return [(unicodedata.normalize("NFC", word), " ".join(phones.split())) for word, phones in rows]


def letters(word: str) -> str:
    """Returns the letters of a word, with marks and Hangul syllables taken apart."""
    return unicodedata.normalize("NFD", word.lower())


def held_out(words: Iterable[tuple[str, str]]) -> set[str]:
    """Returns the digests of pairs of word and language, and those of the words of SIGMORPHON 2020.

    The file has the first eight hexadecimal digits of each digest of 2020.
    """
    files = importlib.resources.files("zoo.datasets.wikipron")
    older = (files / "sigmorphon2020.txt").read_text("ascii").split()
    return {digest(word, language)[:8] for word, language in words} | set(older)


def select(entries: dict[str, list[tuple[str, str]]], without: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Returns the entries to learn from, by language.

    Entries are left out if their word is held out, if they are longer than ``MAX_SYMBOLS``, or if they have a letter or
    a phone that is rarer than ``MIN_COUNT``.

    Args:
        entries: Words and pronunciations by language.
        without: First eight digits of the digests of words that are held out.
    """
    kept = {
        language: [
            (word, phones)
            for word, phones in rows
            if digest(word, language)[:8] not in without
            and len(letters(word)) <= MAX_SYMBOLS
            and len(phones.split()) <= MAX_SYMBOLS
        ]
        for language, rows in entries.items()
    }
    counts = collections.Counter(p for rows in kept.values() for _, phones in rows for p in set(phones.split()))
    for language, rows in kept.items():
        own = collections.Counter(letter for word, _ in rows for letter in set(letters(word)))
        kept[language] = [
            (word, phones)
            for word, phones in rows
            if min(own[letter] for letter in letters(word)) >= MIN_COUNT
            and min(counts[p] for p in phones.split()) >= MIN_COUNT
        ]
    return kept


def splits_of(entries: dict[str, list[tuple[str, str]]]) -> dict[str, list[dict]]:
    """Returns the words of each split, with all their pronunciations.

    A word is in the same split in all varieties and scripts of its language. Words of the validation and test split
    beyond ``MAX_WORDS`` are left out; those with the smallest digests stay.
    """
    result: dict[str, list[dict]] = {"train": [], "validation": [], "test": []}
    for language, rows in entries.items():
        words: dict[str, list[str]] = {}
        for word, phones in rows:
            if phones not in words.setdefault(word, []):
                words[word].append(phones)
        keys = sorted((digest(word, language), word) for word in words)
        for split, chosen in result.items():
            own = [word for key, word in keys if split_of(key) == split][: MAX_WORDS.get(split)]
            chosen += [{"language": language, "word": word, "pronunciations": words[word]} for word in own]
    return result


class Wikipron(tfds.core.GeneratorBasedBuilder):
    """Words and pronunciations of 54 languages and varieties, scraped from Wiktionary (Lee et al. 2020).

    The development and test words of SIGMORPHON 2021 and 2020 are in no split, in no variety and in no script of their
    language. Hungarian, Slovene, Hindi and Lithuanian are left out, so that they can be new languages.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "language": tfds.features.Text(),
                    "word": tfds.features.Text(),
                    "pronunciations": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            homepage="https://github.com/CUNY-CL/wikipron",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, {**URLS, **HELD_OUT_URLS})
        words = [
            (word, SIGMORPHON_2021[name.rpartition("_")[0]][1])
            for name in HELD_OUT_URLS
            for word, _ in read_entries(paths[name])
        ]
        entries = select({code: read_entries(paths[code]) for code in URLS}, held_out(words))
        return {split: self._generate_examples(rows) for split, rows in splits_of(entries).items()}

    def _generate_examples(self, rows: list[dict]) -> Iterator[tuple[int, dict]]:
        yield from enumerate(rows)
