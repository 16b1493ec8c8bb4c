"""All private names of Keras that the zoo uses, behind functions; a test fails when Keras changes one.

``zoo.training.optimizers`` also overrides four private methods of ``keras.optimizers.AdamW``: see ``OVERRIDDEN``.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras.src.backend.common import global_state

OVERRIDDEN = (
    "_backend_update_step",
    "_apply_weight_decay",
    "_use_weight_decay",
    "_update_model_variables_moving_average",
)
"""Methods of ``keras.optimizers.AdamW`` that ``LayerwiseAdamW`` overrides or calls."""

SLOTS = ("_momentums", "_velocities", "_model_variables_moving_average")
"""Lists of ``keras.optimizers.AdamW`` with one variable per trained weight."""


def raw_value(variable: keras.Variable) -> Any:
    """Returns the backend's tensor of a variable, without the scope checks of ``value``."""
    return variable._value


def set_raw_value(variable: keras.Variable, tensor: Any) -> None:
    """Set the backend's tensor of a variable to one that is placed as it should be."""
    variable._value = tensor


@contextlib.contextmanager
def deferred_variables() -> Iterator[None]:
    """Build models in the block with variables that have no memory until ``initialize_deferred``.

    Only the current thread is affected.
    """
    key = "uninitialized_variables"  # Keras would initialize all of these at its next opportunity
    before = list(global_state.get_global_attribute(key, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(key, before)


def initialize_deferred(model: keras.Layer) -> None:
    """Initialize the variables of a model that was built inside ``deferred_variables``."""
    for variable in model.variables:
        if raw_value(variable) is None:
            variable._deferred_initialize()


@contextlib.contextmanager
def standalone(dtype: str | None = None) -> Iterator[None]:
    """Build models in the block as if no name scope were open, so that paths of variables are always the same.

    Only the current thread is affected.

    Args:
        dtype: Dtype policy of the layers built in the block; ``None`` keeps the user's policy.
    """
    key, policy = "name_scope_stack", keras.config.dtype_policy()
    before = global_state.get_global_attribute(key)
    global_state.set_global_attribute(key, [])
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        global_state.set_global_attribute(key, before)
        if dtype is not None:
            keras.config.set_dtype_policy(policy)


def sublayers(layer: keras.Layer) -> list[keras.Layer]:
    """Returns the layers directly inside a layer."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def own_weights(layer: keras.Layer) -> Sequence[keras.Variable]:
    """Returns the trainable variables of a layer, without those of the layers inside it."""
    return layer._trainable_variables


def trained_variables(optimizer: keras.optimizers.Optimizer) -> Sequence[keras.Variable]:
    """Returns the variables that an optimizer was built for."""
    return optimizer._trainable_variables


def variable_index(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """Returns the index of a variable in the slots of an optimizer."""
    return optimizer._get_variable_index(variable)


def slots(optimizer: keras.optimizers.Optimizer) -> dict[str, list[keras.Variable]]:
    """Returns momentums, second moments and weight averages of an AdamW by name."""
    return {name: getattr(optimizer, name) for name in SLOTS}


def weight_averages(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Returns the moving averages of the weights in an optimizer."""
    return optimizer._model_variables_moving_average
