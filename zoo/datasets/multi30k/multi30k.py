"""Multi30k, English captions of pictures and their translations, as a TFDS builder."""

import gzip
from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
)
_FILES = {
    "train": "train",
    "validation": "val",
    "test_2016_flickr": "test_2016_flickr",
    "test_2017_flickr": "test_2017_flickr",
    "test_2017_mscoco": "test_2017_mscoco",
}
CONFIGS = {name: tuple(name.split("_")) for name in ("en_de", "en_fr")}
"""Source and target language of each config."""


def urls(config: str) -> dict[str, str]:
    """Returns the URLs of a config by ``split/language``."""
    return {
        f"{split}/{language}": f"{_REPOSITORY}/{file}.{language}.gz"
        for split, file in _FILES.items()
        for language in CONFIGS[config]
    }


def read(source: str, target: str) -> list[dict[str, str]]:
    """Read two parallel files with a sentence per line; spaces at the ends of a line are removed.

    Args:
        source: Path of the packed file with the sources.
        target: Path of the packed file with the targets.

    Returns:
        ``source`` and ``target`` of each line.

    Raises:
        ValueError: The files have different numbers of lines, or a line is empty.
    """
    sides = []
    for path in (source, target):
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            sides.append([line.strip() for line in file])
    if len(sides[0]) != len(sides[1]) or not all(map(all, sides)):
        raise ValueError(f"{target}: not one sentence per line of {source}")
    return [{"source": left, "target": right} for left, right in zip(*sides, strict=True)]


class Multi30k(tfds.core.GeneratorBasedBuilder):
    """Captions of 31,014 pictures of Flickr and their translations, with two later test sets.

    Elliott et al. 2016 (arXiv 1605.00459); test sets of 2017: Elliott et al. 2017 (arXiv 1710.07177).
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"{source} to {target}")
        for name, (source, target) in CONFIGS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"source": tfds.features.Text(), "target": tfds.features.Text()}),
            supervised_keys=("source", "target"),
            homepage="https://github.com/multi30k/dataset",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config.name
        paths = fetch(self, dl_manager, urls(config))
        source, target = CONFIGS[config]
        return {
            split: self._generate_examples(read(paths[f"{split}/{source}"], paths[f"{split}/{target}"]))
            for split in _FILES
        }

    def _generate_examples(self, rows: list[dict[str, str]]) -> Iterator[tuple[int, dict]]:
        yield from enumerate(rows)
