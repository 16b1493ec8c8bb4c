"""Hierarchical attention network over words and sentences: Yang et al. 2016 (aclanthology.org/N16-1174)."""

import dataclasses
from typing import ClassVar

import keras
from keras import ops

from zoo.layers.dropout import Dropout
from zoo.layers.pooling import AttentionPooling
from zoo.layers.recurrence import Bidirectional
from zoo.models.architecture import Architecture, check
from zoo.models.registry import DOCUMENT
from zoo.models.serialization import FromArchitecture


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a hierarchical attention network; the defaults are those of section 3.3.

    Attributes:
        vocab_size: Number of token ids.
        embedding_dim: Number of features of a word vector.
        units: Units per direction of both GRUs. Sentences, the document and the two context vectors have twice as many
            features.
        dropout: Dropout rate on the word vectors, the sentence vectors and the document vector.
    """

    causal: ClassVar[bool] = False

    vocab_size: int
    embedding_dim: int = 200
    units: int = 50
    dropout: float = 0.0

    def __post_init__(self):
        check(self.vocab_size >= 1, "vocab_size must be at least 1")
        for field in ("embedding_dim", "units"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def hidden_dim(self) -> int:
        """Number of features of a sentence and of the document."""
        return 2 * self.units


class Level(keras.layers.Layer):
    """A bidirectional GRU with attention pooling over its outputs.

    Args:
        units: Units per direction.
        name: Name of the layer.
    """

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self.both = Bidirectional("gru", units, name="both", inner="gru")
        self.pool = AttentionPooling(2 * units, name="pool")

    def build(self, shape):
        self.both.build(shape)
        self.pool.build((*shape[:-1], self.pool.project.units))

    def call(self, x, mask):
        """Map ``x (batch, time, features)`` to ``(batch, 2 * units)`` and weights ``(batch, time)``."""
        return self.pool(self.both(x, mask=mask), mask)


@keras.saving.register_keras_serializable(package="zoo")
class HierarchicalAttentionNetwork(FromArchitecture, keras.Model):
    """Read a document as sentences of words; see figure 2 of the paper.

    Args:
        config: The config.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.create_model("hierarchical_attention_network_tiny", vocab_size=9)
        >>> documents = {"tokens": np.ones((2, 3, 4), "int32"), "mask": np.ones((2, 3, 4), "bool")}
        >>> model.predict(documents, verbose=0).shape == (2, model.hidden_dim)
        True
    """

    table = DOCUMENT

    def __init__(self, config: Config):
        super().__init__(name="hierarchical_attention_network")
        self.config = config
        self.hidden_dim = config.hidden_dim
        self.embed = keras.layers.Embedding(config.vocab_size, config.embedding_dim, name="embed")
        self.words = Level(config.units, name="words")
        self.sentences = Level(config.units, name="sentences")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape=None):
        self.embed.build((None, None, None))
        self.words.build((None, None, self.config.embedding_dim))
        self.sentences.build((None, None, self.config.hidden_dim))
        self.built = True

    def outer_layers(self) -> list[keras.Layer]:
        """Returns the embedding layer; a backbone has no output layer."""
        return [self.embed]

    def attend(self, inputs, training=False):
        """Read documents and return the attention weights.

        Args:
            inputs: ``{"tokens", "mask"}``, both ``(batch, sentences, words)``. The mask is optional and true at real
                words. A sentence without words counts as padding.
            training: Whether to apply dropout.

        Returns:
            Documents ``(batch, hidden_dim)``, sentence weights ``(batch, sentences)``, and word weights
            ``(batch, sentences, words)``. Weights of padding are 0.
        """
        tokens = inputs["tokens"]
        mask = inputs.get("mask")
        mask = ops.ones_like(tokens, dtype="bool") if mask is None else ops.cast(mask, "bool")
        batch, count, length = ops.shape(tokens)
        x = self.drop(self.embed(tokens), training=training)
        # Sentences are encoded independently, as rows of one batch.
        x = ops.reshape(x, (batch * count, length, self.config.embedding_dim))
        x, word_weights = self.words(x, ops.reshape(mask, (batch * count, length)))
        x = self.drop(ops.reshape(x, (batch, count, self.config.hidden_dim)), training=training)
        x, sentence_weights = self.sentences(x, ops.any(mask, axis=-1))
        return self.drop(x, training=training), sentence_weights, ops.reshape(word_weights, (batch, count, length))

    def input_specs(self):
        shape = (None, None, None)
        return {
            "tokens": keras.InputSpec("int32", shape, name="tokens"),
            "mask": keras.InputSpec("bool", shape, name="mask"),
        }

    def id_counts(self):
        return {"tokens": self.config.vocab_size}

    def call(self, inputs, training=False):
        """Map documents, in the form of ``attend``, to ``(batch, hidden_dim)``."""
        return self.attend(inputs, training=training)[0]


def build(config: Config) -> HierarchicalAttentionNetwork:
    """Returns the network with its variables."""
    model = HierarchicalAttentionNetwork(config)
    model.build()
    return model


NETWORK = Architecture(
    name="hierarchical_attention_network",
    config=Config,
    build=build,
    sizes={
        "tiny": {"embedding_dim": 12, "units": 5},
        "small": {"units": 128, "dropout": 0.2},
        "base": {"embedding_dim": 300, "units": 256, "dropout": 0.2},
    },
    paper="Yang et al. 2016 (aclanthology.org/N16-1174)",
    receptive_field=lambda config: None,
    # For a document with as many sentences as words per sentence: through a word's GRU, the sentence's attention, and
    # all sentences.
    path_length=lambda config, length: 2 + round(length**0.5),
)
