"""The interface of sequence-to-sequence models; decoding, training and analysis use only these methods."""

from typing import Any

import keras

from zoo.models.heads import TiedDense
from zoo.models.registry import SEQ2SEQ
from zoo.models.serialization import FromArchitecture


def output_layer(vocab_size: int, tied: keras.layers.Embedding | None = None) -> keras.layers.Layer:
    """Returns the output layer.

    Args:
        vocab_size: Number of target ids.
        tied: An embedding whose vectors are the layer's kernel; ``None`` gives the layer its own kernel.
    """
    if tied is not None:
        return TiedDense(tied, vocab_size, name="logits")
    # float32 even under mixed precision: bfloat16 is too coarse for likelihoods.
    return keras.layers.Dense(vocab_size, dtype="float32", name="logits")


class Seq2Seq(FromArchitecture, keras.Model):
    """Base class: read a source sequence and write a target sequence, symbol by symbol.

    ``align`` runs over whole targets; ``step`` decodes one symbol with an explicit state. Their logits are equal.

    Args:
        config: Config with ``source_vocab_size`` and ``target_vocab_size``.
        name: First part of the variables' paths.
    """

    table = SEQ2SEQ
    source_embed: keras.Layer
    target_embed: keras.Layer
    logits: keras.Layer

    def __init__(self, config: Any, name: str):
        super().__init__(name=name)
        self.config = config

    def encode(self, source, mask, training=False) -> dict[str, Any]:
        """Run the encoder.

        Args:
            source: Ids, ``(batch, source_time)``.
            mask: Booleans of the same shape, true at real symbols; ``None`` means everywhere.
            training: Whether to apply dropout.

        Returns:
            The memory for the decoder: tensors, batch first.
        """
        raise NotImplementedError

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns the decoder's state before the first step.

        Args:
            memory: From ``encode``.
            steps: Maximum number of steps, if known: the size of the caches.
        """
        raise NotImplementedError

    def step(self, target, state: tuple, memory: dict):
        """Decode one symbol.

        Args:
            target: The previous symbol, ids ``(batch,)``.
            state: From ``initial_state`` or the previous step.
            memory: From ``encode``.

        Returns:
            Logits ``(batch, target_vocab_size)``, the alignment ``(batch, source_time)`` and the next state.
        """
        raise NotImplementedError

    def align(self, inputs: dict, training=False):
        """Run with teacher forcing, and also return the alignment.

        Args:
            inputs: ``source`` and, where it is padded, ``source_mask``, ``(batch, source_time)``;
                ``target (batch, target_time)``, the targets shifted right after the start token.
            training: Whether to apply dropout.

        Returns:
            Logits ``(batch, target_time, target_vocab_size)`` and the alignment
            ``(batch, target_time, source_time)``.
        """
        raise NotImplementedError

    def encoder_parts(self) -> list[keras.Layer]:
        """Returns the layers of the encoder, without the embedding."""
        raise NotImplementedError

    def outer_layers(self) -> list[keras.Layer]:
        """Returns the embeddings and then the output layer."""
        return [self.source_embed, self.target_embed, self.logits]

    def call(self, inputs, training=False):
        """Returns the logits of ``align``."""
        return self.align(inputs, training=training)[0]

    def input_specs(self):
        ids = {name: keras.InputSpec("int32", (None, None), name=name) for name in ("source", "target")}
        return {**ids, "source_mask": keras.InputSpec("bool", (None, None), name="source_mask")}

    def id_counts(self):
        return {"source": self.config.source_vocab_size, "target": self.config.target_vocab_size}
