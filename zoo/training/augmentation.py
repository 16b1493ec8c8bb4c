"""Data augmentation in training: varied sounds, and texts with dropped words."""

import numpy as np

from zoo.data.sound import loud
from zoo.preprocessing.subwords import UNKNOWN
from zoo.preprocessing.symbols import PAD

SPEED = 0.15  # maximum relative change of the speed
MAX_STRETCH = 1.25
"""Maximum length of a varied sound relative to the original; the rest is cut off."""
WORD_DROPOUT = 0.1
"""Share of a text's subwords that are dropped."""


def augment_audio(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns a sound with another speed, shifted start and end, and added noise.

    Speed and pitch change together as in Ko et al. 2015 (Interspeech, "Audio augmentation for speech recognition").
    Noise and time shifts are standard in keyword spotting (Warden 2018, arXiv 1804.03209).

    Args:
        samples: ``(time,)``, as ``zoo.data.sound.waveform`` returns them.
        generator: Random generator.

    Returns:
        ``(time,)``, at most ``LONGER`` times as many samples, scaled to a maximum of 1.
    """
    length = len(samples)
    speed = generator.uniform(1 - SPEED, 1 + SPEED)
    places = np.arange(0, length - 1e-6, speed)
    sound = np.interp(places, np.arange(length), samples)
    # Cut off up to a tenth, or add up to a tenth of silence, at each end.
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
    """Returns texts with some subwords replaced by the unknown token.

    This is word dropout (Iyyer et al. 2015, ACL, section 3.1). The model learns to use the context, as it must for
    unknown words.

    Args:
        ids: Subwords of any shape, including padding.
        generator: Random generator.
    """
    return np.where((ids != PAD) & (generator.random(ids.shape) < WORD_DROPOUT), UNKNOWN, ids).astype(ids.dtype)
