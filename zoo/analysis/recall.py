"""Recall: whether a model can learn to reproduce a symbol from long ago."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from zoo.backends.seeding import seed_everything
from zoo.errors import InputError
from zoo.models.heads import NextStepModel
from zoo.pipeline import Pipeline

SYMBOLS = 8
LAGS = (10, 100, 1_000)
MAX_LAG = 10_000
ASKED = 256  # number of test sequences
SHOWN = 16_384  # maximum steps of a batch, except that it has at least one sequence


@dataclasses.dataclass(frozen=True)
class Recall:
    """Accuracy of recalling a symbol.

    Attributes:
        lag: Number of steps from the symbol to the last step.
        accuracy: Share of 256 sequences with a correct prediction; ``None`` if no output can see that far.
        chance: Accuracy of guessing.
    """

    lag: int
    accuracy: float | None
    chance: float


def recall(
    pipeline: Pipeline,
    lags: Sequence[int] = LAGS,
    steps: int = 200,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda count: None,
) -> list[Recall]:
    """Fine-tune copies of a model to predict the first of ``lag + 1`` steps at the last step, and measure them.

    The first step is one of eight symbols; all others are the same blank. For each lag the backbone starts from the
    model's weights, with a freshly initialized head.

    Args:
        pipeline: Pipeline of a causal next-step model.
        lags: Numbers of steps back; each is a separate run.
        steps: Number of training steps with Adam; a batch has 32 sequences, or fewer if they are long.
        learning_rate: Learning rate of Adam.
        seed: Random seed of heads and sequences.
        on_step: Called with the number of finished training steps.

    Raises:
        InputError: A lag or the number of steps is out of range.
    """
    if steps < 1 or not lags or min(lags) < 1 or max(lags) > MAX_LAG:
        raise InputError(f"lags {list(lags)}, {steps} steps: give lags from 1 to {MAX_LAG:,} and at least 1 step")
    architecture = pipeline.task.architecture(pipeline.spec.architecture)
    config = architecture.config_from(pipeline.spec.config)
    receptive_field = architecture.receptive_field(config)
    max_length = pipeline.model.backbone.max_length
    reach = min(x for x in (receptive_field, max_length, MAX_LAG + 1) if x is not None)
    results = []
    for lag in lags:
        chance = 1 / _symbols(pipeline.model.backbone)
        if lag + 1 > reach:
            results.append(Recall(lag, None, chance))
            continue
        seed_everything(seed)
        backbone = architecture.build(config)
        for weight, source in zip(backbone.weights, pipeline.model.backbone.weights, strict=True):
            weight.assign(source)
        results.append(Recall(lag, _learned(backbone, lag, steps, learning_rate, seed, on_step), chance))
    return results


def _learned(backbone, lag: int, steps: int, learning_rate: float, seed: int, on_step) -> float:
    """Train a backbone with a new head and return the accuracy on other sequences."""
    random = np.random.default_rng(seed)
    batch = max(1, min(32, SHOWN // (lag + 1)))
    model = NextStepModel(backbone, _symbols(backbone), dropout=0.0)
    model.build_variables()
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight"),
    )
    weights = np.zeros((batch, lag + 1), "float32")
    weights[:, -1] = 1
    for _ in range(steps):
        inputs, symbols = draw(backbone, batch, lag, random)
        model.train_on_batch(inputs, np.repeat(symbols[:, None], lag + 1, axis=1), sample_weight=weights)
        on_step(1)
    num_correct = 0
    for _ in range(0, ASKED, batch):
        inputs, symbols = draw(backbone, batch, lag, random)
        predictions = ops.convert_to_numpy(model.predict_on_batch(inputs))[:, -1].argmax(-1)
        num_correct += int((predictions == symbols).sum())
    return num_correct / (batch * len(range(0, ASKED, batch)))


def _symbols(backbone) -> int:
    return min(SYMBOLS, backbone.features if backbone.vocab_size is None else backbone.vocab_size - 1)


def draw(backbone, batch: int, lag: int, random: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns inputs of ``lag + 1`` steps and their first symbols, ``(batch,)``.

    A symbol is a token id, with the last id as blank; or a feature set to 1, with zeros as blank.
    """
    symbols = random.integers(0, _symbols(backbone), batch).astype("int32")
    if backbone.vocab_size is not None:
        tokens = np.full((batch, lag + 1), backbone.vocab_size - 1, "int32")
        tokens[:, 0] = symbols
        return {"tokens": tokens}, symbols
    features = np.zeros((batch, lag + 1, backbone.features), "float32")
    features[np.arange(batch), 0, symbols] = 1
    return {"features": features}, symbols
