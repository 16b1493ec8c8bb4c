"""A forecaster: a causal backbone over patches of a series, and a head that weighs and corrects simple forecasts."""

import keras
from keras import ops

from zoo.layers.dropout import Dropout
from zoo.models.heads import Head

_SIDE = 4
"""Quantiles on each side of the median."""


@keras.saving.register_keras_serializable(package="zoo")
class Forecaster(Head, keras.Model):
    """Quantiles of future values at chosen patches of a series, for any steps ahead.

    For each step ahead the head reads the backbone's output at a patch, the patch itself, and simple forecasts. The
    median is a weighted mean of the simple forecasts plus a correction; the other quantiles add positive distances to
    it, so that they never cross.

    Args:
        backbone: Causal backbone that maps ``features (batch, patches, features)`` to ``(batch, patches, hidden_dim)``.
        candidates: Number of simple forecasts per step ahead.
        step_inputs: Numbers per step ahead: the simple forecasts first, then what else is known of the step.
        decoder_dim: Units of the head's layers.
        dropout: Dropout rate of the backbone's output.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.create_model("gru_tiny", task="forecasting")
        >>> inputs = {
        ...     "features": np.zeros((2, 5, model.backbone.features), "float32"),
        ...     "positions": np.array([[4], [2]], "int32"),
        ...     "steps": np.zeros((2, 1, 24, model.step_inputs), "float32"),
        ... }
        >>> model.predict(inputs, verbose=0).shape
        (2, 1, 24, 9)
    """

    def __init__(
        self, backbone: keras.Model, candidates: int, step_inputs: int, decoder_dim: int = 96, dropout: float = 0.0
    ):
        super().__init__(name=f"{backbone.name}_forecaster")
        self.backbone = backbone
        self.candidates, self.step_inputs = candidates, step_inputs
        self.decoder_dim = decoder_dim
        self.drop = Dropout(dropout, name="head_drop")
        # float32 even under mixed precision, because candidates are numbers of any size.
        self.summary_layer = keras.layers.Dense(decoder_dim, dtype="float32", name="summary")
        self.patch_layer = keras.layers.Dense(decoder_dim, dtype="float32", use_bias=False, name="patch")
        self.step_layer = keras.layers.Dense(decoder_dim, dtype="float32", use_bias=False, name="step")
        self.mixed_layer = keras.layers.Dense(decoder_dim, dtype="float32", name="mixed")
        # Zeros: an untrained model gives the mean of the candidates.
        zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.weight_layer = keras.layers.Dense(candidates, name="weights", **zeros)
        self.head = keras.layers.Dense(1 + 2 * _SIDE, name="head", **zeros)

    def get_config(self):
        """Returns the arguments of ``from_config``."""
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {
            "backbone": backbone,
            "candidates": self.candidates,
            "step_inputs": self.step_inputs,
            "decoder_dim": self.decoder_dim,
            "dropout": self.drop.rate,
        }

    def output_layers(self):
        return [
            self.summary_layer,
            self.patch_layer,
            self.step_layer,
            self.mixed_layer,
            self.weight_layer,
            self.head,
        ]

    def input_specs(self):
        return {
            "features": keras.InputSpec("float32", (None, None, self.backbone.features), name="features"),
            "positions": keras.InputSpec("int32", (None, None), name="positions"),
            "steps": keras.InputSpec("float32", (None, None, None, self.step_inputs), name="steps"),
        }

    def id_counts(self):
        return {}

    def call(self, inputs, training=False):
        """Map series to quantiles in units of each position's scale, as distances from its last value.

        Args:
            inputs: ``features (batch, patches, features)``; ``positions (batch, positions)``, the patches after which
                to forecast; ``steps (batch, positions, steps, step_inputs)``, the candidates and what is known of each
                step ahead.
            training: Whether to apply dropout.

        Returns:
            ``(batch, positions, steps, 9)``, ascending along the last axis.
        """
        features, steps = ops.cast(inputs["features"], "float32"), ops.cast(inputs["steps"], "float32")
        x = self.backbone({"features": features}, training=training)
        positions = ops.cast(inputs["positions"], "int32")[..., None]
        x = self.drop(ops.take_along_axis(x, positions, axis=1), training=training)
        patch = ops.take_along_axis(features, positions, axis=1)
        return self.decode(x, patch, steps)

    def decode(self, x, patch, steps):
        """Map outputs of the backbone to quantiles: the part of ``call`` above the backbone.

        Args:
            x: ``(batch, positions, hidden_dim)``.
            patch: Features of the patch at each position, ``(batch, positions, features)``.
            steps: ``(batch, positions, steps, step_inputs)``.

        Returns:
            As ``call``.
        """
        context = self.summary_layer(ops.cast(x, "float32")) + self.patch_layer(patch)  # (batch, positions, units)
        simple = steps[..., : self.candidates]
        known = ops.concatenate([ops.arcsinh(simple), steps[..., self.candidates :]], axis=-1)
        y = ops.gelu(context[:, :, None] + self.step_layer(known))
        y = y + ops.gelu(self.mixed_layer(y))
        base = ops.sum(ops.softmax(self.weight_layer(y)) * simple, axis=-1, keepdims=True)
        out = self.head(y)
        median = base + out[..., :1]
        # Disagreement of the candidates tells the size of the errors before any training.
        size = 0.3 + ops.std(ops.clip(simple, -1e3, 1e3), axis=-1, keepdims=True) * 0.3
        gaps = ops.softplus(out[..., 1:]) * size
        below = ops.flip(ops.cumsum(gaps[..., :_SIDE], axis=-1), axis=-1)
        return ops.concatenate([median - below, median, median + ops.cumsum(gaps[..., _SIDE:], axis=-1)], axis=-1)

    def build_variables(self) -> None:
        """Create the head's variables; the backbone is already built."""
        self.summary_layer.build((None, None, self.backbone.hidden_dim))
        self.patch_layer.build((None, None, self.backbone.features))
        self.step_layer.build((None, None, None, self.step_inputs))
        self.mixed_layer.build((None, None, None, self.decoder_dim))
        self.weight_layer.build((None, None, None, self.decoder_dim))
        self.head.build((None, None, None, self.decoder_dim))
        self.built = True
