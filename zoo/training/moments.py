"""Moments of batch norms that fit averaged weights.

A batch norm keeps moving moments of the weights that are trained. Averages of these weights have other moments, and
predict badly with the wrong ones. They therefore get their own from some training batches (Izmailov et al. 2018, arXiv
1803.05407, section 3.2).
"""

import contextlib
import itertools
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops, tree

BATCHES = 40  # with a momentum of 0.9, the moments before them keep a share of 1.5 %


def moving_moments(model: Any) -> list[keras.Variable]:
    """Returns the moving means and variances of a model's batch norms."""
    return [v for v in model.weights if v.path.endswith(("/moving_mean", "/moving_variance"))]


def estimate_moments(model: Any, batches: Iterable[tuple[Any, Any, Any]]) -> None:
    """Move the moments of a model's batch norms towards those of its weights on the first training batches."""
    without_gradients = contextlib.nullcontext()
    if keras.backend.backend() == "torch":
        import torch

        without_gradients = torch.no_grad()
    with without_gradients:
        for inputs, _, _ in itertools.islice(batches, BATCHES):
            model(tree.map_structure(ops.convert_to_tensor, inputs), training=True)
