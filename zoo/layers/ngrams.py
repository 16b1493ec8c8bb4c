"""A linear model on n-grams of tokens: the wide part beside a deep one (Cheng et al. 2016, arXiv 1606.07792)."""

import keras
from keras import ops

from zoo.layers.hashing import pair_rows


class NGrams(keras.layers.Layer):
    """Logits from the counts of tokens and of pairs of neighbours, divided by the square root of the length.

    Args:
        vocab_size: Number of token ids, at most ``zoo.layers.hashing.MAX_VOCABULARY``.
        buckets: Number of rows for hashed pairs.
        labels: Number of classes.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> layer = NGrams(vocab_size=9, buckets=64, labels=3, name="ngrams")
        >>> layer(np.array([[4, 5, 0]]), np.array([[True, True, False]])).shape[-1]
        3
    """

    def __init__(self, vocab_size: int, buckets: int, labels: int, name: str):
        super().__init__(name=name, dtype="float32")
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.vocab_size, self.buckets, self.labels = vocab_size, buckets, labels

    def build(self, shape):
        size = (self.vocab_size + self.buckets, self.labels)
        self.kernel = self.add_weight(shape=size, initializer="zeros", name="kernel")

    def call(self, tokens, mask):
        """Map token ids and their mask, both ``(batch, time)``, to logits ``(batch, labels)``."""
        tokens, real = ops.cast(tokens, "int32"), ops.cast(mask, "float32")
        pairs = pair_rows(tokens[:, :-1], tokens[:, 1:], self.vocab_size, self.buckets)
        rows = ops.take(self.kernel, ops.concatenate([tokens, pairs], axis=1), axis=0)
        weights = ops.concatenate([real, real[:, 1:]], axis=1)
        return ops.sum(rows * weights[..., None], axis=1) / ops.sqrt(ops.sum(real, axis=1, keepdims=True))
