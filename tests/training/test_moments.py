"""Averaged weights of a model with batch norms get moments of their own."""

import keras
import numpy as np

import zoo
from zoo.training.batching import Batches
from zoo.training.config import TrainingConfig
from zoo.training.moments import estimate_moments, moving_moments
from zoo.training.trainer import Trainer


def test_the_best_weights_have_the_moments_of_their_own_activations():
    sizes = {"source_vocab_size": 12, "target_vocab_size": 12}
    keras.utils.set_random_seed(0)
    model = zoo.create_model("pervasive_attention_tiny", task="sequence_to_sequence", **sizes)
    rows = np.random.default_rng(0).integers(1, 12, (400, 5)).astype("int32")

    def collate(chosen, length, size):
        part = rows[chosen]
        return {"source": part, "source_mask": part > 0, "target": part[:, :4]}, part[:, :4], np.ones((len(part), 4))

    batches = Batches([5] * len(rows), collate, 8, 0)
    # A high rate moves the weights far from their averages.
    config = TrainingConfig(epochs=2, batch_size=8, learning_rate=0.03, ema_decay=0.99, warmup=0.5, patience=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    during = []

    def validate():
        during.append([np.array(keras.ops.convert_to_numpy(v)) for v in moving_moments(model)])
        return {"error": 1.0}

    trainer = Trainer(model, batches, validate, "error", config, loss)
    restored = []
    trainer.on_epoch = lambda row: restored.append(
        [np.array(keras.ops.convert_to_numpy(v)) for v in moving_moments(model)]
    )
    trainer.run()
    moments = moving_moments(model)
    kept = [keras.ops.convert_to_numpy(v) for v in moments]
    assert all(np.array_equal(a, b) for a, b in zip(kept, during[-1], strict=True))
    assert sum(v.path.endswith("moving_variance") for v in moments) == len(moments) // 2 == 8
    # From other values the moments come to the same ones: they do not depend on those of the trained weights.
    for variable in moments:
        variable.assign(np.ones(variable.shape))
    estimate_moments(model, batches.epoch(5))
    again = [keras.ops.convert_to_numpy(v) for v in moments]
    near, far = (
        np.mean([np.abs(a - b).mean() / (np.abs(a).mean() + 0.1) for a, b in zip(kept, other, strict=True)])
        for other in (again, restored[-1])
    )
    assert near < 0.15
    assert far > 2 * near
