"""Made-up data that several tests train on."""

import wave

import numpy as np

from zoo.data import Examples
from zoo.signals import Sound

GOOD, BAD = ["good", "fine", "lovely", "great", "happy"], ["bad", "awful", "poor", "sad", "dreadful"]


def reviews(count: int = 120) -> Examples:
    """Made-up reviews that say by one word what they think."""
    generator = np.random.default_rng(0)
    filler = ["the", "film", "was", "a", "story", "of", "people", "in", "town", "and", "their", "old", "house"]
    texts, labels = [], []
    for i in range(count):
        label = ("praise", "blame")[i % 2]
        words = list(generator.choice(filler, generator.integers(3, 12)))
        words.insert(generator.integers(len(words)), str(generator.choice(GOOD if label == "praise" else BAD)))
        texts.append(" ".join(words) + f". Seen on day {i}.")
        labels.append(label)
    return Examples(texts, labels, [f"made:{i + 1}" for i in range(count)])


RATE = 8_000


def tone(frequency: float, generator: np.random.Generator, seconds: float = 0.1) -> np.ndarray:
    """A made-up sound, int16 at ``RATE``: a tone of about a pitch, some noise, and not always as long."""
    time = np.arange(int(RATE * seconds * generator.uniform(0.7, 1.3))) / RATE
    sound = np.sin(2 * np.pi * frequency * generator.uniform(0.97, 1.03) * time + generator.uniform(0, 6))
    return np.round(8_000 * (sound + 0.05 * generator.normal(size=len(time)))).astype(np.int16)


def sounds(count: int = 40) -> Examples:
    """Low and high tones."""
    generator = np.random.default_rng(0)
    labels = [("low", "high")[i % 2] for i in range(count)]
    made = [Sound(tone({"low": 300, "high": 1_500}[label], generator), RATE) for label in labels]
    return Examples(made, labels, [f"made:{i + 1}" for i in range(count)])


def slopes(count: int = 60, channels: int = 2) -> Examples:
    """Made-up series of 8 to 14 steps, in no unit of the standardised kind, whose first channel rises or falls."""
    generator = np.random.default_rng(0)
    series, labels = [], []
    for i in range(count):
        steps = np.linspace(-1, 1, int(generator.integers(8, 15)))[:, None]
        noise = generator.normal(0, 0.3, (len(steps), channels))
        noise[:, :1] += steps if i % 2 else -steps
        series.append((100 + 20 * noise).astype(np.float32))
        labels.append(("down", "up")[i % 2])
    return Examples(series, labels, [f"made:{i + 1}" for i in range(count)])


def write_wav(path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> None:
    """Writes 16-bit sound, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, "<i2").tobytes())
