"""Convolutional sequence to sequence, ConvS2S: Gehring et al. 2017 (arXiv 1705.03122)."""

import dataclasses
import math

import keras
from keras import ops

from zoo.layers.attention import masked, softmax
from zoo.layers.convolution import Convolution, zero_masked
from zoo.layers.dropout import Dropout
from zoo.layers.masks import real_everywhere
from zoo.models.architecture import Architecture, check
from zoo.models.seq2seq.seq2seq import Seq2Seq, output_layer

HALF = math.sqrt(0.5)  # keeps the variance where two branches are added


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of ConvS2S.

    Attributes:
        source_vocab_size: Number of source ids.
        target_vocab_size: Number of target ids.
        embedding_dim: Number of features of embeddings, positions, keys and queries.
        hidden_dim: Number of features of the convolutions.
        encoder_layers: Number of gated convolutions of the encoder.
        decoder_layers: Number of gated convolutions of the decoder, each with its own attention.
        kernel_size: Taps of each convolution, an odd number.
        max_source: Maximum source symbols, because positions are learned.
        max_target: Maximum target symbols.
        dropout: Dropout rate on embeddings, on the input of each convolution and before the logits.
        tie_embeddings: Whether source, target and output layer share one embedding, of one joint vocabulary (Press &
            Wolf 2017, arXiv 1608.05859).
    """

    source_vocab_size: int
    target_vocab_size: int
    embedding_dim: int = 256
    hidden_dim: int = 256
    encoder_layers: int = 4
    decoder_layers: int = 3
    kernel_size: int = 3
    max_source: int = 64
    max_target: int = 64
    dropout: float = 0.2
    tie_embeddings: bool = False

    def __post_init__(self):
        sizes = ("source_vocab_size", "target_vocab_size", "embedding_dim", "hidden_dim", "max_source", "max_target")
        for field in sizes:
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.encoder_layers <= 64, "encoder_layers must be in 1..64")
        check(1 <= self.decoder_layers <= 64, "decoder_layers must be in 1..64")
        check(1 <= self.kernel_size <= 63 and self.kernel_size % 2 == 1, "kernel_size must be odd and in 1..63")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        same = self.source_vocab_size == self.target_vocab_size
        check(same or not self.tie_embeddings, "tie_embeddings needs one vocabulary for source and target")


def scale_gradient(x, factor: float):
    """Returns ``x`` unchanged, with its gradient multiplied by ``factor``."""
    return x * factor + ops.stop_gradient(x) * (1 - factor)


def gated(x):
    """Returns ``a * sigmoid(b)`` for the halves ``a`` and ``b`` of the last axis (Dauphin et al. 2017, GLU)."""
    value, gate = ops.split(x, 2, axis=-1)
    return value * ops.sigmoid(gate)


class Embedding(keras.layers.Layer):
    """The sum of learned vectors for a symbol and for its position.

    Args:
        vocab_size: Number of ids.
        max_length: Number of positions.
        size: Number of features of both.
        name: Name of the layer.
        symbols: The embedding of the symbols, if it is that of another layer.
    """

    def __init__(self, vocab_size: int, max_length: int, size: int, name: str, symbols=None):
        super().__init__(name=name)
        self.max_length = max_length
        normal = keras.initializers.RandomNormal(stddev=0.1)
        self.symbols = symbols or keras.layers.Embedding(vocab_size, size, normal, name="symbols")
        self.positions = keras.layers.Embedding(max_length, size, normal, name="positions")

    def build(self, shape):
        if not self.symbols.built:
            self.symbols.build(shape)
        self.positions.build(shape)

    def call(self, ids, positions):
        """Map ids and positions, of shapes that broadcast, to ``(..., size)``; positions beyond the last give NaN."""
        rows = self.positions(ops.minimum(positions, self.max_length - 1))
        rows = ops.where((positions < self.max_length)[..., None], rows, ops.cast(float("nan"), rows.dtype))
        return self.symbols(ids) + rows


class DecoderLayer(keras.layers.Layer):
    """A causal gated convolution and an attention over the source, inside a residual connection.

    ``h' = GLU(conv(h))``. With the target embedding ``g``: ``d = (W h' + b + g) sqrt(.5)``, and weights
    ``softmax(d z)``. The context ``c`` of ``values`` is scaled by ``m sqrt(1 / m)`` for ``m`` real source positions.
    The output is ``((h' + V c + b) sqrt(.5) + h) sqrt(.5)`` (equations 1 and 2, section 3.4).

    Args:
        config: The config.
        name: Name of the layer.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(name=name)
        self.convolution = _convolution(config, causal=True, name="convolution")
        self.query = _linear(config.hidden_dim, config.embedding_dim, "query")
        self.out = _linear(config.embedding_dim, config.hidden_dim, "out")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        for part in (self.convolution, self.query, self.out):
            part.build(shape)

    def _attend(self, residual, h, target, memory: dict):
        query = (self.query(h) + target) * HALF
        scores = ops.matmul(query, ops.transpose(memory["keys"], (0, 2, 1)))
        weights = softmax(masked(scores, memory["mask"][:, None]))
        context = ops.matmul(weights, memory["values"]) * memory["scale"]
        return ((h + self.out(context)) * HALF + residual) * HALF, weights

    def call(self, x, target, memory: dict, training=False):
        """Map ``x (batch, time, hidden_dim)`` with embeddings ``target`` to the output and the attention weights."""
        h = gated(self.convolution(self.drop(x, training=training)))
        return self._attend(x, h, target, memory)

    def step(self, x, target, memory: dict, state: tuple):
        """Map one step, ``x (batch, hidden_dim)``, to the output, the weights and the convolution's next state."""
        h, state = self.convolution.step(x, state)
        x, weights = self._attend(x[:, None], gated(h)[:, None], target[:, None], memory)
        return x[:, 0], weights[:, 0], state


def _convolution(config: Config, causal: bool, name: str) -> Convolution:
    """Returns a convolution with doubled outputs for the gates; weights have variance ``4 (1 - p) / (k c)``."""
    spread = math.sqrt(4 * (1 - config.dropout) / (config.kernel_size * config.hidden_dim))
    return Convolution(
        config.hidden_dim,
        2 * config.hidden_dim,
        config.kernel_size,
        1,
        causal,
        name=name,
        weight_norm=True,
        initializer=keras.initializers.RandomNormal(stddev=spread),
    )


def _linear(inputs: int, outputs: int, name: str) -> Convolution:
    """Returns a dense layer with weight norm: a convolution of one tap."""
    normal = keras.initializers.RandomNormal(stddev=inputs**-0.5)
    return Convolution(inputs, outputs, 1, 1, True, name=name, weight_norm=True, initializer=normal)


@keras.saving.register_keras_serializable(package="zoo")
class ConvolutionalSeq2Seq(Seq2Seq):
    """A convolutional encoder, and a convolutional decoder with attention in each layer.

    The alignment is the mean of the attention weights of all layers.

    Args:
        config: The config.

    Example:
        >>> import numpy as np, zoo
        >>> sizes = {"source_vocab_size": 30, "target_vocab_size": 20}
        >>> model = zoo.create_model("tcn_tiny", task="sequence_to_sequence", **sizes)
        >>> source = np.ones((2, 7), "int32")
        >>> tuple(model({"source": source, "source_mask": source > 0, "target": source[:, :5]}).shape)
        (2, 5, 20)
    """

    def __init__(self, config: Config):
        super().__init__(config, "tcn_seq2seq")
        size, hidden = config.embedding_dim, config.hidden_dim
        self.source_embed = Embedding(config.source_vocab_size, config.max_source, size, "source_embed")
        tied = self.source_embed.symbols if config.tie_embeddings else None
        self.target_embed = Embedding(config.target_vocab_size, config.max_target, size, "target_embed", tied)
        self.encoder_in = _linear(size, hidden, "encoder_in")
        self.encoder = [_convolution(config, causal=False, name=f"encoder_{i}") for i in range(config.encoder_layers)]
        self.encoder_out = _linear(hidden, size, "encoder_out")
        self.decoder_in = _linear(size, hidden, "decoder_in")
        self.decoder = [DecoderLayer(config, f"decoder_{i}") for i in range(config.decoder_layers)]
        self.decoder_out = _linear(hidden, size, "decoder_out")
        self.logits = output_layer(config.target_vocab_size, tied)
        self.drop = Dropout(config.dropout, name="drop")

    def encode(self, source, mask, training=False) -> dict:
        """Returns keys, values, mask and scale.

        ``keys`` z and ``values`` ``(z + e) sqrt(.5)``, with embeddings e, are ``(batch, source_time, embedding_dim)``.
        The ``scale`` of the contexts is ``(batch, 1, 1)``.
        """
        mask = real_everywhere(source) if mask is None else ops.cast(mask, "bool")
        positions = ops.arange(ops.shape(source)[1])[None]
        embedded = self.drop(self.source_embed(source, positions), training=training)
        x = self.encoder_in(embedded)
        for convolution in self.encoder:
            y = gated(convolution(zero_masked(self.drop(x, training=training), mask)))
            x = (x + y) * HALF
        # Each decoder layer reads keys and values; the sum of their gradients would be too large for the encoder.
        keys = scale_gradient(self.encoder_out(x), 1 / (2 * self.config.decoder_layers))
        count = ops.sum(ops.cast(mask, keys.dtype), axis=1)
        return {
            "keys": keys,
            "values": (keys + embedded) * HALF,
            "mask": mask,
            "scale": ops.sqrt(count)[:, None, None],  # m sqrt(1 / m)
        }

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns the convolutions' states before the first step, and position 0 of each row."""
        batch = ops.shape(memory["keys"])[0]
        states = (layer.convolution.initial_state(batch) for layer in self.decoder)
        return (*states, ops.zeros((batch,), dtype="int32"))

    def step(self, target, state: tuple, memory: dict):
        *states, position = state
        embedded = self.target_embed(target, position)
        x, read, after = self.decoder_in(embedded[:, None])[:, 0], [], []
        for layer, before in zip(self.decoder, states, strict=True):
            x, weights, new = layer.step(x, embedded, memory, before)
            read.append(weights)
            after.append(new)
        return self.logits(self.decoder_out(x[:, None])[:, 0]), sum(read) / len(read), (*after, position + 1)

    def align(self, inputs: dict, training=False):
        memory = self.encode(inputs["source"], inputs.get("source_mask"), training=training)
        positions = ops.arange(ops.shape(inputs["target"])[1])[None]
        embedded = self.drop(self.target_embed(inputs["target"], positions), training=training)
        x, read = self.decoder_in(embedded), []
        for layer in self.decoder:
            x, weights = layer(x, embedded, memory, training=training)
            read.append(weights)
        return self.logits(self.drop(self.decoder_out(x), training=training)), sum(read) / len(read)

    def encoder_parts(self):
        return [self.encoder_in, *self.encoder, self.encoder_out]

    def build_variables(self) -> None:
        """Create every variable layer by layer; a run of the model takes longer on TensorFlow."""
        parts = [self.source_embed, self.target_embed, self.encoder_in, *self.encoder, self.encoder_out]
        parts += [self.decoder_in, *self.decoder, self.decoder_out]
        for part in parts:
            part.build((None, None, self.config.hidden_dim))
        self.logits.build((None, None, self.config.embedding_dim))
        self.built = True


def build(config: Config) -> ConvolutionalSeq2Seq:
    """Returns the model with its variables."""
    model = ConvolutionalSeq2Seq(config)
    model.build_variables()
    return model


TCN_SEQ2SEQ = Architecture(
    name="tcn",
    config=Config,
    build=build,
    sizes={
        "tiny": {
            "embedding_dim": 16,
            "hidden_dim": 16,
            "encoder_layers": 2,
            "decoder_layers": 1,
            "dropout": 0.0,
        },
        "small": {"embedding_dim": 192, "hidden_dim": 224},
        "base": {"embedding_dim": 320, "hidden_dim": 384, "decoder_layers": 4},
    },
    paper="Gehring et al. 2017 (arXiv 1705.03122)",
    receptive_field=lambda config: None,  # unbounded for the source, bounded for the target
    # through the encoder's layers as far as their kernels reach, then up through the decoder's attentions
    path_length=lambda config, length: config.encoder_layers + config.decoder_layers,
)
