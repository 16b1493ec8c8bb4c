"""Heads on top of a backbone: one label per sequence, one tag per word, one prediction per step."""

from typing import Any

import keras
from keras import ops

from zoo.backends.keras_internals import standalone
from zoo.layers.attention import masked
from zoo.layers.dropout import Dropout
from zoo.layers.ngrams import NGrams
from zoo.models.backbones.backbone import Backbone
from zoo.models.keras_model import KnownInputs
from zoo.models.streaming import Stream


class Head(KnownInputs):
    """Mixin for a model with a backbone and a head, which Keras can save, clone and pickle."""

    backbone: Any
    head: Any

    def output_layers(self) -> list[keras.Layer]:
        """Returns the layers that compute logits or values."""
        return [self.head]

    def outer_layers(self) -> list[keras.Layer]:
        """Returns the embedding and the output layers."""
        return [*self.backbone.outer_layers(), *self.output_layers()]

    def input_specs(self):
        return self.backbone.input_specs()

    def id_counts(self):
        return self.backbone.id_counts()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Build the model that ``get_config`` described, with random weights."""
        backbone = keras.saving.deserialize_keras_object(config["backbone"], custom_objects)
        return cls.around(**{**config, "backbone": backbone})

    @classmethod
    def around(cls, *arguments, **named):
        """Returns a model with its variables; their paths begin with the names of its layers, in any name scope."""
        with standalone():
            model = cls(*arguments, **named)
            model.build_variables()
        return model

    def build_from_config(self, config):
        """Do nothing: ``from_config`` has created every variable."""


@keras.saving.register_keras_serializable(package="zoo")
class Classifier(Head, keras.Model):
    """Concat pooling over a backbone's positions (Howard & Ruder 2018, arXiv 1801.06146), and a dense layer.

    The head reads the last real position, and the maximum and the mean over all real positions. A hierarchical
    attention network returns one vector per document; the head reads that vector.

    Args:
        backbone: Maps inputs with a ``mask`` to ``(batch, time, hidden_dim)`` or ``(batch, hidden_dim)``.
        labels: Number of classes.
        dropout: Dropout rate before the dense layer.
        ngrams: Number of rows for pairs of tokens in a linear model on n-grams, whose logits are added; 0 has none.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.create_model("tcn_tiny", task="classification", vocab_size=9, num_classes=3)
        >>> model.predict({"tokens": np.ones((2, 5), "int32"), "mask": np.ones((2, 5), "bool")}, verbose=0).shape
        (2, 3)
    """

    def __init__(self, backbone: keras.Model, labels: int, dropout: float, ngrams: int = 0):
        super().__init__(name=f"{backbone.name}_classifier")
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # float32 even under mixed precision: bfloat16 is too coarse for likelihoods.
        self.head = keras.layers.Dense(labels, dtype="float32", name="head")
        self.ngrams = NGrams(backbone.config.vocab_size, ngrams, labels, name="ngrams") if ngrams else None

    def get_config(self):
        """Returns the arguments of ``from_config``."""
        backbone = keras.saving.serialize_keras_object(self.backbone)
        ngrams = self.ngrams.buckets if self.ngrams else 0
        return {"backbone": backbone, "labels": self.head.units, "dropout": self.drop.rate, "ngrams": ngrams}

    def output_layers(self):
        return [self.head, self.ngrams] if self.ngrams else [self.head]

    def features(self, inputs, training=False):
        """Map the backbone's inputs to the head's inputs: ``(batch, 3 * hidden_dim)``, or ``(batch, hidden_dim)``."""
        x = self.backbone(inputs, training=training)
        return concat_pooling(x, inputs.get("mask")) if isinstance(self.backbone, Backbone) else x

    def call(self, inputs, training=False):
        """Map the backbone's inputs to logits, ``(batch, labels)``."""
        logits = self.head(self.drop(self.features(inputs, training), training=training))
        if self.ngrams is None:
            return logits
        tokens = inputs["tokens"]
        mask = inputs.get("mask")
        return logits + self.ngrams(tokens, ops.ones(ops.shape(tokens), "bool") if mask is None else mask)

    def build_variables(self) -> None:
        """Create the head's variables; the backbone is already built."""
        if self.ngrams:
            self.ngrams.build(None)
        self.head.build((None, self.backbone.hidden_dim * (3 if isinstance(self.backbone, Backbone) else 1)))
        self.built = True


