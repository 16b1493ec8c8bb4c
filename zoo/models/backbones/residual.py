"""Residual blocks around linear recurrences: a recurrent part and a feed-forward part, each behind an RMS norm.

What ``min_rnn`` and ``rg_lru`` share; ``lru`` takes ``Directions`` only.
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
    norm.supports_masking = True  # masks come as arguments; Keras need not warn of its own
    return norm


class Branch(keras.layers.Layer):
    """A causal recurrence behind a dense layer and a short convolution of each feature, either of which may be missing.

    Args:
        recurrence: The recurrence, named ``"recurrence"``.
        kernel_size: Taps of the convolution; 1 means none.
        project: Features that the dense layer makes of the input; ``None`` means no dense layer.
        name: The layer's name.
    """

    def __init__(self, recurrence: LinearRecurrence, kernel_size: int, name: str, project: int | None = None):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; Keras need not warn of its own
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
        """Map several steps ``(batch, count, features)`` as so many calls of ``step`` would."""
        return self._advance(x, state, "prefill")

    def _advance(self, x, state: tuple, method: str):
        past, states = state
        x = x if self.project is None else self.project(x)
        if self.convolution is not None:
            x, past = getattr(self.convolution, method)(x, past)
        y, states = getattr(self.recurrence, method)(x, states)
        return y, (past, states)


class Directions(keras.layers.Layer):
    """One causal layer; or two of half the units, of which the second reads from the end, side by side.

    Args:
        branch: Makes a causal layer of some units under a name.
        units: Features of the output.
        bidirectional: Whether there are two.
        name: The layer's name.
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
        """Map several steps ``(batch, count, features)`` as so many calls of ``step`` would."""
        return self._causal().prefill(x, state)


class ResidualBlock(Block):
    """``x + mixer(norm(x))``, then ``x + feed_forward(norm(x))``.

    Args:
        mixer: A layer with ``call(x, mask)``, ``initial_state``, ``step`` and ``prefill``, as wide out as in.
        feed_forward: A layer of single positions.
        hidden_dim: Features in and out.
        dropout: Rate on what either part adds.
        name: The block's name.
    """

    def __init__(self, mixer: Any, feed_forward: keras.layers.Layer, hidden_dim: int, dropout: float, name: str):
        super().__init__(hidden_dim, name)
        self.mixer_norm = rms_norm("mixer_norm")
        self.mixer = mixer
        self.feed_forward_norm = rms_norm("feed_forward_norm")
        self.feed_forward = feed_forward
        self.drop = Dropout(dropout, name="drop")

    def build(self, shape):
        # All of it here, and not at the first use: a variable's path says where its layer was built.
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
