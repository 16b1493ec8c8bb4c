"""The encoder-decoder Transformer: Vaswani et al. 2017 (arXiv 1706.03762)."""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from zoo.layers.attention import cache_update, masked, softmax, split_heads
from zoo.layers.dropout import Dropout
from zoo.layers.masks import real_everywhere
from zoo.models.architecture import Architecture, check
from zoo.models.seq2seq.seq2seq import Seq2Seq, output_layer


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of an encoder-decoder Transformer.

    Attributes:
        source_vocab_size: Number of source ids.
        target_vocab_size: Number of target ids.
        hidden_dim: Number of features per position.
        num_heads: Number of attention heads; they share ``hidden_dim``.
        ffn_dim: Hidden units of each feed-forward layer.
        encoder_layers: Number of encoder layers.
        decoder_layers: Number of decoder layers.
        max_target: Maximum target length, including the start token: the size of the decoder's cache.
        norm_first: Pre-norm (true), or post-norm as in 2017 (false).
        relative: Number of offsets in each direction between a query and a key that have their own learned score per
            head (Raffel et al. 2020, arXiv 1910.10683, section 2.1). Larger offsets share the last score. The sinusoids
            stay. 0, as in 2017, has no scores.
        dropout: Dropout rate on embeddings, attention weights and each residual branch.
        tie_embeddings: Whether source, target and output layer share one embedding, of one joint vocabulary (Press &
            Wolf 2017, arXiv 1608.05859).
    """

    source_vocab_size: int
    target_vocab_size: int
    hidden_dim: int = 192
    num_heads: int = 4
    ffn_dim: int = 512
    encoder_layers: int = 4
    decoder_layers: int = 3
    max_target: int = 64
    norm_first: bool = True
    relative: int = 0
    dropout: float = 0.1
    tie_embeddings: bool = False

    def __post_init__(self):
        for field in ("source_vocab_size", "target_vocab_size", "hidden_dim", "num_heads", "ffn_dim", "max_target"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(0 <= self.relative <= 65_536, "relative must be in 0..65536")
        check(1 <= self.encoder_layers <= 64, "encoder_layers must be in 1..64")
        check(1 <= self.decoder_layers <= 64, "decoder_layers must be in 1..64")
        check(self.hidden_dim % self.num_heads == 0, "hidden_dim must be a multiple of num_heads")
        check(self.hidden_dim % 2 == 0, "hidden_dim must be even")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        same = self.source_vocab_size == self.target_vocab_size
        check(same or not self.tie_embeddings, "tie_embeddings needs one vocabulary for source and target")


def sinusoids(length, hidden_dim: int, dtype: str):
    """Returns the sinusoidal positions of Vaswani et al. 2017, section 3.5, ``(length, hidden_dim)``."""
    rates = ops.convert_to_tensor(10_000.0 ** (-np.arange(0, hidden_dim, 2, dtype="float32") / hidden_dim))
    angles = ops.arange(length, dtype="float32")[:, None] * rates[None]
    return ops.cast(ops.reshape(ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1), (-1, hidden_dim)), dtype)


class Attention(keras.layers.Layer):
    """Multi-head attention with separate projections, so that keys and values can be cached."""

    def __init__(self, hidden_dim: int, num_heads: int, relative: int, dropout: float, name: str):
        super().__init__(name=name)
        self.num_heads, self.relative = num_heads, relative
        self.scale = 1 / math.sqrt(hidden_dim // num_heads)
        self.query = keras.layers.Dense(hidden_dim, name="query")
        self.key_value = keras.layers.Dense(2 * hidden_dim, name="key_value")
        self.key_value.matrices = 2
        self.out = keras.layers.Dense(hidden_dim, name="out")
        self.drop = Dropout(dropout, name="drop")

    def build(self, shape):
        for dense in (self.query, self.key_value, self.out):
            dense.build(shape)
        if self.relative:
            offsets = 2 * self.relative + 1
            self.offset_scores = self.add_weight((offsets, self.num_heads), initializer="zeros", name="offset_scores")

    def project(self, memory):
        """Map ``(batch, time, hidden_dim)`` to keys and values, each ``(batch, time, hidden_dim)``."""
        return ops.split(self.key_value(memory), 2, axis=-1)

    def _by_offset(self, positions, key_time: int):
        """Returns the score of each offset, ``(batch or 1, heads, query_time, key_time)``."""
        offsets = ops.arange(key_time)[None, None] - positions[:, :, None]
        places = ops.clip(offsets, -self.relative, self.relative) + self.relative
        return ops.transpose(ops.take(self.offset_scores, places, axis=0), (0, 3, 1, 2))

    def call(self, x, keys, values, mask, positions, training=False):
        """Attend to keys and values.

        Args:
            x: Queries, ``(batch, query_time, hidden_dim)``.
            keys: ``(batch, key_time, hidden_dim)``.
            values: Same shape as the keys.
            mask: Booleans that broadcast to ``(batch, heads, query_time, key_time)``.
            positions: Positions of the queries, ``(batch or 1, query_time)``; those of the keys count from 0.
            training: Whether to apply dropout.

        Returns:
            ``(batch, query_time, hidden_dim)`` and the weights ``(batch, heads, query_time, key_time)``.
        """
        query, key, value = (split_heads(y, self.num_heads) for y in (self.query(x) * self.scale, keys, values))
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key)
        if self.relative:
            scores = scores + ops.cast(self._by_offset(positions, ops.shape(keys)[1]), scores.dtype)
        weights = softmax(masked(scores, mask))
        context = ops.einsum("bhqk,bkhd->bqhd", self.drop(weights, training=training), value)
        return self.out(ops.reshape(context, ops.shape(x))), weights


class Layer(keras.layers.Layer):
    """Self-attention, attention to the encoder (in a decoder layer), and feed-forward."""

    def __init__(self, config: Config, cross: bool, name: str):
        super().__init__(name=name)
        self.norm_first = config.norm_first
        arguments = (config.hidden_dim, config.num_heads, config.relative, config.dropout)
        self.self_attention = Attention(*arguments, name="self_attention")
        self.self_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="self_norm")
        if cross:
            self.cross_attention = Attention(*arguments, name="cross_attention")
            self.cross_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="cross_norm")
        self.expand = keras.layers.Dense(config.ffn_dim, activation="relu", name="expand")
        self.contract = keras.layers.Dense(config.hidden_dim, name="contract")
        self.feed_forward_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="feed_forward_norm")
        self.drop = Dropout(config.dropout, name="drop")
        self.cross = cross

    def build(self, shape):
        # Build every layer here because a variable's path depends on where its layer is built.
        parts = [self.self_attention, self.self_norm, self.expand, self.feed_forward_norm]
        parts += [self.cross_attention, self.cross_norm] if self.cross else []
        for part in parts:
            part.build(shape)
        self.contract.build((*shape[:-1], self.expand.units))

    def _add(self, x, norm, part, training):
        """Add one residual branch; ``part`` returns its output and further results."""
        if self.norm_first:
            y, extra = part(norm(x))
            return x + self.drop(y, training=training), extra
        y, extra = part(x)
        return norm(x + self.drop(y, training=training)), extra

    def call(self, x, mask, positions, cross=None, cross_mask=None, cache=None, training=False):
        """Map ``x`` through the layer.

        Args:
            x: ``(batch, time, hidden_dim)``.
            mask: Positions that each position may read, ``(batch, 1, time or 1, key_time)``.
            positions: Positions of ``x``, ``(batch or 1, time)``.
            cross: The encoder's keys and values for this layer, or ``None`` in the encoder.
            cross_mask: The source's mask, ``(batch, 1, 1, source_time)``.
            cache: Past keys and values, each ``(batch, steps, hidden_dim)``, for running step by step.
            training: Whether to apply dropout.

        Returns:
            ``(batch, time, hidden_dim)``, the weights over the source ``(batch, heads, time, source_time)`` (``None``
            in an encoder), and the updated cache.
        """

        def attend_self(y):
            keys, values = self.self_attention.project(y)
            if cache is not None:
                keys = cache_update(cache[0], positions[:, 0], keys[:, 0])
                values = cache_update(cache[1], positions[:, 0], values[:, 0])
            context, _ = self.self_attention(y, keys, values, mask, positions, training=training)
            return context, (keys, values)

        x, cache = self._add(x, self.self_norm, attend_self, training)
        weights = None
        if cross is not None:
            x, weights = self._add(
                x,
                self.cross_norm,
                lambda y: self.cross_attention(y, *cross, cross_mask, positions, training=training),
                training,
            )
        x, _ = self._add(x, self.feed_forward_norm, lambda y: (self.contract(self.expand(y)), None), training)
        return x, weights, cache


@keras.saving.register_keras_serializable(package="zoo")
class TransformerSeq2Seq(Seq2Seq):
    """The encoder-decoder Transformer with sinusoidal positions.

    The alignment is the attention of the last layer, averaged over its heads.

    Args:
        config: The config.

    Example:
        >>> import numpy as np, zoo
        >>> sizes = {"source_vocab_size": 9, "target_vocab_size": 7}
        >>> model = zoo.create_model("transformer_tiny", task="sequence_to_sequence", **sizes)
        >>> source, target = np.ones((2, 5), "int32"), np.ones((2, 4), "int32")
        >>> model.predict({"source": source, "source_mask": source > 0, "target": target}, verbose=0).shape
        (2, 4, 7)
    """

    def __init__(self, config: Config):
        super().__init__(config, "transformer_seq2seq")
        self.source_embed = self._embedding(config.source_vocab_size, "source_embed")
        self.target_embed = self.source_embed
        if not config.tie_embeddings:
            self.target_embed = self._embedding(config.target_vocab_size, "target_embed")
        self.encoder = [Layer(config, False, f"encoder_{i}") for i in range(config.encoder_layers)]
        self.decoder = [Layer(config, True, f"decoder_{i}") for i in range(config.decoder_layers)]
        if config.norm_first:  # the sum of pre-norm layers is not normalised elsewhere
            self.encoder_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="encoder_norm")
            self.decoder_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="decoder_norm")
        tied = self.target_embed if config.tie_embeddings else None
        self.logits = output_layer(config.target_vocab_size, tied)
        self.drop = Dropout(config.dropout, name="drop")

    def _embedding(self, symbols: int, name: str):
        # Variance 1 after ``_scaled``, so that positions do not dominate the symbols at the start.
        normal = keras.initializers.RandomNormal(stddev=self.config.hidden_dim**-0.5)
        return keras.layers.Embedding(symbols, self.config.hidden_dim, normal, name=name)

    def _scaled(self, embedding, ids):
        return embedding(ids) * math.sqrt(self.config.hidden_dim)

    def _positions(self, length):
        return sinusoids(length, self.config.hidden_dim, self.compute_dtype)

    def encode(self, source, mask, training=False) -> dict:
        """Returns the keys and values of each decoder layer, and the mask."""
        positions = ops.arange(ops.shape(source)[1])[None]
        x = self._scaled(self.source_embed, source) + self._positions(ops.shape(source)[1])
        x = self.drop(x, training=training)
        mask = real_everywhere(source) if mask is None else ops.cast(mask, "bool")
        mask = mask[:, None, None, :]
        for layer in self.encoder:
            x, _, _ = layer(x, mask, positions, training=training)
        x = self.encoder_norm(x) if self.config.norm_first else x
        return {"cross": [layer.cross_attention.project(x) for layer in self.decoder], "mask": mask}

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns empty caches and position 0 of each row.

        Args:
            memory: From ``encode``.
            steps: Maximum number of steps, the size of the caches; the default is ``max_target``.
        """
        keys = memory["cross"][0][0]
        batch = ops.shape(keys)[0]
        empty = ops.zeros((batch, steps or self.config.max_target, self.config.hidden_dim), dtype=keys.dtype)
        return (*((empty, empty) for _ in self.decoder), ops.zeros((batch,), dtype="int32"))

    def step(self, target, state: tuple, memory: dict):
        *caches, position = state
        room = caches[0][0].shape[1]
        positions = ops.take(self._positions(room), position, axis=0)
        x = (self._scaled(self.target_embed, target) + positions)[:, None]
        mask = (ops.arange(room)[None] <= position[:, None])[:, None, None]
        weights, after = None, []
        for layer, cross, cache in zip(self.decoder, memory["cross"], caches, strict=True):
            x, weights, cache = layer(x, mask, position[:, None], cross, memory["mask"], cache)
            after.append(cache)
        x = self.decoder_norm(x) if self.config.norm_first else x
        return self.logits(x)[:, 0], ops.mean(weights, axis=1)[:, 0], (*after, position + 1)

    def align(self, inputs: dict, training=False):
        memory = self.encode(inputs["source"], inputs.get("source_mask"), training=training)
        length = ops.shape(inputs["target"])[1]
        positions = ops.arange(length)[None]
        x = self._scaled(self.target_embed, inputs["target"]) + self._positions(length)
        x = self.drop(x, training=training)
        # A position reads itself and earlier ones; padding is after them and therefore hidden.
        mask = (positions <= ops.transpose(positions))[None, None]
        weights = None
        for layer, cross in zip(self.decoder, memory["cross"], strict=True):
            x, weights, _ = layer(x, mask, positions, cross, memory["mask"], training=training)
        x = self.decoder_norm(x) if self.config.norm_first else x
        return self.logits(x), ops.mean(weights, axis=1)

    def encoder_parts(self):
        return [*self.encoder, self.encoder_norm] if self.config.norm_first else list(self.encoder)

    def build_variables(self) -> None:
        """Create every variable layer by layer; a run of the model takes longer on TensorFlow."""
        features = (None, None, self.config.hidden_dim)
        parts = [*self.encoder, *self.decoder, self.logits]
        parts += [self.encoder_norm, self.decoder_norm] if self.config.norm_first else []
        for part in parts:
            part.build(features)
        for embed in dict.fromkeys((self.source_embed, self.target_embed)):  # once if they are one
            embed.build((None, None))
        self.built = True


def build(config: Config) -> TransformerSeq2Seq:
    """Returns the model with its variables."""
    model = TransformerSeq2Seq(config)
    model.build_variables()
    return model


TRANSFORMER_SEQ2SEQ = Architecture(
    name="transformer",
    config=Config,
    build=build,
    sizes={
        "tiny": {
            "hidden_dim": 16,
            "num_heads": 2,
            "ffn_dim": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "dropout": 0.0,
        },
        "small": {},
        "base": {"hidden_dim": 256, "num_heads": 8, "ffn_dim": 1024, "encoder_layers": 6, "decoder_layers": 3},
    },
    paper="Vaswani et al. 2017 (arXiv 1706.03762)",
    receptive_field=lambda config: None,
    path_length=lambda config, length: config.encoder_layers + config.decoder_layers,
)
