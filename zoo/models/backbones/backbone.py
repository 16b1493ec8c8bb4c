"""A backbone: an embedding and a stack of blocks, for whole sequences and for streams."""

from typing import Any

import keras
from keras import ops, tree

from zoo.layers.dropout import Dropout
from zoo.layers.masks import values_are_known
from zoo.models.registry import ARCHITECTURES
from zoo.models.serialization import FromArchitecture
from zoo.models.streaming import Stream


class Block(keras.layers.Layer):
    """One layer of a backbone: maps ``(batch, time, features)`` to ``(batch, time, hidden_dim)``.

    A causal block also runs one step at a time. Its state is an explicit value: a tensor or a tuple of tensors, batch
    first. The layer holds no state. Therefore any number of streams can share one block, and a state can be saved,
    copied or reset row by row.

    ``build`` creates every variable, so that a model has them without a run.

    Args:
        hidden_dim: Number of output features.
        name: Name of the block.
    """

    max_length: int | None = None  # maximum sequence length, if bounded

    def __init__(self, hidden_dim: int, name: str):
        super().__init__(name=name)
        self.hidden_dim = hidden_dim
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras

    def call(self, x, mask=None, training=False):
        """Map a whole sequence.

        Args:
            x: ``(batch, time, features)``.
            mask: ``(batch, time)`` booleans, true where ``x`` is real; ``None`` means everywhere.
            training: Whether to apply dropout.

        Returns:
            ``(batch, time, hidden_dim)``. Values at masked positions are undefined.
        """
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> Any:
        """Returns the state before the first step."""
        raise ValueError(f"{self.name} is not causal: it cannot run step by step")

    def step(self, x, state):
        """Map one step.

        Args:
            x: ``(batch, features)``.
            state: Result of ``initial_state`` or of the previous step.

        Returns:
            ``(batch, hidden_dim)`` and the next state.
        """
        raise ValueError(f"{self.name} is not causal: it cannot run step by step")

    def prefill(self, x, state):
        """Map several further steps, as that many calls of ``step`` do.

        This implementation loops over the steps. Subclasses may compute them in parallel.

        Args:
            x: ``(batch, count, features)``, ``count`` fixed.
            state: As for ``step``.

        Returns:
            ``(batch, count, hidden_dim)`` and the next state.
        """
        # An explicit loop: Keras's scan on TensorFlow supports only outputs with the shape of the state (3.15).
        steps = ops.swapaxes(x, 0, 1)
        count = steps.shape[0]

        def advance(t, out, *flat):
            y, after = self.step(ops.take(steps, t, axis=0), tree.pack_sequence_as(state, list(flat)))
            at_step = ops.reshape(ops.arange(count) == t, (count, 1, 1))
            return t + 1, ops.where(at_step, y[None], out), *tree.flatten(after)

        out = ops.zeros((count, steps.shape[1], self.hidden_dim), self.compute_dtype)
        start = (ops.convert_to_tensor(0, "int32"), out, *tree.flatten(state))
        _, out, *flat = ops.while_loop(lambda t, *_: t < count, advance, start)
        return ops.swapaxes(out, 0, 1), tree.pack_sequence_as(state, list(flat))


class FinalNorm(Block):
    """The norm after the last block; the sum of residual branches is not normalised elsewhere.

    Args:
        norm: The norm, named ``"norm"``.
        hidden_dim: Number of input and output features.
        name: Name of the block.
    """

    def __init__(self, norm: keras.layers.Layer, hidden_dim: int, name: str):
        super().__init__(hidden_dim, name)
        self.norm = norm

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x, mask=None, training=False):
        return self.norm(x)

    def initial_state(self, batch_size):
        return ()

    def step(self, x, state):
        return self.norm(x), state

    def prefill(self, x, state):
        return self.norm(x), state