def concat_pooling(x, mask):
    """Returns the last position, and the maximum and the mean over real positions.

    Args:
        x: ``(batch, time, hidden_dim)``.
        mask: ``(batch, time)``, true at real positions: at least one per row. ``None`` means everywhere.

    Returns:
        ``(batch, 3 * hidden_dim)``.
    """
    mask = ops.ones(ops.shape(x)[:2], "bool") if mask is None else ops.cast(mask, "bool")
    real = ops.cast(mask, x.dtype)[..., None]
    steps = ops.arange(ops.shape(x)[1])
    last = ops.max(ops.where(mask, steps[None], 0), axis=1)
    last = ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]
    highest = ops.max(masked(x, mask[..., None]), axis=1)
    mean = ops.sum(x * real, axis=1) / ops.sum(real, axis=1)
    return ops.concatenate([last, highest, mean], axis=-1)


@keras.saving.register_keras_serializable(package="zoo")
class Tagger(Head, keras.Model):
    """Joint tagging and classification, as in slot filling with intents (Liu & Lane 2016, arXiv 1609.01454).

    A word is represented by one of its subwords, a sentence by concat pooling.

    Args:
        backbone: Maps ``tokens`` and ``mask`` to ``(batch, time, hidden_dim)``.
        tags: Number of tags.
        labels: Number of sentence labels; 0 omits that head.
        dropout: Dropout rate before the heads.
        lookahead: Whether the tag head also reads the next word, for backbones that read from left to right.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.create_model("lstm_tiny", task="tagging", vocab_size=9, num_tags=5, num_classes=2)
        >>> words = {"tokens": np.ones((1, 4), "int32"), "mask": np.ones((1, 4), "bool"), "first": np.array([[0, 2]])}
        >>> {name: value.shape for name, value in sorted(model.predict(words, verbose=0).items())}
        {'label': (1, 2), 'tags': (1, 2, 5)}
    """

    def __init__(self, backbone: keras.Model, tags: int, labels: int, dropout: float, lookahead: bool = False):
        super().__init__(name=f"{backbone.name}_tagger")
        self.lookahead = lookahead
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # float32 even under mixed precision: bfloat16 is too coarse for likelihoods.
        self.tag_head = keras.layers.Dense(tags, dtype="float32", name="tag_head")
        self.label_head = keras.layers.Dense(labels, dtype="float32", name="label_head") if labels else None

    def get_config(self):
        """Returns the arguments of ``from_config``."""
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {
            "backbone": backbone,
            "tags": self.tag_head.units,
            "labels": self.label_head.units if self.label_head is not None else 0,
            "dropout": self.drop.rate,
            "lookahead": self.lookahead,
        }

    def output_layers(self):
        return [self.tag_head] if self.label_head is None else [self.tag_head, self.label_head]

    def input_specs(self):
        return {**super().input_specs(), "first": keras.InputSpec("int32", (None, None), name="first")}

    def call(self, inputs, training=False):
        """Map sentences to logits.

        Args:
            inputs: ``tokens`` and ``mask`` ``(batch, time)``; ``first (batch, words)``, the position of each word's
                first subword, or with ``lookahead`` of its last. Positions rise; padding has position 0.
            training: Whether to apply dropout.

        Returns:
            ``tags (batch, words, tags)`` and, with labels, ``label (batch, labels)``.
        """
        x = self.backbone({"tokens": inputs["tokens"], "mask": inputs.get("mask")}, training=training)
        places = ops.cast(inputs["first"], "int32")
        words = ops.take_along_axis(x, places[..., None], axis=1)
        if self.lookahead:
            following = ops.concatenate([places[:, 1:], places[:, -1:]], axis=1)
            # The last word has no next one and is read again; the position of the padding after it is 0.
            following = ops.maximum(following, places)
            words = ops.concatenate([words, ops.take_along_axis(x, following[..., None], axis=1)], axis=-1)
        out = {"tags": self.tag_head(self.drop(words, training=training))}
        if self.label_head is not None:
            pooled = concat_pooling(x, inputs.get("mask"))
            out["label"] = self.label_head(self.drop(pooled, training=training))
        return out

    def build_variables(self) -> None:
        """Create the heads' variables; the backbone is already built."""
        hidden_dim = self.backbone.hidden_dim
        self.tag_head.build((None, None, (1 + self.lookahead) * hidden_dim))
        if self.label_head is not None:
            self.label_head.build((None, 3 * hidden_dim))
        self.built = True


