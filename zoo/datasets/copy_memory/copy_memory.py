"""The copy memory task as a TFDS builder: ten symbols to repeat after a long blank."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

LENGTHS = {"t500": 500, "t1000": 1_000}
SIZES = {"train": 10_000, "validation": 1_000, "test": 1_000}
SYMBOLS = 10
"""Number of symbols to remember, each 1 to 8; 0 is the blank, 9 the marker."""

CLASSES = 10
_SEED = 1997


def draw(random: np.random.Generator, count: int, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences as in Bai et al. 2018's code.

    An input is ten symbols, ``blank - 1`` blanks and eleven markers. Its target is blanks, then the ten symbols at the
    last ten steps. Without memory the best mean cross-entropy per step is ``10 ln 8 / (blank + 20)``.

    Args:
        random: Random generator.
        count: Number of sequences.
        blank: Steps between the last symbol and the first step that repeats one, called T in papers.

    Returns:
        Inputs and targets, uint8, ``(count, blank + 20)`` each.
    """
    symbols = random.integers(1, 9, size=(count, SYMBOLS), dtype=np.uint8)
    inputs = np.zeros((count, blank + 2 * SYMBOLS), np.uint8)
    inputs[:, :SYMBOLS] = symbols
    inputs[:, -SYMBOLS - 1 :] = 9
    targets = np.zeros_like(inputs)
    targets[:, -SYMBOLS:] = symbols
    return inputs, targets


class CopyMemory(tfds.core.GeneratorBasedBuilder):
    """Copy memory over a blank of 500 or 1,000 steps: 10,000 / 1,000 / 1,000 sequences from fixed seeds."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"a blank of {blank:,} steps") for name, blank in LENGTHS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        shape = (LENGTHS[self.builder_config.name] + 2 * SYMBOLS,)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "inputs": tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="zlib"),
                    "targets": tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="zlib"),
                }
            ),
            supervised_keys=("inputs", "targets"),
            homepage="https://github.com/locuslab/TCN",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {split: self._generate_examples(i, size) for i, (split, size) in enumerate(SIZES.items())}

    def _generate_examples(self, split: int, size: int) -> Iterator[tuple[int, dict]]:
        blank = LENGTHS[self.builder_config.name]
        random = np.random.default_rng([_SEED, blank, split])
        for i, (inputs, targets) in enumerate(zip(*draw(random, size, blank), strict=True)):
            yield i, {"inputs": inputs, "targets": targets}
