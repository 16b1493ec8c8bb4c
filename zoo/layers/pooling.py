"""Attention pooling: Yang et al. 2016 (aclanthology.org/N16-1174), equations 5 to 7."""

import keras
from keras import ops

from zoo.layers.attention import masked, softmax


class AttentionPooling(keras.layers.Layer):
    """Mean of a sequence's vectors, weighted by their similarity to a learned context vector.

    ``u_t = tanh(W h_t + b)``, ``a = softmax over t of (u_t . context)``; the output is the sum of ``a_t h_t``.

    Args:
        units: Number of features of ``u`` and of the context vector.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.pooling import AttentionPooling
        >>> mask = np.array([[True, True, False]])
        >>> mean, weights = AttentionPooling(4, name="pool")(np.ones((1, 3, 8), "float32"), mask=mask)
        >>> tuple(mean.shape), tuple(weights.shape)
        ((1, 8), (1, 3))
    """

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.project = keras.layers.Dense(units, activation="tanh", name="project")

    def compute_mask(self, *arguments):
        return None  # the output has no time axis

    def build(self, shape):
        self.project.build(shape)
        self.context = self.add_weight(
            shape=(self.project.units,),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="context",
        )

    def scores(self, x):
        """Map ``(..., time, features)`` to scores before the softmax, ``(..., time)``."""
        return ops.sum(self.project(x) * self.context, axis=-1)

    def pool(self, x, scores, mask):
        """Returns the weighted mean ``(..., features)`` and the weights ``(..., time)``.

        Both are zeros where the mask hides every step.
        """
        weights = softmax(masked(scores, mask)) * ops.cast(mask, scores.dtype)
        return ops.sum(weights[..., None] * x, axis=-2), weights

    def call(self, x, mask):
        """Pool ``x (..., time, features)`` where ``mask (..., time)`` is true; returns the same as ``pool``."""
        return self.pool(x, self.scores(x), mask)
