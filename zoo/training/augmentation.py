"""Other versions of the same, seen only while training: sound as it might have been said, texts with words hidden."""

import numpy as np

from zoo.data.sound import loud
from zoo.preprocessing.subwords import UNKNOWN
from zoo.preprocessing.symbols import PAD

SPEED = 0.15  # the fastest and the slowest are so much away from 1
MAX_STRETCH = 1.25
"""How many times as long a varied sound may be: what is beyond is cut off."""
WORD_DROPOUT = 0.1
"""Share of a text's subwords that are hidden."""


def augment_audio(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns a sound played at another speed, begun and ended elsewhere, and with noise.

    Speed (and pitch with it) as in Ko et al. 2015 (Interspeech, "Audio augmentation for speech recognition"); noise
    and shifts in time are what keyword spotting trains with (Warden 2018, arXiv 1804.03209).

    Args:
        samples: ``(time,)``, as ``zoo.data.sound.waveform`` returns them.
        generator: Random generator.

    Returns:
        ``(time,)`` at most ``LONGER`` times as many samples, the largest 1 or -1.
    """
    length = len(samples)
    speed = generator.uniform(1 - SPEED, 1 + SPEED)
    places = np.arange(0, length - 1e-6, speed)
    sound = np.interp(places, np.arange(length), samples)
    # Up to a tenth is cut off at each end, or up to as much silence stands there.
    for _ in range(2):
        shift = int(generator.uniform(-0.1, 0.1) * length)
        if shift >= 0:
            sound = np.concatenate([np.zeros(shift), sound])
        elif len(sound) > -2 * shift:
            sound = sound[-shift:]
        sound = sound[::-1]
    sound = sound[: int(MAX_STRETCH * length)]
    level = np.sqrt(np.mean(np.square(sound))) * 10 ** -generator.uniform(0.5, 2.5)  # 10 to 50 dB below the sound
    return loud((sound + generator.normal(0, 1, len(sound)) * level).astype(np.float32))


def word_dropout(ids: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns texts in which some subwords cannot be read: word dropout (Iyyer et al. 2015, ACL, section 3.1).

    A model has to go by what stands around them, as it will for words that it has never met.

    Args:
        ids: Subwords of any shape, including padding.
        generator: Random generator.
    """
    return np.where((ids != PAD) & (generator.random(ids.shape) < WORD_DROPOUT), UNKNOWN, ids).astype(ids.dtype)
