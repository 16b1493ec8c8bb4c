"""Series of the UCR and UEA archives (Dau et al. 2019, arXiv 1810.07758), one config per dataset, as a TFDS builder."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.examples import Examples
from zoo.data.ts import read_ts
from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/aeon-toolkit/aeon/a101ddc8b35a65441609b45c9bcce5aeafa0c131/aeon/datasets/data"
)
HELD_OUT = 5
"""One in this many series of each label goes from training to validation."""


@dataclasses.dataclass(frozen=True)
class Archive:
    """A dataset of the archive: the names of its files, and the channels of its series."""

    name: str
    channels: int

    @property
    def urls(self) -> dict[str, str]:
        """URLs of its two files, by the name of the split in the archive."""
        return {split: f"{_REPOSITORY}/{self.name}/{self.name}_{split.upper()}.ts" for split in ("train", "test")}


CONFIGS = {
    "italy_power_demand": Archive("ItalyPowerDemand", 1),
    "gun_point": Archive("GunPoint", 1),
    "basic_motions": Archive("BasicMotions", 6),
}


def held_out(labels: list[str]) -> list[bool]:
    """Returns which series go to validation: the fifth, the tenth and so on of each label."""
    seen: collections.Counter[str] = collections.Counter()
    chosen = []
    for label in labels:
        seen[label] += 1
        chosen.append(seen[label] % HELD_OUT == 0)
    return chosen


class Ucr(tfds.core.GeneratorBasedBuilder):
    """Labelled series; test is the archive's test split, validation is taken from its training split."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=archive.name) for name, archive in CONFIGS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        channels = CONFIGS[self.builder_config.name].channels
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "series": tfds.features.Tensor(shape=(None, channels), dtype=np.float32, encoding="bytes"),
                    "label": tfds.features.Text(),
                }
            ),
            supervised_keys=("series", "label"),
            homepage="https://www.timeseriesclassification.com",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, CONFIGS[self.builder_config.name].urls)
        train, test = (read_ts(paths[split]) for split in ("train", "test"))
        held = held_out(train.targets)
        parts = {
            "train": train.select(i for i, out in enumerate(held) if not out),
            "validation": train.select(i for i, out in enumerate(held) if out),
            "test": test,
        }
        return {split: self._generate_examples(examples) for split, examples in parts.items()}

    def _generate_examples(self, examples: Examples) -> Iterator[tuple[int, dict]]:
        for i, (series, label) in enumerate(zip(examples.inputs, examples.targets, strict=True)):
            yield i, {"series": series, "label": label}
