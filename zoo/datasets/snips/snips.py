"""SNIPS, commands to a voice assistant with a tag per word and an intent, as a TFDS builder."""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/czhang99/Capsule-NLU/daab0c8e51c88cbd5629236725475dec6354b420/data/snips"
)
_FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
_FILES = {"tokens": "seq.in", "tags": "seq.out", "intent": "label"}
URLS = {
    f"{split}/{field}": f"{_REPOSITORY}/{folder}/{file}"
    for split, folder in _FOLDERS.items()
    for field, file in _FILES.items()
}
INTENTS = (
    "AddToPlaylist",
    "BookRestaurant",
    "GetWeather",
    "PlayMusic",
    "RateBook",
    "SearchCreativeWork",
    "SearchScreeningEvent",
)


def read(tokens: str, tags: str, intents: str) -> list[dict]:
    """Read three parallel files: words, tags and the intent of one command per line.

    Args:
        tokens: Path of the file with the words, separated by spaces.
        tags: Path of the file with a tag per word: ``O``, or ``B-`` or ``I-`` and the name of the slot.
        intents: Path of the file with the intents.

    Returns:
        For each command ``tokens``, ``tags`` and ``intent``.

    Raises:
        ValueError: The files do not match.
    """
    commands = []
    with open(tokens, encoding="utf-8") as words, open(tags, encoding="utf-8") as marks, open(intents) as labels:
        for number, (left, middle, right) in enumerate(zip(words, marks, labels, strict=True), 1):
            command = {"tokens": left.split(), "tags": middle.split(), "intent": right.strip()}
            if len(command["tokens"]) != len(command["tags"]) or command["intent"] not in INTENTS:
                raise ValueError(f"{tags}:{number}: not one tag per word of {tokens}, or not an intent in {intents}")
            commands.append(command)
    return commands


class Snips(tfds.core.GeneratorBasedBuilder):
    """Commands in seven intents, 39 kinds of slots as BIO tags: 13,084 / 700 / 700, the split of Goo et al. 2018."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "tokens": tfds.features.Sequence(tfds.features.Text()),
                    "tags": tfds.features.Sequence(tfds.features.Text()),
                    "intent": tfds.features.Text(),
                }
            ),
            homepage="https://github.com/sonos/nlu-benchmark",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, URLS)
        return {
            split: self._generate_examples(read(*(paths[f"{split}/{field}"] for field in _FILES))) for split in _FOLDERS
        }

    def _generate_examples(self, commands: list[dict]) -> Iterator[tuple[int, dict]]:
        yield from enumerate(commands)
