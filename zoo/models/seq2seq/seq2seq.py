"""The contract of a sequence-to-sequence model, which decoding, training and analysis know it by."""

from typing import Any

import keras

from zoo.models.registry import SEQ2SEQ
from zoo.models.serialization import FromArchitecture


class Seq2Seq(FromArchitecture, keras.Model):
    """Reads a source sequence and writes a target sequence, a symbol at a time.

    ``align`` runs over whole targets. ``step`` writes one symbol with an explicit state, and gives the same logits.

    Args:
        config: The hyper-parameters; ``source_vocab_size`` and ``target_vocab_size`` among them.
        name: Root of every variable's path.
    """

    table = SEQ2SEQ

    def __init__(self, config: Any, name: str):
        super().__init__(name=name)
        self.config = config

    def encode(self, source, mask, training=False) -> dict[str, Any]:
        """Runs the encoder.

        Args:
            source: Ids, ``(batch, source_time)``.
            mask: Booleans of the same shape, true at real symbols; ``None`` means everywhere.
            training: Whether dropout acts.

        Returns:
            What the decoder reads, the batch first: the memory.
        """
        raise NotImplementedError

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns the decoder's state before the first step.

        Args:
            memory: From ``encode``.
            steps: So many follow at most, if that is known: caches have room for them.
        """
        raise NotImplementedError

    def step(self, target, state: tuple, memory: dict):
        """Decodes one symbol.

        Args:
            target: The symbol before, ids ``(batch,)``.
            state: From ``initial_state`` or the step before.
            memory: From ``encode``.

        Returns:
            Logits ``(batch, target_vocab_size)``, the alignment ``(batch, source_time)`` and the next state.
        """
        raise NotImplementedError

    def align(self, inputs: dict, training=False):
        """Teacher forcing with the alignment.

        Args:
            inputs: ``source`` and, where it is padded, ``source_mask``, ``(batch, source_time)``; ``target (batch,
                target_time)``, the symbols before each output, beginning with the start token.
            training: Whether dropout acts.

        Returns:
            Logits ``(batch, target_time, target_vocab_size)`` and the alignment
            ``(batch, target_time, source_time)``.
        """
        raise NotImplementedError

    def call(self, inputs, training=False):
        """Returns the logits of ``align``."""
        return self.align(inputs, training=training)[0]

    def input_specs(self):
        ids = {name: keras.InputSpec("int32", (None, None), name=name) for name in ("source", "target")}
        return {**ids, "source_mask": keras.InputSpec("bool", (None, None), name="source_mask")}

    def id_counts(self):
        return {"source": self.config.source_vocab_size, "target": self.config.target_vocab_size}
