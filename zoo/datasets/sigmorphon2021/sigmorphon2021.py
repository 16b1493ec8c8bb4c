"""SIGMORPHON 2021, task 1: words and their pronunciations in IPA, a config per language, as a TFDS builder."""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch
from zoo.datasets.wikipron.languages import SIGMORPHON_2021, language_name
from zoo.datasets.wikipron.wikipron import read_entries

_REPOSITORY = "https://raw.githubusercontent.com/sigmorphon/2021-task1/821bcdece5a47820872215969f275004b0abe80c/data"
PARTS = {"train": "train", "validation": "dev", "test": "test"}
URLS = {
    f"{level}_{language}": {split: f"{_REPOSITORY}/{level}/{language}_{part}.tsv" for split, part in PARTS.items()}
    for language, (level, _) in SIGMORPHON_2021.items()
}
CODES = {f"{level}_{language}": code for language, (level, code) in SIGMORPHON_2021.items()}


class Sigmorphon2021(tfds.core.GeneratorBasedBuilder):
    """Words and pronunciations; the config ``medium_bul`` is Bulgarian at the level with 8,000 training words."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=language_name(code)) for name, code in CODES.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "language": tfds.features.Text(),
                    "word": tfds.features.Text(),
                    "pronunciations": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            homepage="https://github.com/sigmorphon/2021-task1",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, URLS[self.builder_config.name])
        return {split: self._generate_examples(path) for split, path in paths.items()}

    def _generate_examples(self, path: str) -> Iterator[tuple[int, dict]]:
        language = CODES[self.builder_config.name]
        for i, (word, phones) in enumerate(read_entries(path)):
            yield i, {"language": language, "word": word, "pronunciations": [phones]}
