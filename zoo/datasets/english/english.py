"""English text for language models: encyclopaedia, news, fiction and film reviews, as a TFDS builder."""

import hashlib
import json
import lzma
import tarfile
from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import local_copies

# Size in bytes and SHA-256 of the cleaned file of each source.
FILES = {
    "wikipedia/train": (31_820_808, "b8a99ff9f5d3744f86225d06c6de0d6fa44e34aaf38d8a09e98a0d152307c837"),
    "wikipedia/validation": (134_776, "6836db6aeb221efe15d352649c9742fa0fbce55616a828d39a529fa682777892"),
    "wikipedia/test": (164_288, "c941e23089d06ea951002755dcb31677325e6e46dafa353cbce4706f876849c9"),
    "wikinews/train": (6_499_396, "a2bf89419bf1cff9e2c2873627171e96d5b7869b3261e15b5d276e07807fff84"),
    "wikinews/validation": (49_868, "7f436f41762e2a18cd745ab9d4ea7b9b30d0d318920b6e0361c15d09b9972ad1"),
    "wikinews/test": (40_032, "b7e1a058f776ae35f0b6dcff2aa204c9bc64730fbaf7d2854f6ae63e9870dd69"),
    "books": (9_289_916, "a2490c62a55f3bf1863a76b229d6fbeade3564fe907803883f4c42eddb096186"),
    "reviews": (20_206_704, "422a4ede93ae408eea5a246198e01f69bf9d2f1ca3f3b0b36bd43ffb97a66b5c"),
}

# Whole books are held out.
HELD_OUT_BOOKS = {
    "The Wonderful Wizard of Oz": "validation",
    "The Time Machine": "validation",
    "The Call of the Wild": "test",
    "A Room With a View": "test",
}


def read(paths: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield source, split and text of every document.

    Args:
        paths: A path for each name in ``FILES``.
    """
    for source in ("wikipedia", "wikinews"):
        for split in ("train", "validation", "test"):
            with lzma.open(paths[f"{source}/{split}"], "rt", encoding="utf-8") as file:
                for line in file:
                    yield source, split, json.loads(line)["text"]
    with lzma.open(paths["books"], "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield "books", HELD_OUT_BOOKS.get(row["book"], "train"), row["text"]
    with tarfile.open(paths["reviews"]) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".txt") and "url" not in member.name:
                content = archive.extractfile(member)
                assert content is not None
                text = content.read().decode("utf-8").replace("<br /><br />", "\n").replace("<br />", "\n")
                yield "reviews", _split_of(member.name.rpartition("/")[2]), text


def _split_of(name: str) -> str:
    """Returns the split of a review by the MD5 of its file name: 1 in 200 for validation, 1 in 200 for test."""
    share = int(hashlib.md5(name.encode()).hexdigest(), 16) % 200
    return {0: "validation", 1: "test"}.get(share, "train")


class English(tfds.core.GeneratorBasedBuilder):
    """61 million subwords of English text.

    Featured and good articles of Wikipedia (https://github.com/ag-gipp/wikiextractor), without articles that share five
    or more sequences of 13 words with the validation or test part of WikiText-2; Wikinews of 2004 to 2009
    (https://github.com/jshepp27/countaBot); 40 books of Standard Ebooks (https://github.com/standardebooks), of which
    two are held out for validation and two for test; and the 50,000 unlabelled reviews of Maas et al. 2011
    (https://ai.stanford.edu/~amaas/data/sentiment/).

    The cleaned files have no public address. ``ZOO_DATA_FILES`` names a folder that has them.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text(), "source": tfds.features.Text()}),
            homepage="https://github.com/ag-gipp/wikiextractor",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = local_copies("english", FILES)
        return {split: self._generate_examples(paths, split) for split in ("train", "validation", "test")}

    def _generate_examples(self, paths: dict[str, str], split: str) -> Iterator[tuple[int, dict]]:
        documents = (document for document in read(paths) if document[1] == split)
        for number, (source, _, text) in enumerate(documents):
            yield number, {"text": text, "source": source}
