"""Additions to ``keras.Model`` for all models of the zoo: id checks, and export with the shapes of the inputs."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.errors import InputError


class KnownInputs:
    """Mixin for a ``keras.Model`` whose inputs are a dict of named arrays.

    JAX does not raise an error for an id out of range in an embedding. Therefore ``fit``, ``evaluate`` and ``predict``,
    and their forms for one batch, check ids in NumPy arrays on every backend. Calls of the model itself and
    ``tf.data.Dataset`` are not checked.
    """

    def input_specs(self) -> dict[str, keras.InputSpec]:
        """Returns shape and dtype of every input by name, including optional ones."""
        raise NotImplementedError

    def id_counts(self) -> dict[str, int]:
        """Returns the number of ids for each input that holds ids."""
        raise NotImplementedError

    def check_ids(self, inputs: Any) -> None:
        """Raise InputError if a NumPy array of the inputs has an id out of range."""
        if not isinstance(inputs, Mapping):
            return
        for name, count in self.id_counts().items():
            ids = inputs.get(name)
            if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu" or not ids.size:
                continue
            for value in (int(ids.min()), int(ids.max())):
                if not 0 <= value < count:
                    raise InputError(f"{name}: id {value} is out of range: give 0 to {count - 1}")

    def fit(self, x=None, *arguments, **named):
        """Train as ``keras.Model.fit`` does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().fit(x, *arguments, **named)  # pyright: ignore

    def evaluate(self, x=None, *arguments, **named):
        """Evaluate as ``keras.Model.evaluate`` does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().evaluate(x, *arguments, **named)  # pyright: ignore

    def predict(self, x, *arguments, **named):
        """Predict as ``keras.Model.predict`` does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().predict(x, *arguments, **named)  # pyright: ignore

    def train_on_batch(self, x, *arguments, **named):
        """Train on a batch as Keras does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().train_on_batch(x, *arguments, **named)  # pyright: ignore

    def test_on_batch(self, x, *arguments, **named):
        """Evaluate a batch as Keras does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().test_on_batch(x, *arguments, **named)  # pyright: ignore

    def predict_on_batch(self, x):
        """Predict a batch as Keras does (raises InputError for an id out of range)."""
        self.check_ids(x)
        return super().predict_on_batch(x)  # pyright: ignore

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **options):
        """Export as ``keras.Model.export`` does; the default is all inputs of ``input_specs``, including masks."""
        signature = [self.input_specs()] if input_signature is None else input_signature
        if input_signature is None and format == "tf_saved_model" and keras.backend.backend() == "jax":
            # Without this, Keras lets a mask differ in length from its sequence.
            shapes = {name: _symbolic_shape(name, spec) for name, spec in self.input_specs().items()}
            options.setdefault("jax2tf_kwargs", {"polymorphic_shapes": [shapes]})
        return super().export(filepath, format, verbose, signature, **options)  # pyright: ignore


def _symbolic_shape(name: str, spec: keras.InputSpec) -> str:
    """Returns a shape for jax2tf; axes with the same name have the same length."""
    sequence = {"mask": "tokens", "features": "tokens", "source_mask": "source"}.get(name, name)
    axes = ["batch", *(f"{sequence}{i}" for i in range(1, len(spec.shape)))]
    return f"({', '.join(axis if size is None else str(size) for axis, size in zip(axes, spec.shape, strict=True))})"
