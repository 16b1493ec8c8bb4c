"""Made-up words that are spelled, and a small model of them, for the tests of loading, training and resuming."""

import numpy as np

from zoo.data.examples import Examples
from zoo.fitting.setup import fresh, make_trainer
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig

TRAINING_CONFIG = TrainingConfig(epochs=3, batch_size=8, learning_rate=0.01, save_seconds=1e9, ema_decay=0.9)


def spelled(count: int = 40) -> Examples:
    """Made-up words whose pronunciation is their letters in capitals."""
    generator = np.random.default_rng(0)
    words = sorted({"".join(generator.choice(list("abcde"), generator.integers(2, 6))) for _ in range(count)})
    return Examples(words, [" ".join(word.upper()) for word in words], [f"made:{i}" for i in range(len(words))])


def untrained(examples: Examples):
    return fresh(find_task("sequence_to_sequence"), "gru", "tiny", examples, TRAINING_CONFIG.seed, dropout=0.3)


def trainer(folder=None, training_config=TRAINING_CONFIG):
    examples = spelled()
    pipeline = untrained(examples)
    made = make_trainer(pipeline, examples, examples, training_config, folder, "go on")
    return pipeline, made
