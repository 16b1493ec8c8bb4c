"""Hierarchical windowed attention, as proposed in "The fall of RNN / LSTM" (Culurciello 2018).

Attention reads the last ``w`` steps, summaries of the last ``w`` windows of ``w`` steps, summaries of those, and so on.
``L`` levels reach ``w ** L`` steps back through ``L`` operations. Summaries are the attention pooling of Yang et al.
2016 (aclanthology.org/N16-1174).
"""

import dataclasses
import functools
from typing import Any

from keras import ops

from zoo.layers.attention import Attention
from zoo.layers.dropout import Dropout
from zoo.layers.feed_forward import FeedForward
from zoo.layers.pooling import AttentionPooling
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.transformer import layer_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of the hierarchical windowed attention.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position.
        num_heads: Number of attention heads; they share ``hidden_dim``.
        ffn_dim: Hidden units of each feed-forward layer.
        num_layers: Number of layers, each with one attention over all levels and one feed-forward layer.
        window: Vectors per level that a position attends to; the article suggests about 100.
        levels: Number of levels: the steps, and one level per summary of windows.
        causal: Whether a position reads only itself and earlier ones; otherwise windows are centred.
        gate: Cosine similarity to a stored vector of the window above which a step is not stored. ``None`` stores all.
            Only its own position reads a step that is not stored.
        dropout: Dropout rate on the input and on each residual branch.
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 128
    num_heads: int = 4
    ffn_dim: int = 512
    num_layers: int = 4
    window: int = 32
    levels: int = 3
    causal: bool = True
    gate: float | None = None
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "num_heads", "ffn_dim"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(2 <= self.window <= 1024, "window must be in 2..1024")
        check(1 <= self.levels <= 8, "levels must be in 1..8")
        check(self.hidden_dim % self.num_heads == 0, "hidden_dim must be a multiple of num_heads")
        check(self.gate is None or 0 < self.gate <= 1, "gate must be in (0, 1], or null")
        check(self.gate is None or self.causal, "a gate needs causal: it decides in the order of time")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")


def unit(x):
    """Normalise the last axis to length 1, so that products are cosines."""
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-12)


def _chosen(x, places):
    """Returns the values at ``places (batch, ...)`` of each row of ``x (batch, time, ...)``."""
    rows = ops.reshape(ops.arange(ops.shape(x)[0], dtype="int32"), (-1, *[1] * (len(places.shape) - 1)))
    return ops.take(ops.reshape(x, (-1, *x.shape[2:])), rows * x.shape[1] + places, axis=0)


