"""AdamW and Muon with a learning rate per layer group."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from zoo.backends.keras_internals import slots, trained_variables, variable_index, weight_averages
from zoo.training.config import TrainingConfig

# The class of the current backend: on torch it updates many weights in one operation.
_AdamW = type(keras.optimizers.AdamW())


class LayerwiseAdamW(_AdamW):
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with a factor on the learning rate of each weight.

    ``keras.optimizers.MultiOptimizer`` has one optimizer per group. It clips the norm per group instead of the norm of
    the whole gradient, and spreads the weight averages over several optimizers.

    On TensorFlow, Keras's AdamW makes some 80 operations per variable, more than a small model has, and all are traced
    before the first step. This class makes some 20. On torch, one operation updates all variables.

    Args:
        factors: A factor per variable, in the order in which the optimizer is built.
        **options: Arguments of ``keras.optimizers.AdamW``.
    """

    def __init__(self, factors: Sequence[float], **options):
        super().__init__(**options)
        self.factors = list(factors)

    def _grouped(self, variables) -> dict[float, list[int]]:
        """Returns the indices of variables by their factor."""
        places: dict[float, list[int]] = {}
        for place, variable in enumerate(variables):
            places.setdefault(self.factors[variable_index(self, variable)], []).append(place)
        return places

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        fused = {"tensorflow": _fused, "torch": _fused_torch}
        update = fused.get(keras.backend.backend(), _AdamW._backend_update_step)
        for factor, places in self._grouped(trainable_variables).items():
            chosen = [trainable_variables[i] for i in places]
            update(self, [grads[i] for i in places], chosen, learning_rate * factor)

    def _apply_weight_decay(self, variables):
        rate = self.learning_rate
        for factor, places in self._grouped(variables).items():
            kept = 1 - rate * (factor * self.weight_decay)
            decayed = [variables[i] for i in places if self._use_weight_decay(variables[i])]
            if keras.backend.backend() == "torch":
                _torch_step().decay(_tensors(decayed), float(kept))
                continue
            for variable in decayed:
                variable.assign(variable * kept)

    def _update_model_variables_moving_average(self, trainable_variables):
        first = ops.cast(ops.equal(self.iterations, 0), "float32")
        momentum = (1 - first) * self.ema_momentum
        if keras.backend.backend() == "torch":
            averages = _tensors(weight_averages(self))
            _torch_step().average(averages, _tensors(trainable_variables), 1 - float(momentum))
            return
        moving = zip(trainable_variables, weight_averages(self), strict=True)
        for variable, average in moving:
            average.assign(momentum * average + (1 - momentum) * variable)


def _fused(optimizer: LayerwiseAdamW, gradients, variables, rate) -> None:
    """Apply Adam's step on TensorFlow with its fused operation."""
    import tensorflow as tf

    step = tf.cast(optimizer.iterations.value + 1, "float32")
    settings = {
        "beta1": tf.constant(optimizer.beta_1),
        "beta2": tf.constant(optimizer.beta_2),
        "epsilon": tf.constant(optimizer.epsilon),
        "beta1_power": optimizer.beta_1**step,
        "beta2_power": optimizer.beta_2**step,
    }
    for gradient, variable in zip(gradients, variables, strict=True):
        place = variable_index(optimizer, variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=slots(optimizer)["_momentums"][place].value.handle,
            v=slots(optimizer)["_velocities"][place].value.handle,
            lr=rate,
            grad=tf.convert_to_tensor(gradient),
            **settings,
        )


def _fused_torch(optimizer: LayerwiseAdamW, gradients, variables, rate) -> None:
    """Apply Adam's step on torch with its fused operation."""
    if not variables:
        return
    places = [variable_index(optimizer, variable) for variable in variables]
    _torch_step().adam_step(
        _tensors(variables),
        gradients,
        _tensors([slots(optimizer)["_momentums"][i] for i in places]),
        _tensors([slots(optimizer)["_velocities"][i] for i in places]),
        step=int(ops.convert_to_numpy(optimizer.iterations)) + 1,
        rate=float(rate),
        beta_1=optimizer.beta_1,
        beta_2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
    )


def _torch_step():
    """Returns the module that needs torch."""
    from zoo.training import torch_step

    return torch_step


def _tensors(variables) -> list:
    return [variable.value.data for variable in variables]


_MOMENTUM = 0.95
_ITERATIONS = 5
_SIZE = 0.2  # root mean square of an update, about that of AdamW


def orthogonalised(matrices, dtype: str = "float32"):
    """Returns approximately the nearest matrices with orthonormal rows: singular values of some 0.7 to 1.2.

    Runs five steps of a Newton-Schulz iteration, with the coefficients of Jordan et al. 2024
    (https://kellerjordan.github.io/posts/muon).

    Args:
        matrices: ``(count, rows, columns)``, with at most as many rows as columns.
        dtype: Dtype of the products.

    Returns:
        Float32 matrices with the shape of ``matrices``.
    """
    norms = ops.sqrt(ops.sum(ops.square(matrices), axis=(1, 2), keepdims=True))
    x = ops.cast(matrices / (norms + 1e-7), dtype)
    for _ in range(_ITERATIONS):
        gram = ops.matmul(x, ops.swapaxes(x, 1, 2))
        x = 3.4445 * x + ops.matmul(-4.7750 * gram + 2.0315 * ops.matmul(gram, gram), x)
    return ops.cast(x, "float32")


