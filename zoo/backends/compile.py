"""Compile functions for the current backend, once per model."""

import inspect
import threading
from collections.abc import Callable, Hashable
from typing import Any

import keras

from zoo.backends.keras_internals import raw_value


def compiled(model, function, rank: int | None = 2, features: int | None = None):
    """Returns ``function`` compiled for the current backend; it may read the model's variables.

    Args:
        model: The Keras model whose variables the function reads.
        function: Takes one or more arrays of ids ``(batch, time)`` and returns tensors. On torch it runs uncompiled,
            without gradients.
        rank: Number of axes of the ids, if more than two; ``None`` for other arguments, whose shapes are constant.
        features: Number of features per step, if the first argument is ``(batch, time, features)`` instead of ids.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        variables = model.variables

        @jax.jit
        def pure(values, *arguments):
            # Pass weights as arguments; captured weights would be compiled in as constants.
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*arguments)

        # Use the raw tensor; the checks of ``value`` took longer than a small model's step.
        return lambda *arguments: pure([raw_value(v) for v in variables], *arguments)
    if backend == "tensorflow":
        import tensorflow as tf

        if rank is None:
            return tf.function(function)
        # TensorFlow compiles once for all shapes; JAX and XLA compile per shape, so callers use few shapes.
        signature = [tf.TensorSpec([None] * rank, "int32")] * len(inspect.signature(function).parameters)
        if features is not None:
            signature[0] = tf.TensorSpec([None, None, features], "float32")
        return tf.function(function, input_signature=signature)
    import torch

    def without_gradients(*arguments):
        with torch.no_grad():
            return function(*arguments)

    return without_gradients


_PROGRAMS = "_zoo_programs"
"""Attribute of a model for its compiled functions, hidden from Keras's tracking; it is neither saved nor copied."""

_LOCK = threading.RLock()


def program(model: Any, make: Callable[..., Any], *settings: Hashable) -> Any:
    """Returns ``make(model, *settings)``, created once per model and settings; threads share it.

    Args:
        model: A Keras model.
        make: A module-level function that returns the result of ``compiled``.
        *settings: Further dependencies of the function, for example a number of steps or a dtype.
    """
    with _LOCK:
        programs = vars(model).get(_PROGRAMS)
        if programs is None:
            programs = {}
            object.__setattr__(model, _PROGRAMS, programs)
        key = (make, *settings)
        if key not in programs:
            programs[key] = make(model, *settings)
        return programs[key]
