"""Dropout with faster random numbers on torch."""

import keras


class Dropout(keras.layers.Dropout):
    """``keras.layers.Dropout`` (Srivastava et al. 2014), for any shape.

    On a CPU, torch draws a 64-bit word and runs several operations per feature, one after the other. This took 5 to 13
    % of a training step. Here one word decides four features, with 16 bits each, so the rate is exact to 1/65,536. The
    words come from the process's generator, as Keras's do on torch.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.dropout import Dropout
        >>> x = np.ones((2, 3), "float32")
        >>> float(Dropout(0.5)(x, training=False).sum())
        6.0
    """

    def call(self, inputs, training=False):
        if keras.backend.backend() != "torch" or not training or not self.rate or inputs.device.type != "cpu":
            return super().call(inputs, training=training)
        import torch

        size = inputs.numel()
        words = torch.empty((size + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        numbers = words.view(torch.int16)[:size].view(inputs.shape)
        kept = numbers >= min(round(self.rate * 65_536), 65_535) - 32_768
        return inputs * kept.to(inputs.dtype).mul_(1 / (1 - self.rate))
