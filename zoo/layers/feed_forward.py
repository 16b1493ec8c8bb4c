"""The feed-forward layer of a Transformer: Vaswani et al. 2017 (arXiv 1706.03762), section 3.3."""

import keras
from keras import ops


class FeedForward(keras.layers.Layer):
    """Two dense layers with a non-linearity between them, applied at each position.

    Args:
        hidden_dim: Number of input and output features.
        ffn_dim: Number of features between the two layers.
        activation: ``"relu"``, or ``"gelu"`` in its tanh form, which every export format supports.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.feed_forward import FeedForward
        >>> layer = FeedForward(8, 32, "gelu", name="feed_forward")
        >>> tuple(layer(np.ones((1, 3, 8), "float32")).shape)
        (1, 3, 8)
        >>> layer.count_params()
        552
    """

    def __init__(self, hidden_dim: int, ffn_dim: int, activation: str, name: str):
        super().__init__(name=name)
        self.expand = keras.layers.Dense(ffn_dim, name="expand")
        self.contract = keras.layers.Dense(hidden_dim, name="contract")
        self.activation = ops.relu if activation == "relu" else ops.gelu  # Keras's gelu is the tanh form

    def build(self, shape):
        self.expand.build(shape)
        self.contract.build((*shape[:-1], self.expand.units))

    def call(self, x):
        """Map ``(..., hidden_dim)`` to ``(..., hidden_dim)``."""
        return self.contract(self.activation(self.expand(x)))


class GatedFeedForward(keras.layers.Layer):
    """``W_3 (gelu(W_1 x) * W_2 x)`` at each position: Shazeer 2020 (arXiv 2002.05202), GEGLU.

    Args:
        hidden_dim: Number of input and output features.
        ffn_dim: Number of features between the layers.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.feed_forward import GatedFeedForward
        >>> layer = GatedFeedForward(8, 16, name="feed_forward")
        >>> tuple(layer(np.ones((1, 3, 8), "float32")).shape)
        (1, 3, 8)
    """

    def __init__(self, hidden_dim: int, ffn_dim: int, name: str):
        super().__init__(name=name)
        self.gate = keras.layers.Dense(ffn_dim, name="gate")
        self.expand = keras.layers.Dense(ffn_dim, name="expand")
        self.contract = keras.layers.Dense(hidden_dim, name="contract")

    def build(self, shape):
        self.gate.build(shape)
        self.expand.build(shape)
        self.contract.build((*shape[:-1], self.expand.units))

    def call(self, x):
        """Map ``(..., hidden_dim)`` to ``(..., hidden_dim)``."""
        return self.contract(ops.gelu(self.gate(x)) * self.expand(x))