class LayerwiseMuon(LayerwiseAdamW):
    """Muon for the matrices of hidden layers, and AdamW for embeddings, heads, biases and norms.

    The kernel of a convolution, ``(taps, inputs, outputs)``, is a matrix ``(taps * inputs, outputs)``.

    The update of a matrix is its orthogonalised Nesterov momentum, so that all directions are updated equally. It is
    scaled to the size of AdamW's updates, so that one learning rate and one weight decay serve both (Liu et al. 2025,
    arXiv 2502.16982, section 2.2).

    Keras's ``Muon`` has no learning rate per layer and processes one matrix after the other. This class batches
    matrices of equal shape.

    Args:
        factors: A factor per variable, in the order in which the optimizer is built.
        matrices: Number of concatenated matrices per variable, in the same order; each is orthogonalised separately. 0
            means AdamW.
        product_dtype: Dtype of the orthogonalisation.
        **options: Arguments of ``keras.optimizers.AdamW``.

    Raises:
        ValueError: There are more or fewer factors than numbers of matrices.
    """

    def __init__(self, factors: Sequence[float], matrices: Sequence[int], product_dtype: str = "float32", **options):
        super().__init__(factors, **options)
        if len(factors) != len(matrices):
            raise ValueError(f"{len(factors)} factors but {len(matrices)} numbers of matrices: give one per variable")
        self.matrices, self.product_dtype = list(matrices), product_dtype

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        rest, by_shape = [], {}
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            if self._count(variable):
                pieces = self._along(gradient, variable)
                by_shape.setdefault(tuple(pieces[0].shape), []).append((variable, pieces))
            else:
                rest.append((gradient, variable))
        super()._backend_update_step([g for g, _ in rest], [v for _, v in rest], learning_rate)
        for shape, members in by_shape.items():
            size = _SIZE * math.sqrt(max(shape))
            stacked = orthogonalised(ops.stack([p for _, pieces in members for p in pieces]), self.product_dtype)
            done = 0
            for variable, pieces in members:
                update = [stacked[done + i] for i in range(len(pieces))]
                update = ops.concatenate([u if self._is_wide(variable) else ops.transpose(u) for u in update], axis=1)
                rate = learning_rate * (size * self.factors[variable_index(self, variable)])
                variable.assign(variable - rate * ops.reshape(update, variable.shape))
                done += len(pieces)

    def _along(self, gradient, variable) -> list:
        """Update the momentum and return the Nesterov direction as a list of matrices."""
        momentum = slots(self)["_momentums"][variable_index(self, variable)]
        momentum.assign(_MOMENTUM * momentum + (1 - _MOMENTUM) * gradient)
        ahead = _MOMENTUM * momentum + (1 - _MOMENTUM) * gradient
        ahead = ops.reshape(ahead, (-1, ahead.shape[-1]))
        wide = ahead.shape[1] // self._count(variable)
        pieces = [ahead[:, i : i + wide] for i in range(0, ahead.shape[1], wide)]
        return pieces if self._is_wide(variable) else [ops.transpose(piece) for piece in pieces]

    def _count(self, variable) -> int:
        return self.matrices[variable_index(self, variable)]

    def _is_wide(self, variable) -> bool:
        *rows, columns = variable.shape
        return math.prod(rows) <= columns // self._count(variable)


def make_optimizer(
    training_config: TrainingConfig,
    rate: keras.optimizers.schedules.LearningRateSchedule,
    factors: Sequence[float],
    matrices: Sequence[int] = (),
):
    """Returns the optimizer of a training config, with moving averages of the weights.

    Args:
        training_config: The training config.
        rate: The learning rate.
        factors: Factor of the rate per variable, in the order in which the optimizer is built.
        matrices: Number of concatenated matrices per variable, as in ``LayerwiseMuon``.
    """
    options = {
        "learning_rate": rate,
        "weight_decay": training_config.weight_decay,
        "beta_2": 0.98,
        "global_clipnorm": training_config.clip_norm,
        "use_ema": True,
        "ema_momentum": training_config.ema_decay,
    }
    if training_config.optimizer == "muon":
        dtype = "bfloat16" if training_config.precision == "mixed_bfloat16" else "float32"
        optimizer = LayerwiseMuon(factors, matrices, dtype, **options)
    else:
        optimizer = LayerwiseAdamW(factors, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def copy_state(before: keras.optimizers.Optimizer, after: keras.optimizers.Optimizer) -> None:
    """Set the state of an optimizer to that of another, for the weights of both; other weights start their averages."""
    after.iterations.assign(ops.convert_to_numpy(before.iterations))
    known = {variable.path: i for i, variable in enumerate(trained_variables(before))}
    before_slots, after_slots = slots(before), slots(after)
    for i, variable in enumerate(trained_variables(after)):
        # Copies: on JAX two variables would share a buffer that each step overwrites.
        weight_averages(after)[i].assign(ops.convert_to_numpy(variable))
        if variable.path in known:
            for slot, values in before_slots.items():
                after_slots[slot][i].assign(ops.convert_to_numpy(values[known[variable.path]]))
