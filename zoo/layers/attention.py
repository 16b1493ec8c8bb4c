"""Multi-head attention: Vaswani et al. 2017 (arXiv 1706.03762), with rotary positions as an option."""

import math

import keras
from keras import ops

NEGATIVE = -1e9  # the score of masked positions; finite, so that no row becomes NaN


def softmax(scores):
    """Returns the softmax over the last axis; ones for a single step, where Keras's softmax warns."""
    return ops.ones_like(scores) if scores.shape[-1] == 1 else ops.softmax(scores, axis=-1)


def masked(scores, mask):
    """Returns the scores, with a very low value where ``mask`` is false; ``mask`` must broadcast to ``scores``."""
    lowest = -6e4 if keras.backend.standardize_dtype(scores.dtype) == "float16" else NEGATIVE
    return ops.where(mask, scores, ops.cast(lowest, scores.dtype))


def split_heads(x, num_heads: int):
    """Map ``(batch, time, hidden_dim)`` to ``(batch, time, heads, size)``."""
    shape = ops.shape(x)
    return ops.reshape(x, (shape[0], shape[1], num_heads, x.shape[-1] // num_heads))


def rotate(x, positions):
    """Rotate each pair of features by an angle that grows with the position.

    Su et al. 2021 (arXiv 2104.09864), equation 34. Feature i and feature i + size / 2 form a pair. The product of a
    rotated query and a rotated key depends only on the difference of their positions.

    Args:
        x: ``(batch, time, heads, size)``, ``size`` even.
        positions: Integers that broadcast to ``(batch, time)``.

    Returns:
        The shape of ``x``.
    """
    half = x.shape[-1] // 2
    rates = ops.exp(-math.log(10_000.0) / half * ops.arange(half, dtype="float32"))
    angles = ops.cast(positions, "float32")[..., None, None] * rates
    cosine, sine = ops.cast(ops.cos(angles), x.dtype), ops.cast(ops.sin(angles), x.dtype)
    first, second = x[..., :half], x[..., half:]
    return ops.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)


def cache_update(cache, places, rows):
    """Returns a cache with one new step per row.

    Args:
        cache: ``(batch, time, hidden_dim)``.
        places: Time index of each new step, ``(batch,)``.
        rows: ``(batch, hidden_dim)``.

    Returns:
        The shape of ``cache``.
    """
    if keras.backend.backend() == "jax":
        # In a loop XLA runs this in place; it would copy the cache for a scatter.
        selected = ops.arange(cache.shape[1])[None] == places[:, None]
        return ops.where(selected[..., None], rows[:, None], cache)
    return cache_update_steps(cache, places[:, None], rows[:, None])


def cache_update_steps(cache, places, rows):
    """Returns a cache with several new steps per row.

    Args:
        cache: ``(batch, time, hidden_dim)``.
        places: Time index of each new step, ``(batch, count)``, without duplicates in a row.
        rows: ``(batch, count, hidden_dim)``.

    Returns:
        The shape of ``cache``.
    """
    batch, count, hidden_dim = ops.shape(rows)
    numbers = ops.broadcast_to(ops.arange(batch)[:, None], (batch, count))
    indices = ops.reshape(ops.stack([numbers, places], axis=-1), (-1, 2))
    return ops.scatter_update(cache, indices, ops.reshape(rows, (-1, hidden_dim)))


class Attention(keras.layers.Layer):
    """Multi-head attention in separate parts, so that keys and values can be cached.

    As in the paper's section 5.4, the caller applies dropout to the output. Dropout of the attention weights would take
    more than half of a training step's time because each weight needs a random number.

    Args:
        hidden_dim: Number of input and output features, shared by the heads.
        num_heads: Number of heads.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.attention import Attention
        >>> layer = Attention(8, 2, name="attention")
        >>> layer.build((None, None, 8))
        >>> x, mask = np.ones((1, 3, 8), "float32"), np.ones((1, 3, 3), "bool")
        >>> keys, values = layer.keys_values(x)
        >>> tuple(layer(layer.queries(x), keys, values, mask).shape)
        (1, 3, 8)
    """

    def __init__(self, hidden_dim: int, num_heads: int, name: str):
        super().__init__(name=name)
        self.num_heads = num_heads
        self.scale = 1 / math.sqrt(hidden_dim // num_heads)
        self.query = keras.layers.Dense(hidden_dim, name="query")
        # No bias: a key bias adds the same value to every score of a query, and softmax removes it.
        self.key = keras.layers.Dense(hidden_dim, use_bias=False, name="key")
        self.value = keras.layers.Dense(hidden_dim, name="value")
        self.out = keras.layers.Dense(hidden_dim, name="out")

    def build(self, shape):
        for dense in (self.query, self.key, self.value, self.out):
            dense.build(shape)

    def queries(self, x):
        """Map ``(batch, time, hidden_dim)`` to ``(batch, time, heads, size)``."""
        return split_heads(self.query(x) * self.scale, self.num_heads)

    def keys_values(self, x):
        """Map ``(batch, time, hidden_dim)`` to keys and values, each ``(batch, time, heads, size)``."""
        return split_heads(self.key(x), self.num_heads), split_heads(self.value(x), self.num_heads)

    def scores(self, queries, keys):
        """Returns the similarity of each query and key, ``(batch, heads, query_time, key_time)``.

        Args:
            queries: ``(batch, query_time, heads, size)``, from ``queries``, rotated or not.
            keys: ``(batch, key_time, heads, size)``, from ``keys_values``, rotated or not.
        """
        return ops.einsum("bqhd,bkhd->bhqk", queries, keys)

    def attend(self, scores, values, mask):
        """Returns the output for attention scores.

        Args:
            scores: ``(batch, heads, query_time, key_time)``.
            values: ``(batch, key_time, heads, size)``, from ``keys_values``.
            mask: Booleans that broadcast to ``(batch, query_time, key_time)``, true where a query may read. A query
                that may read nothing gets zeros before the output layer.

        Returns:
            ``(batch, query_time, hidden_dim)``.
        """
        weights = softmax(masked(scores, mask[:, None]))
        context = ops.einsum("bhqk,bkhd->bqhd", weights, values)
        # Masked weights are zero already, except where the mask hides every key.
        context = context * ops.cast(ops.any(mask, axis=-1), context.dtype)[..., None, None]
        shape = ops.shape(context)
        return self.out(ops.reshape(context, (shape[0], shape[1], self.num_heads * values.shape[-1])))

    def scores_for_few_queries(self, queries, keys):
        """Compute ``scores`` in one product for all heads.

        Each head's queries are zero at the features of the other heads.

        Args:
            queries: ``(batch, query_time, heads, size)``, with a small ``query_time``.
            keys: ``(batch, key_time, hidden_dim)``, with the heads concatenated.

        Returns:
            ``(batch, query_time, heads, key_time)``.
        """
        batch, count, num_heads, size = ops.shape(queries)
        apart = queries[:, :, :, None] * ops.eye(num_heads, dtype=queries.dtype)[:, :, None]
        apart = ops.reshape(apart, (batch, count * num_heads, num_heads * size))
        scores = ops.matmul(keys, ops.swapaxes(apart, 1, 2))
        return ops.reshape(ops.swapaxes(scores, 1, 2), (batch, count, num_heads, -1))

    def attend_single_query(self, scores, values, mask):
        """Compute ``attend`` for one query.

        Args:
            scores: ``(batch, heads, key_time)``.
            values: ``(batch, key_time, hidden_dim)``, with the heads concatenated.
            mask: Booleans ``(batch, key_time)``, true for at least one key.

        Returns:
            ``(batch, hidden_dim)``.
        """
        weights = softmax(masked(scores, mask[:, None]))
        batch, num_heads, _ = ops.shape(weights)
        context = ops.reshape(ops.matmul(weights, values), (batch, num_heads, num_heads, values.shape[-1] // num_heads))
        # Keep only the features that belong to each head.
        context = ops.sum(context * ops.eye(num_heads, dtype=context.dtype)[:, :, None], axis=1)
        return self.out(ops.reshape(context, (batch, values.shape[-1])))

    def call(self, queries, keys, values, mask):
        """Attend from ``queries`` to ``keys`` and ``values``; see ``scores`` and ``attend``."""
        return self.attend(self.scores(queries, keys), values, mask)
