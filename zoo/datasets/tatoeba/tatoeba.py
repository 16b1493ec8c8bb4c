"""Tatoeba, everyday sentences and their translations into English, as a TFDS builder."""

import hashlib
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_GITHUB = "https://raw.githubusercontent.com"
# The zip file of each config, and its member: lines of English, a tab, and the other language.
CONFIGS = {
    "de_en": (f"{_GITHUB}/jhamburg/dats6450_nlp/fc38d83c4353d753fb9b34d98e945cbc5fab2811/deu-eng.zip", "deu.txt"),
    "fr_en": (f"{_GITHUB}/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c/fra-eng.zip", "fra.txt"),
}
_PER_MILLE = {"test": 15, "validation": 15}  # of the groups of sentences; the others are for training


def read(path: str, member: str) -> list[tuple[str, str]]:
    """Returns the pairs of a file, each once: the other language and English.

    Raises:
        ValueError: A line has other than two parts.
    """
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(member).decode("utf-8").split("\n")
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"{path}: {member}:{number}: not a sentence, a tab and its translation")
        pairs.append((parts[1], parts[0]))
    return list(dict.fromkeys(pairs))


def key(sentence: str) -> str:
    """Returns what two spellings of a sentence share: its letters and digits, whatever their case.

    Example:
        >>> key("Let's go!") == key("Lets go.")
        True
    """
    text = unicodedata.normalize("NFKC", sentence).casefold()
    return "".join(character for character in text if character.isalnum()) or text


def groups(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Returns the name of each pair's group: the connected components of sentences and their translations.

    Two pairs with the same source or the same target, by ``key``, are in one group. A group's name is the first of its
    keys, so that it does not depend on the order of the pairs.
    """
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while (parent := parents.setdefault(name, name)) != name:
            parents[name] = name = parents[parent]
        return name

    edges = [(f"source {key(source)}", f"target {key(target)}") for source, target in pairs]
    for edge in edges:
        first, second = sorted(map(root, edge))
        parents[second] = first
    return [root(source) for source, _ in edges]


def split_of(group: str) -> str:
    """Returns the split of a group, by its SHA-256 alone: 97 % train, 1.5 % validation, 1.5 % test."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % 1_000
    for split, size in _PER_MILLE.items():
        if share < size:
            return split
        share -= size
    return "train"


class Tatoeba(tfds.core.GeneratorBasedBuilder):
    """Sentences of tatoeba.org with their English translations, as www.manythings.org/anki publishes them.

    The split is the zoo's own, by groups of pairs that share a sentence (see ``groups``): no source and no target of
    the test part is in the training part.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name, description=name.replace("_", " to ")) for name in CONFIGS]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"source": tfds.features.Text(), "target": tfds.features.Text()}),
            supervised_keys=("source", "target"),
            homepage="https://tatoeba.org",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        url, member = CONFIGS[self.builder_config.name]
        pairs = read(fetch(self, dl_manager, {"pairs": url})["pairs"], member)
        splits: dict[str, list[tuple[str, str]]] = {"train": [], "validation": [], "test": []}
        for pair, group in zip(pairs, groups(pairs), strict=True):
            splits[split_of(group)].append(pair)
        return {split: self._generate_examples(rows) for split, rows in splits.items()}

    def _generate_examples(self, pairs: list[tuple[str, str]]) -> Iterator[tuple[int, dict]]:
        for i, (source, target) in enumerate(pairs):
            yield i, {"source": source, "target": target}
