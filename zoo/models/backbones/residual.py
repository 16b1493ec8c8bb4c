"""Residual blocks around linear recurrences: a recurrent and a feed-forward branch, each after an RMS norm.

``min_rnn`` and ``rg_lru`` share these blocks; ``lru`` uses only ``Directions``.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.layers.convolution import DepthwiseConvolution
from zoo.layers.dropout import Dropout
from zoo.layers.linear_recurrence import LinearRecurrence
from zoo.models.backbones.backbone import Block


def rms_norm(name: str) -> keras.layers.RMSNormalization:
    """Returns ``x / sqrt(mean(x ** 2) + 1e-6)`` times a learned scale (Zhang & Sennrich 2019, arXiv 1910.07467)."""
    norm = keras.layers.RMSNormalization(epsilon=1e-6, name=name)
    norm.supports_masking = True  # masks come as arguments; avoids a warning of Keras
    return norm


class Branch(keras.layers.Layer):
    """A causal recurrence after an optional dense layer and an optional depthwise convolution.

    Args:
        recurrence: The recurrence, named ``"recurrence"``.
        kernel_size: Taps of the convolution; 1 means no convolution.
        project: Output features of the dense layer; ``None`` means no dense layer.
        name: Name of the layer.
    """

    def __init__(self, recurrence: LinearRecurrence, kernel_size: int, name: str, project: int | None = None):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.project = None if project is None else keras.layers.Dense(project, name="project")
        self.convolution = DepthwiseConvolution(kernel_size, "convolution") if kernel_size > 1 else None
        self.recurrence = recurrence

    def build(self, shape):
        if self.project is not None:
            self.project.build(shape)
            shape = (*shape[:-1], self.project.units)
        if self.convolution is not None:
            self.convolution.build(shape)
        self.recurrence.build(shape)

    def call(self, x, mask=None):
        """Map ``(batch, time, features)`` to ``(batch, time, units)``."""
        x = x if self.project is None else self.project(x)
        x = x if self.convolution is None else self.convolution(x, mask=mask)
        return self.recurrence(x, mask=mask)

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the states of convolution and recurrence before the first step."""
        past = () if self.convolution is None else self.convolution.initial_state(batch_size)
        return past, self.recurrence.initial_state(batch_size)

    def step(self, x, state: tuple):
        """Map one step ``(batch, features)`` to ``(batch, units)`` and the next state."""
        return self._advance(x, state, "step")

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, features)`` as that many calls of ``step`` do."""
        return self._advance(x, state, "prefill")

    def _advance(self, x, state: tuple, method: str):
        past, states = state
        x = x if self.project is None else self.project(x)
        if self.convolution is not None:
            x, past = getattr(self.convolution, method)(x, past)
        y, states = getattr(self.recurrence, method)(x, states)
        return y, (past, states)


class Directions(keras.layers.Layer):
    """One causal layer, or a forward and a backward layer of half the units each, with concatenated outputs.

    Args:
        branch: Builds a causal layer from a number of units and a name.
        units: Number of output features.
        bidirectional: Whether there are two directions.
        name: Name of the layer.
    """

    def __init__(self, branch: Callable[[int, str], Any], units: int, bidirectional: bool, name: str):
        super().__init__(name=name)
        self.supports_masking = True
        self.units = units
        self.onward = branch(units // 2 if bidirectional else units, "forward")
        self.backwards = branch(units // 2, "backward") if bidirectional else None

    def build(self, shape):
        self.onward.build(shape)
        if self.backwards is not None:
            self.backwards.build(shape)

    def call(self, x, mask=None):
        """Map ``(batch, time, features)`` to ``(batch, time, units)``."""
        y = self.onward(x, mask=mask)
        if self.backwards is None:
            return y
        turned = self.backwards(ops.flip(x, axis=1), mask=None if mask is None else ops.flip(mask, axis=1))
        return ops.concatenate([y, ops.flip(turned, axis=1)], axis=-1)

    def _causal(self) -> Any:
        if self.backwards is not None:
            raise ValueError(f"{self.name} is not causal: it cannot run step by step")
        return self.onward

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step (raises ValueError for two directions)."""
        return self._causal().initial_state(batch_size)

    def step(self, x, state: tuple):
        """Map one step ``(batch, features)`` to ``(batch, units)`` and the next state."""
        return self._causal().step(x, state)

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, features)`` as that many calls of ``step`` do."""
        return self._causal().prefill(x, state)


class ResidualBlock(Block):
    """``x + mixer(norm(x))``, then ``x + feed_forward(norm(x))``.

    Args:
        mixer: A layer with ``call(x, mask)``, ``initial_state``, ``step`` and ``prefill``, with equal input and output
            features.
        feed_forward: A layer applied at each position.
        hidden_dim: Number of input and output features.
        dropout: Dropout rate on each residual branch.
        name: Name of the block.
    """

    def __init__(self, mixer: Any, feed_forward: keras.layers.Layer, hidden_dim: int, dropout: float, name: str):
        super().__init__(hidden_dim, name)
        self.mixer_norm = rms_norm("mixer_norm")
        self.mixer = mixer
        self.feed_forward_norm = rms_norm("feed_forward_norm")
        self.feed_forward = feed_forward
        self.drop = Dropout(dropout, name="drop")

    def build(self, shape):
        # Build every layer here because a variable's path depends on where its layer is built.
        for part in (self.mixer_norm, self.mixer, self.feed_forward_norm, self.feed_forward):
            part.build(shape)

    def _feed_forward(self, x, training=False):
        return x + self.drop(self.feed_forward(self.feed_forward_norm(x)), training=training)

    def call(self, x, mask=None, training=False):
        y = self.mixer(self.mixer_norm(x), mask=mask)
        return self._feed_forward(x + self.drop(y, training=training), training)

    def initial_state(self, batch_size):
        return self.mixer.initial_state(batch_size)

    def step(self, x, state):
        y, state = self.mixer.step(self.mixer_norm(x), state)
        return self._feed_forward(x + y), state

    def prefill(self, x, state):
        y, state = self.mixer.prefill(self.mixer_norm(x), state)
        return self._feed_forward(x + y), state