class WindowsLayer(Block):
    """Attention over the windows of all levels at once, then a feed-forward layer.

    Level 0 stores the steps. Level l stores a vector for each complete window of ``w`` vectors of level l - 1. A causal
    position reads the last ``w`` stored vectors of each level. A centred position reads those at most ``w // 2`` from
    its own. A learned score by level, age and head encodes the age of a vector.

    The state has, for each level, the last ``w`` vectors ``(batch, w, hidden_dim)``, newest last; flags that mark
    stored vectors ``(batch, w)``; and keys and values, each ``(batch, w, hidden_dim)``, with the heads concatenated. It
    also has the number of steps ``(batch,)``. It does not grow with the stream.

    Args:
        config: The config.
        name: Name of the block.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(config.hidden_dim, name)
        self.config = config
        self.attention_norm = layer_norm("attention_norm")
        self.attention = Attention(config.hidden_dim, config.num_heads, name="attention")
        self.pools = [AttentionPooling(config.hidden_dim, name=f"pool_{i}") for i in range(config.levels - 1)]
        self.feed_forward_norm = layer_norm("feed_forward_norm")
        self.feed_forward = FeedForward(config.hidden_dim, config.ffn_dim, "gelu", name="feed_forward")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        for part in (self.attention_norm, self.attention, *self.pools, self.feed_forward_norm, self.feed_forward):
            part.build(shape)
        ages = self.config.window if self.config.causal else 2 * (self.config.window // 2) + 1
        self.age = self.add_weight(
            shape=(self.config.levels, ages, self.config.num_heads), initializer="zeros", name="age"
        )

    def _attend(self, y, keys, values, scores, seen):
        """Attend from ``y (batch, n, hidden_dim)`` to ``m`` keys and values, each ``(batch, m, heads, size)``.

        ``scores`` are added to the products: ``(n, m, heads)``, or with a batch axis first. ``seen`` broadcasts to
        ``(batch, n, m)``.
        """
        products = self.attention.scores(self.attention.queries(y), keys)
        products = products + ops.cast(ops.moveaxis(scores, -1, -3), products.dtype)
        return self.attention.attend(products, values, seen)

    def _feed_forward(self, x, training=False):
        return x + self.drop(self.feed_forward(self.feed_forward_norm(x)), training=training)

    def _is_new(self, vector, stored, flags):
        """Returns whether a vector may be stored: no vector of ``stored (batch, w, hidden_dim)`` is too similar."""
        similar = ops.einsum("bd,bwd->bw", unit(vector), unit(stored)) > self.config.gate
        return ops.logical_not(ops.any(similar & flags, axis=-1))

    def _stored(self, y, mask):
        """Returns which steps are stored, ``(batch, time)``: the real steps that pass the gate."""
        if self.config.gate is None:
            return mask

        # Which earlier steps are too similar, (batch, time, w - 1), nearest last.
        earlier = ops.arange(ops.shape(y)[1])[:, None] - ops.arange(self.config.window - 1, 0, -1)
        cosines = ops.einsum("btd,bsd->bts", unit(y), unit(y))
        cosines = ops.take_along_axis(cosines, ops.maximum(earlier, 0)[None], axis=2)
        similar = (cosines > self.config.gate) & (earlier >= 0)

        def advance(stored, now):
            close, real = now
            keep = real * (1 - ops.max(close * stored, axis=-1, keepdims=True))
            stored = ops.concatenate([stored[:, 1:], keep], axis=1)
            return stored, stored

        # As numbers, with the carry as output: TensorFlow's scan supports nothing else.
        steps = (
            ops.transpose(ops.cast(similar, y.dtype), (1, 0, 2)),
            ops.transpose(ops.cast(mask, y.dtype))[..., None],
        )
        nothing = ops.zeros((ops.shape(y)[0], self.config.window - 1), y.dtype)
        stored = ops.scan(advance, nothing, steps)[1]
        return ops.transpose(stored[:, :, -1]) > 0.5

    def _levels(self, y, stored):
        """Returns the vectors ``(batch, groups, hidden_dim)`` of every level, and flags that mark stored ones."""
        window, levels = self.config.window, [(y, stored)]
        for pool in self.pools:
            vectors, flags = levels[-1]
            length = ops.shape(vectors)[1]
            # The centred form reads an incomplete last window; no causal position reaches it.
            short = -length % window
            vectors = ops.pad(vectors, ((0, 0), (0, short), (0, 0)))
            flags = ops.pad(flags, ((0, 0), (0, short)))
            groups = (ops.shape(y)[0], (length + short) // window, window)
            vectors = ops.reshape(vectors, (*groups, self.config.hidden_dim))
            flags = ops.reshape(flags, groups)
            levels.append((pool(vectors, flags)[0], ops.any(flags, axis=-1)))
        return levels

    def call(self, x, mask=None, training=False):
        y = self.attention_norm(x)
        mask = ops.ones(ops.shape(y)[:2], "bool") if mask is None else ops.cast(mask, "bool")
        positions = ops.arange(ops.shape(y)[1])
        levels = self._levels(y, self._stored(y, mask))
        scores, seen = [], []
        for level, (vectors, flags) in enumerate(levels):
            vector_positions = ops.arange(ops.shape(vectors)[1])
            size = self.config.window**level
            if self.config.causal:
                age = ((positions + 1) // size)[:, None] - 1 - vector_positions  # 0 is the newest complete window
            else:
                age = (positions // size)[:, None] - vector_positions + self.config.window // 2
            near = (age >= 0) & (age < self.age.shape[1])
            flags = flags[:, None]
            if level == 0:
                flags = flags | ((positions[:, None] == vector_positions)[None] & mask[:, None])  # always itself
            seen.append(near[None] & flags)
            scores.append(ops.take(self.age[level], ops.clip(age, 0, self.age.shape[1] - 1), axis=0))
        vectors = ops.concatenate([vectors for vectors, _ in levels], axis=1)
        keys, values = self.attention.keys_values(vectors)
        context = self._attend(y, keys, values, ops.concatenate(scores, axis=1), ops.concatenate(seen, axis=2))
        return self._feed_forward(x + self.drop(context, training=training), training)

    def initial_state(self, batch_size):
        if not self.config.causal:
            return super().initial_state(batch_size)
        shape = (batch_size, self.config.window)

        def empty():
            vectors, keys, values = (ops.zeros((*shape, self.config.hidden_dim), self.compute_dtype) for _ in range(3))
            return vectors, ops.zeros(shape, "bool"), keys, values

        return tuple(empty() for _ in range(self.config.levels)), ops.zeros((batch_size,), "int32")

    def _pushed(self, stored, vector, keep):
        """Returns a level's state with a new newest ``vector (batch, hidden_dim)``, flagged as ``keep (batch,)``."""
        newest = (part[:, None] for part in (vector, keep, self.attention.key(vector), self.attention.value(vector)))
        return tuple(ops.concatenate([old[:, 1:], new], axis=1) for old, new in zip(stored, newest, strict=True))

    def _summarised(self, levels, count):
        """Returns the levels' states, with a new summary where ``count (batch,)`` steps complete a window."""
        after = [levels[0]]
        for level, stored in enumerate(levels[1:], start=1):
            vectors, flags = after[-1][:2]
            summary, _ = self.pools[level - 1](vectors, flags)
            complete = count % self.config.window**level == 0
            after.append(
                tuple(
                    ops.where(ops.reshape(complete, (-1, *[1] * (len(old.shape) - 1))), new, old)
                    for old, new in zip(stored, self._pushed(stored, summary, ops.any(flags, axis=-1)), strict=True)
                )
            )
        return tuple(after)

    def step(self, x, state):
        if not self.config.causal:
            return super().step(x, state)
        y = self.attention_norm(x)
        before, count = state
        count = count + 1
        keep = ops.ones_like(count, dtype="bool")
        if self.config.gate is not None:
            keep = self._is_new(y, before[0][0][:, 1:], before[0][1][:, 1:])
        after: Any = (self._pushed(before[0], y, keep), *before[1:])
        if self.pools:
            # Most steps complete no window, so there is nothing to summarise.
            full = ops.any(count % self.config.window == 0)
            after = ops.cond(full, functools.partial(self._summarised, after, count), functools.partial(tuple, after))
        _, seen, keys, values = (list(parts) for parts in zip(*after, strict=True))
        newest = ops.arange(self.config.window) == self.config.window - 1
        seen[0] = seen[0] | newest  # a step always reads itself
        seen, keys, values = (ops.concatenate(parts, axis=1) for parts in (seen, keys, values))
        scores = self.attention.scores_for_few_queries(self.attention.queries(y[:, None]), keys)[:, 0]
        by_age = ops.transpose(ops.reshape(ops.flip(self.age, axis=1), (-1, self.config.num_heads)))
        scores = scores + ops.cast(by_age, scores.dtype)
        context = self.attention.attend_single_query(scores, values, seen)
        return self._feed_forward(x + context), (after, count)

    def prefill(self, x, state):
        if not self.config.causal or self.config.gate is not None:  # the gate decides step by step
            return super().prefill(x, state)
        window, steps = self.config.window, x.shape[1]
        before, count = state
        y = self.attention_norm(x)
        vectors, flags = y, ops.ones(ops.shape(y)[:2], "bool")
        taken = count[:, None] + ops.arange(1, steps + 1, dtype="int32")
        levels, scores, seen, after = [], [], [], []
        for level, stored in enumerate(before):
            size = window**level
            if level:
                # The step ``number * size`` completes a window; ``last`` is the index of its last vector in the level
                # below.
                number = (count // size)[:, None] + ops.arange(1, -(-steps // size) + 1, dtype="int32")
                last = window - 1 + number * window - (count // (size // window))[:, None]
                vectors, flags = self._summaries(level, levels[-1], last)
            new = (vectors, flags, self.attention.key(vectors), self.attention.value(vectors))
            levels.append([ops.concatenate(pair, axis=1) for pair in zip(stored, new, strict=True)])
            # The number of new vectors at each step gives the age of all vectors; 0 is the newest.
            come = taken // size - (count // size)[:, None]
            age = come[..., None] + window - 1 - ops.arange(window + vectors.shape[1], dtype="int32")
            seen.append((age >= 0) & (age < window) & levels[-1][1][:, None])
            scores.append(ops.take(self.age[level], ops.clip(age, 0, window - 1), axis=0))
            kept = come[:, -1:] + ops.arange(window, dtype="int32")
            after.append(tuple(_chosen(part, kept) for part in levels[-1]))
        keys, values = (ops.concatenate([level[i] for level in levels], axis=1) for i in (2, 3))
        split = (-1, keys.shape[1], self.config.num_heads, self.config.hidden_dim // self.config.num_heads)
        keys, values = (ops.reshape(part, split) for part in (keys, values))
        context = self._attend(y, keys, values, ops.concatenate(scores, axis=2), ops.concatenate(seen, axis=2))
        return self._feed_forward(x + context), (tuple(after), count + steps)

    def _summaries(self, level, below, last):
        """Returns summaries of the windows of ``below`` that end at ``last (batch, n)``, and which are stored.

        Windows that end beyond the level are incomplete: no step reads them and the state does not keep them.
        """
        places = last[..., None] + ops.arange(1 - self.config.window, 1, dtype="int32")
        vectors, flags = (_chosen(part, ops.minimum(places, below[0].shape[1] - 1)) for part in below[:2])
        rows, n, window, hidden_dim = ops.shape(vectors)
        vectors, _ = self.pools[level - 1](
            ops.reshape(vectors, (rows * n, window, hidden_dim)), ops.reshape(flags, (rows * n, window))
        )
        return ops.reshape(vectors, (rows, n, hidden_dim)), ops.any(flags, axis=-1)


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    model = Backbone(
        [
            *(WindowsLayer(config, f"layer_{i}") for i in range(config.num_layers)),
            FinalNorm(layer_norm("norm"), config.hidden_dim, "final_norm"),
        ],
        embedding_dim=config.hidden_dim,
        vocab_size=config.vocab_size,
        features=config.features,
        dropout=config.dropout,
        name="hierarchical_attention_backbone",
    )
    model.build()
    return model


def receptive_field(config: Config) -> int:
    """Returns the maximum number of steps that an output depends on, including itself.

    One layer reaches at least ``w ** L`` steps, and up to ``w ** (L - 1) - 1`` more while a window fills.
    """
    per_layer = config.window**config.levels
    if config.levels > 1:
        per_layer += config.window ** (config.levels - 1) - 1
    if not config.causal:
        per_layer = (config.window // 2 + 1) * config.window ** (config.levels - 1)
    return config.num_layers * (per_layer - 1) + 1


def path_length(config: Config, length: int) -> int:
    """Returns the levels between two positions ``length`` apart: ``log_w``, as in the article."""
    levels = 1
    while config.window**levels < length and levels < config.levels:
        levels += 1
    return levels


HIERARCHICAL_ATTENTION = Architecture(
    name="hierarchical_attention",
    config=Config,
    build=build,
    sizes={
        "tiny": {"hidden_dim": 16, "num_heads": 2, "ffn_dim": 32, "num_layers": 2, "window": 3, "dropout": 0.0},
        "small": {},
        "base": {"hidden_dim": 288, "num_heads": 6, "ffn_dim": 1152, "num_layers": 6},
    },
    paper="Culurciello 2018 (The fall of RNN / LSTM); Yang et al. 2016 (aclanthology.org/N16-1174)",
    receptive_field=receptive_field,
    path_length=path_length,
)
