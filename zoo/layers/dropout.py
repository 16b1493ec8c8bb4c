"""Dropout with faster random numbers on torch and JAX."""

import keras
import numpy as np


class Dropout(keras.layers.Dropout):
    """``keras.layers.Dropout`` (Srivastava et al. 2014), for any shape.

    On a CPU, torch draws a 64-bit word and runs several operations per feature, one after the other. This took 5 to 13
    % of a training step. Here one word decides four features, with 16 bits each, so the rate is exact to 1/65,536. The
    words come from the process's generator, as Keras's do on torch.

    On JAX, Keras draws a number per feature with threefry, which has twenty rounds. Here a hash of the feature's index
    and of Keras's seed decides (benchmarks/layers.py compares them). A feature's number does not depend on how devices
    share the batch.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.dropout import Dropout
        >>> x = np.ones((2, 3), "float32")
        >>> float(Dropout(0.5)(x, training=False).sum())
        6.0
    """

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        if keras.backend.backend() == "jax":
            return _jax_dropout(inputs, self.rate, self.seed_generator.next())
        if keras.backend.backend() != "torch" or inputs.device.type != "cpu":
            return super().call(inputs, training=training)
        import torch

        size = inputs.numel()
        words = torch.empty((size + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        numbers = words.view(torch.int16)[:size].view(inputs.shape)
        kept = numbers >= min(round(self.rate * 65_536), 65_535) - 32_768
        return inputs * kept.to(inputs.dtype).mul_(1 / (1 - self.rate))


def _jax_dropout(x, rate: float, seed):
    """Drop features by the hash of their index.

    Args:
        x: Any shape.
        rate: Share of features to drop.
        seed: ``(2,)``, uint32.
    """
    import jax.numpy as jnp

    numbers = _mixed(_mixed(jnp.arange(x.size, dtype="uint32").reshape(x.shape) + seed[0]) ^ seed[1])
    kept = numbers >= jnp.uint32(rate * 2**32)
    return jnp.where(kept, x * jnp.asarray(1 / (1 - rate), x.dtype), jnp.zeros_like(x))


def _mixed(x):
    """Returns a bijection of 32-bit integers in which each input bit changes each output bit in about half the cases.

    It is the finalizer of MurmurHash3 with the constants of C. Wellons's search, "Prospecting for hash functions"
    (2018).
    """
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)
