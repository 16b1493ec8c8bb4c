"""Made-up data that several tests train on."""

import numpy as np

from zoo.data import Examples

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
