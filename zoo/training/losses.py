"""Training losses."""

from collections.abc import Sequence

import keras
from keras import ops


class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with label smoothing over ids, per position (Szegedy et al. 2016, arXiv 1512.00567).

    Takes ``(batch, time)`` ids and ``(batch, time, symbols)`` logits; returns the weighted mean over positions.
    """

    def __init__(self, smoothing: float):
        super().__init__(reduction="mean_with_sample_weight", name="crossentropy")
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        if keras.backend.backend() == "torch":
            from zoo.training.torch_step import Crossentropy

            return Crossentropy.apply(y_pred, y_true, self.smoothing)
        likely = ops.log_softmax(y_pred)
        target = ops.take_along_axis(likely, ops.cast(y_true, "int32")[..., None], axis=-1)[..., 0]
        return -(1 - self.smoothing) * target - self.smoothing * ops.mean(likely, axis=-1)


class KeysCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of every key, summed over the keys of a frame, in nats.

    Takes ``(batch, time, keys)`` zeros and ones, and logits of the same shape; returns the weighted mean over frames.
    """

    def __init__(self):
        super().__init__(reduction="mean_with_sample_weight", name="keys_crossentropy")

    def call(self, y_true, y_pred):
        return keys_crossentropy(y_true, y_pred)


def keys_crossentropy(keys, logits):
    """Returns ``-log p(frame)`` in nats, ``(...)``, for ``keys (..., 88)`` that are independent given the past."""
    # log(1 + e^z) - z y, without overflow for large z
    return ops.sum(ops.softplus(logits) - logits * ops.cast(keys, logits.dtype), axis=-1)


class QuantileLoss(keras.losses.Loss):
    """Twice the pinball loss, a mean over quantiles, per forecast step.

    Takes ``(batch, positions, steps)`` values and ``(batch, positions, steps, quantiles)`` forecasts; returns the
    weighted mean over steps.

    Args:
        quantiles: Probability of each forecast.
    """

    def __init__(self, quantiles: Sequence[float]):
        super().__init__(reduction="mean_with_sample_weight", name="quantile_loss")
        self.quantiles = tuple(quantiles)

    def call(self, y_true, y_pred):
        error = ops.cast(y_true, y_pred.dtype)[..., None] - y_pred
        shares = ops.convert_to_tensor(self.quantiles, y_pred.dtype)
        return 2 * ops.mean(ops.maximum(shares * error, (shares - 1) * error), axis=-1)
