"""LoRA, low-rank updates of a model's matrices: Hu et al. 2021 (arXiv 2106.09685)."""

import contextlib
import math
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from zoo.training.layer_groups import LayerGroups


class LowRank(keras.Model):
    """A model with frozen matrices, each used as the sum of itself and a low-rank product.

    The model is called in a scope that replaces the values of its matrices, so no layer needs changes. Every kernel
    gets an update, including those of convolutions and inside recurrent cells; embeddings, biases and norms get none.
    The head, and layers with freshly initialized variables, are trained fully. The products start at zero, so the model
    starts unchanged.

    Args:
        model: The model; all of it except the head is frozen.
        rank: Maximum rank of the products.
        groups: The model's layers.
    """

    def __init__(self, model: keras.Model, rank: int, groups: LayerGroups):
        super().__init__(name="low_rank", dtype="float32")
        groups.freeze_below(len(groups) - 1)
        self.inner, self.layer_groups = model, groups
        self.down, self.up = [], []
        for matrix in self._matrices():
            rows, columns = math.prod(matrix.shape[:-1]), matrix.shape[-1]
            thin = min(rank, rows, columns)
            name = matrix.path.replace("/", "-")  # torch does not allow dots
            spread = keras.initializers.RandomNormal(stddev=1 / math.sqrt(rows))
            self.down.append(self.add_weight(shape=(rows, thin), initializer=spread, name=f"{name}-down"))
            self.up.append(self.add_weight(shape=(thin, columns), initializer="zeros", name=f"{name}-up"))
        self.built = True

    def outer_layers(self) -> list[keras.Layer]:
        """Returns the model's outer layers."""
        return self.inner.outer_layers()

    def _matrices(self) -> list[keras.Variable]:
        """Returns the frozen matrices that get updates; a kernel with several taps counts as one matrix."""
        frozen = self.inner.non_trainable_variables
        return [v for v in frozen if len(v.shape) > 1 and v.name not in ("embeddings", "bias")]

    def _updated(self) -> list[tuple[keras.Variable, object]]:
        """Returns each matrix with its updated value."""
        return [
            (matrix, matrix + ops.reshape(ops.matmul(down, up), matrix.shape))
            for matrix, down, up in zip(self._matrices(), self.down, self.up, strict=True)
        ]

    def call(self, inputs, training=False):
        """Returns the model's output with updated matrices."""
        # Pass all variables, because a scope hides the replacements of an outer scope, such as JAX's trainer.
        values = [(v, v.value) for v in self.inner.variables]
        with keras.StatelessScope(values + self._updated()) as scope:
            out = self.inner(inputs, training=training)
        weights = {id(v) for v in self.inner.weights}
        for seed in self.inner.variables:
            if id(seed) not in weights:
                seed.assign(scope.get_current_value(seed))
        return out

    @contextlib.contextmanager
    def merged(self) -> Iterator[None]:
        """Store the updated matrices in the model while the body runs."""
        before = [(matrix, ops.convert_to_numpy(matrix)) for matrix in self._matrices()]
        self._assign([(matrix, ops.convert_to_numpy(value)) for matrix, value in self._updated()])
        try:
            yield
        finally:
            self._assign(before)

    def merge(self) -> None:
        """Merge the updates into the weights and unfreeze the model."""
        self._assign([(matrix, ops.convert_to_numpy(value)) for matrix, value in self._updated()])
        self.layer_groups.freeze_below(0)

    @staticmethod
    def _assign(values: list[tuple[keras.Variable, np.ndarray]]) -> None:
        for matrix, value in values:
            matrix.assign(value)
