"""A causal backbone and a head that says, at each step, what comes next."""

import keras

from zoo.layers.dropout import Dropout
from zoo.streaming import Stream


class Predictor(keras.Model):
    """A causal backbone and a dense layer over every position.

    It runs over whole sequences and, with an explicit state, step by step; both give the same logits.

    Args:
        backbone: Maps ``tokens (batch, time)`` or ``features (batch, time, features)`` to
            ``(batch, time, width)``, no position seeing a later one.
        outputs: Number of logits a step: symbols, or keys that sound or do not.
        dropout: Rate before the dense layer.
    """

    def __init__(self, backbone: keras.Model, outputs: int, dropout: float):
        super().__init__(name=f"{backbone.name}_predictor")
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # In float32 also where the layers before compute in bfloat16, whose 8 bits are too few for likelihoods.
        self.head = keras.layers.Dense(outputs, dtype="float32", name="head")

    def call(self, inputs, training=False):
        """Maps the backbone's inputs to logits, ``(batch, time, outputs)``."""
        x = self.backbone(inputs, training=training)
        return self.head(self.drop(x, training=training))

    def build_variables(self) -> None:
        """Creates the head's variables; the backbone has its own already."""
        self.head.build((None, None, self.backbone.width))
        self.built = True

    def stream(self, batch_size: int) -> Stream:
        """Returns a stream of so many rows (raises InputError for a model that is not causal)."""
        return Stream(self, batch_size)

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step."""
        return self.backbone.initial_state(batch_size)

    def step(self, x, state: tuple):
        """Maps one step: token ids ``(batch,)`` or features ``(batch, features)``.

        Returns:
            Logits ``(batch, outputs)`` and the next state.
        """
        x, state = self.backbone.step(x, state)
        return self.head(x), state

    def extend(self, x, state: tuple):
        """Maps several steps that follow: token ids ``(batch, count)`` or features ``(batch, count, features)``.

        Returns:
            Logits ``(batch, count, outputs)`` and the next state.
        """
        x, state = self.backbone.extend(x, state)
        return self.head(x), state
