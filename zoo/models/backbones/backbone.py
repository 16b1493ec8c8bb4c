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
    """One level of a backbone, ``(batch, time, features)`` in and ``(batch, time, hidden_dim)`` out.

    A causal block also runs one step at a time. Its state is an explicit value, a tensor or a tuple
    of tensors with the batch first, never hidden in the layer, so that any number of streams can
    share one block and a state can be saved, copied or reset row by row.

    ``build`` makes every variable, so that a model has them without a run.

    Args:
        hidden_dim: Features of its output.
        name: The block's name.
    """

    max_length: int | None = None  # steps of the longest sequence, where there is one

    def __init__(self, hidden_dim: int, name: str):
        super().__init__(name=name)
        self.hidden_dim = hidden_dim
        self.supports_masking = True  # masks come as arguments; Keras need not warn of its own

    def call(self, x, mask=None, training=False):
        """Map a whole sequence.

        Args:
            x: ``(batch, time, features)``.
            mask: ``(batch, time)`` booleans, true where ``x`` is real; ``None`` means everywhere.
            training: Whether dropout acts.

        Returns:
            ``(batch, time, hidden_dim)``. What stands at masked positions means nothing.
        """
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> Any:
        """Returns the state before the first step."""
        raise ValueError(f"{self.name} is not causal: it cannot run step by step")

    def step(self, x, state):
        """Map one step.

        Args:
            x: ``(batch, features)``.
            state: What ``initial_state`` or the step before returned.

        Returns:
            ``(batch, hidden_dim)`` and the next state.
        """
        raise ValueError(f"{self.name} is not causal: it cannot run step by step")

    def prefill(self, x, state):
        """Map several steps that follow what the state has read: what as many calls of ``step`` would.

        This loops over them. Blocks that can do better compute them side by side.

        Args:
            x: ``(batch, count, features)``, ``count`` fixed.
            state: As for ``step``.

        Returns:
            ``(batch, count, hidden_dim)`` and the next state.
        """
        # A loop written out: Keras's scan on TensorFlow takes outputs of the state's shape only (3.15).
        steps = ops.swapaxes(x, 0, 1)
        count = steps.shape[0]

        def advance(t, out, *flat):
            y, after = self.step(ops.take(steps, t, axis=0), tree.pack_sequence_as(state, list(flat)))
            here = ops.reshape(ops.arange(count) == t, (count, 1, 1))
            return t + 1, ops.where(here, y[None], out), *tree.flatten(after)

        out = ops.zeros((count, steps.shape[1], self.hidden_dim), self.compute_dtype)
        start = (ops.convert_to_tensor(0, "int32"), out, *tree.flatten(state))
        _, out, *flat = ops.while_loop(lambda t, *_: t < count, advance, start)
        return ops.swapaxes(out, 0, 1), tree.pack_sequence_as(state, list(flat))


class FinalNorm(Block):
    """The norm after the last block: what residual parts add up is normalised nowhere else.

    Args:
        norm: The norm, named ``"norm"``.
        hidden_dim: Features in and out.
        name: The block's name.
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
    """An input layer and a stack of blocks; heads know its output ``(batch, time, hidden_dim)`` only.

    Args:
        blocks: The stack, in order.
        embedding_dim: Width of the input layer's output, in features.
        vocab_size: Number of token ids, for ``tokens (batch, time)``; or
        features: number of input features, for ``features (batch, time, features)``. One of the two.
        dropout: Rate after the input layer.
        name: Root of every variable's path.

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
        """Create every variable. By its layers and not by a run, for which TensorFlow would trace each loop."""
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
            mask = None  # nothing to hide: spares each convolution a product with ones, each attention a larger mask
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
        """Steps of the longest sequence that the model can read; ``None`` if unbounded."""
        return min((block.max_length for block in self.blocks if block.max_length is not None), default=None)

    def stream(self, batch_size: int) -> Stream:
        """Returns a stream of so many rows (raises InputError for a model that is not causal)."""
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
        """Map several steps that follow: token ids ``(batch, count)`` or features ``(batch, count, features)``.

        Returns:
            ``(batch, count, hidden_dim)`` and the next state.
        """
        x = self.embed(x)
        states = []
        for block, before in zip(self.blocks, state, strict=True):
            x, after = block.prefill(x, before)
            states.append(after)
        return x, tuple(states)