@keras.saving.register_keras_serializable(package="zoo")
class Backbone(FromArchitecture, keras.Model):
    """An input layer and a stack of blocks. Heads use only its output ``(batch, time, hidden_dim)``.

    Args:
        blocks: The stack, in order.
        embedding_dim: Number of features of the input layer's output.
        vocab_size: Number of token ids, for ``tokens (batch, time)``. Set either this or ``features``.
        features: Number of input features, for ``features (batch, time, features)``.
        dropout: Dropout rate after the input layer.
        name: First part of every variable's path.

    Example:
        >>> import numpy as np, zoo
        >>> backbone = zoo.create_model("gru_tiny", vocab_size=9)
        >>> type(backbone).__name__
        'Backbone'
        >>> output = backbone.predict({"tokens": np.ones((2, 5), "int32")}, verbose=0)
        >>> output.shape == (2, 5, backbone.hidden_dim)
        True
    """

    table = ARCHITECTURES

    def __init__(
        self,
        blocks: list[Block],
        embedding_dim: int,
        vocab_size: int | None = None,
        features: int | None = None,
        dropout: float = 0.0,
        name: str = "backbone",
    ):
        super().__init__(name=name)
        if (vocab_size is None) == (features is None):
            raise ValueError("a backbone takes either vocab_size or features")
        self.vocab_size = vocab_size
        self.features = features
        self.embedding_dim = embedding_dim
        self.hidden_dim = blocks[-1].hidden_dim
        if vocab_size is not None:
            self.embed = keras.layers.Embedding(vocab_size, embedding_dim, name="embed")
        else:
            self.embed = keras.layers.Dense(embedding_dim, name="embed")
        self.drop = Dropout(dropout, name="drop")
        self.blocks = blocks

    def build(self, shape=None):
        """Create every variable layer by layer; for a run of the model, TensorFlow would trace each loop."""
        self.embed.build((None, None) if self.features is None else (None, None, self.features))
        hidden_dim = self.embedding_dim
        for block in self.blocks:
            block.build((None, None, hidden_dim))
            hidden_dim = block.hidden_dim

    def outer_layers(self) -> list[keras.Layer]:
        """Returns the embedding layer; a backbone has no output layer."""
        return [self.embed]

    def call(self, inputs, training=False):
        """Map ``{"tokens" or "features", "mask"}`` to ``(batch, time, hidden_dim)``; mask is optional."""
        x = self.embed(inputs["tokens"] if self.vocab_size is not None else inputs["features"])
        return self.run_blocks(self.drop(x, training=training), inputs.get("mask"), training)

    def run_blocks(self, x, mask=None, training=False):
        """Map embedded steps ``(batch, time, embedding)`` to ``(batch, time, hidden_dim)``, through all blocks."""
        if mask is not None and keras.backend.backend() == "torch" and values_are_known(mask) and bool(mask.all()):
            mask = None  # without padding, skip the masking in each convolution and attention
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return x

    def input_specs(self):
        mask = keras.InputSpec("bool", (None, None), name="mask")
        if self.features is None:
            return {"tokens": keras.InputSpec("int32", (None, None), name="tokens"), "mask": mask}
        return {"features": keras.InputSpec("float32", (None, None, self.features), name="features"), "mask": mask}

    def id_counts(self):
        return {} if self.vocab_size is None else {"tokens": self.vocab_size}

    @property
    def max_length(self) -> int | None:
        """Maximum sequence length of the model; ``None`` if unbounded."""
        return min((block.max_length for block in self.blocks if block.max_length is not None), default=None)

    def stream(self, batch_size: int) -> Stream:
        """Returns a stream with that many rows (raises InputError if the model is not causal)."""
        return Stream(self, batch_size)

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the states of all blocks before the first step."""
        return tuple(block.initial_state(batch_size) for block in self.blocks)

    def step(self, x, state: tuple):
        """Map one step: token ids ``(batch,)`` or features ``(batch, features)``.

        Returns:
            ``(batch, hidden_dim)`` and the next state.
        """
        x = self.embed(x)
        states = []
        for block, before in zip(self.blocks, state, strict=True):
            x, after = block.step(x, before)
            states.append(after)
        return x, tuple(states)

    def prefill(self, x, state: tuple):
        """Map several further steps: token ids ``(batch, count)`` or features ``(batch, count, features)``.

        Returns:
            ``(batch, count, hidden_dim)`` and the next state.
        """
        x = self.embed(x)
        states = []
        for block, before in zip(self.blocks, state, strict=True):
            x, after = block.prefill(x, before)
            states.append(after)
        return x, tuple(states)