class TiedDense(keras.layers.Layer):
    """An output layer with the kernel of an embedding (Press & Wolf 2017, arXiv 1608.05859) and its own bias.

    Args:
        embedding: The embedding layer, ``(units, hidden_dim)``.
        units: Number of logits.
        name: Name of the layer.

    Example:
        >>> import keras, numpy as np
        >>> from zoo.models.heads import TiedDense
        >>> embedding = keras.layers.Embedding(9, 4)
        >>> embedding.build()
        >>> layer = TiedDense(embedding, 9, name="head")
        >>> tuple(layer(np.ones((2, 5, 4), "float32")).shape)
        (2, 5, 9)
        >>> layer.count_params()
        9
    """

    def __init__(self, embedding: keras.layers.Embedding, units: int, name: str):
        super().__init__(dtype="float32", name=name)
        self.units = units
        self._kernel = lambda: embedding.embeddings  # a function, so that Keras does not list the variable twice

    def build(self, shape):
        """Create the bias."""
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x, candidates=None, log_rates=None):
        """Map ``(..., hidden_dim)`` to logits ``(..., units)``.

        Args:
            x: Features.
            candidates: Ids ``(count,)`` of a sampled softmax in training; ``None`` means all ids.
            log_rates: ``(count,)``, the logarithm of each candidate's sampling probability.
        """
        kernel, bias = ops.cast(self._kernel(), "float32"), self.bias
        if candidates is not None:
            kernel, bias = ops.take(kernel, candidates, axis=0), ops.take(bias, candidates) - log_rates
        return ops.matmul(x, ops.transpose(kernel)) + bias


@keras.saving.register_keras_serializable(package="zoo")
class NextStepModel(Head, keras.Model):
    """A causal backbone and a dense layer over every position.

    The model runs over whole sequences, and step by step with an explicit state. Both give the same logits.

    Args:
        backbone: Causal backbone that maps ``tokens (batch, time)`` or ``features (batch, time, features)`` to
            ``(batch, time, hidden_dim)``.
        outputs: Number of logits per step: symbols, or keys that are on or off.
        dropout: Dropout rate before the dense layer.
        tied: Whether the kernel of the dense layer is the backbone's embedding.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.create_model("gru_tiny", task="language_modelling", vocab_size=9, output_dim=9)
        >>> model.predict({"tokens": np.ones((2, 5), "int32")}, verbose=0).shape
        (2, 5, 9)
        >>> model.stream(2).step([1, 1]).shape
        (2, 9)
    """

    def __init__(self, backbone: keras.Model, outputs: int, dropout: float, tied: bool = False):
        super().__init__(name=f"{backbone.name}_predictor")
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # float32 even under mixed precision: bfloat16 is too coarse for likelihoods.
        if tied:
            self.head = TiedDense(backbone.embed, outputs, name="head")
        else:
            self.head = keras.layers.Dense(outputs, dtype="float32", name="head")

    def get_config(self):
        """Returns the arguments of ``from_config``."""
        backbone = keras.saving.serialize_keras_object(self.backbone)
        tied = isinstance(self.head, TiedDense)
        return {"backbone": backbone, "outputs": self.head.units, "dropout": self.drop.rate, "tied": tied}

    def call(self, inputs, training=False):
        """Map the backbone's inputs to logits, ``(batch, time, outputs)``.

        A tied model also takes ``candidates`` and ``log_rates``, as ``TiedDense`` does; it then returns their logits
        only.
        """
        x = self.drop(self.backbone(inputs, training=training), training=training)
        if "candidates" in inputs:
            return self.head(x, inputs["candidates"], inputs["log_rates"])
        return self.head(x)

    def build_variables(self) -> None:
        """Create the head's variables; the backbone is already built."""
        self.head.build((None, None, self.backbone.hidden_dim))
        self.built = True

    def features(self, inputs, training=False):
        """Map the backbone's inputs to pooled features of whole sequences, ``(batch, 3 * hidden_dim)``."""
        return concat_pooling(self.backbone(inputs, training=training), inputs.get("mask"))

    def stream(self, batch_size: int) -> Stream:
        """Returns a stream with that many rows (raises InputError if the model is not causal)."""
        return Stream(self, batch_size)

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step."""
        return self.backbone.initial_state(batch_size)

    def step(self, x, state: tuple):
        """Map one step: token ids ``(batch,)`` or features ``(batch, features)``.

        Returns:
            Logits ``(batch, outputs)`` and the next state.
        """
        x, state = self.backbone.step(x, state)
        return self.head(x), state

    def prefill(self, x, state: tuple):
        """Map several further steps: token ids ``(batch, count)`` or features ``(batch, count, features)``.

        Returns:
            Logits ``(batch, count, outputs)`` and the next state.
        """
        x, state = self.backbone.prefill(x, state)
        return self.head(x), state
