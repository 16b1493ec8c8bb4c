"""Compile a function for the running backend, once for each model."""

import inspect
import threading
from collections.abc import Callable, Hashable
from typing import Any

import keras

from zoo.backends.keras_internals import raw_value


def compiled(model, function, rank: int | None = 2, features: int | None = None):
    """Returns ``function`` compiled whole for the running backend; it may read the model's variables.

    Args:
        model: The Keras model whose variables the function reads.
        function: Takes ids ``(batch, time)``, one or more, and returns tensors. On torch it runs as
            it is, without gradients.
        rank: Number of the ids' axes, where they are more than two; ``None`` for arguments of other
            kinds, whose shapes are always the same.
        features: Numbers of a step, if the first argument is not of ids but ``(batch, time, features)``.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        variables = model.variables

        @jax.jit
        def pure(values, *arguments):
            # Weights come in as arguments: captured ones would be baked into the program as constants.
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*arguments)

        # Not their public value: what that asks of its surroundings took longer than a small model's step.
        return lambda *arguments: pure([raw_value(v) for v in variables], *arguments)
    if backend == "tensorflow":
        import tensorflow as tf

        if rank is None:
            return tf.function(function)
        # One program for every batch and length; JAX and XLA need one for each, so they get few shapes.
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
"""Attribute of a model that holds its programs, past the tracking of Keras: they are neither saved nor copied."""

_LOCK = threading.RLock()


def program(model: Any, make: Callable[..., Any], *settings: Hashable) -> Any:
    """Returns ``make(model, *settings)``, made once for each model and settings; threads share it.

    Args:
        model: A Keras model.
        make: A function of a module, which returns what ``compiled`` does.
        *settings: What else the program depends on: a number of steps, a dtype.
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
