"""Learning-rate schedules, and AdamW with a rate for each layer."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from zoo.plan import Plan

RATIO = 32  # of the highest rate of a slanted triangle to its lowest, as the paper sets it


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to ``peak``, then a half cosine down to 0 (Loshchilov & Hutter 2017, arXiv 1608.03983)."""

    def __init__(self, peak: float, warmup: int, total: int):
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = (step + 1) / self.warmup
        left = (step - self.warmup) / max(1, self.total - self.warmup)
        falling = 0.5 * (1 + ops.cos(math.pi * ops.clip(left, 0, 1)))
        return self.peak * ops.where(step < self.warmup, rising, falling)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


class SlantedTriangular(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from ``peak / 32`` up to ``peak`` and, over the other steps, down again.

    Howard & Ruder 2018 (arXiv 1801.06146), equation 3.
    """

    def __init__(self, peak: float, warmup: int, total: int):
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = step / self.warmup
        falling = 1 - (step - self.warmup) / max(1, self.total - self.warmup)
        share = ops.clip(ops.where(step < self.warmup, rising, falling), 0, 1)
        return self.peak * (1 + share * (RATIO - 1)) / RATIO

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


class Rising(keras.optimizers.schedules.LearningRateSchedule):
    """From ``low`` to ``high`` in ``total`` steps, each the same factor above the one before."""

    def __init__(self, low: float, high: float, total: int):
        self.low, self.high, self.total = low, high, total

    def __call__(self, step):
        step = ops.cast(step, "float32")
        return self.low * ops.exp(math.log(self.high / self.low) / (self.total - 1) * step)

    def get_config(self):
        return {"low": self.low, "high": self.high, "total": self.total}


SCHEDULES = {"cosine": WarmupCosine, "triangular": SlantedTriangular}


def schedule(plan: Plan, total: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of each of ``total`` steps, as a plan has it."""
    return SCHEDULES[plan.schedule](plan.learning_rate, max(1, round(plan.warmup * total)), total)


# The backend's own class: on torch it is one that updates many weights by one operation.
_AdamW = type(keras.optimizers.AdamW())


class LayerwiseAdamW(_AdamW):
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) whose rate is multiplied by a factor of each weight's.

    ``keras.optimizers.MultiOptimizer`` has an optimizer for each group instead, and with it a norm to clip by
    for each, where the norm of the whole gradient is meant; and its averages are in as many places.

    On TensorFlow Keras's own makes some 80 operations of each variable, more than a small model has itself, and all
    are traced before the first step; here they are some 20.

    Args:
        factors: A factor for each variable, in the order in which the optimizer is built.
        **options: As ``keras.optimizers.AdamW`` takes them.
    """

    def __init__(self, factors: Sequence[float], **options):
        super().__init__(**options)
        self.factors = list(factors)

    def _grouped(self, variables) -> dict[float, list[int]]:
        """Returns the places of variables by their factor."""
        places: dict[float, list[int]] = {}
        for place, variable in enumerate(variables):
            places.setdefault(self.factors[self._get_variable_index(variable)], []).append(place)
        return places

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        update = _fused if keras.backend.backend() == "tensorflow" else _AdamW._backend_update_step
        for factor, places in self._grouped(trainable_variables).items():
            chosen = [trainable_variables[i] for i in places]
            update(self, [grads[i] for i in places], chosen, learning_rate * factor)

    def _apply_weight_decay(self, variables):
        rate = self.learning_rate
        for factor, places in self._grouped(variables).items():
            kept = 1 - rate * (factor * self.weight_decay)
            for variable in [variables[i] for i in places]:
                if self._use_weight_decay(variable):
                    variable.assign(variable * kept)

    def _update_model_variables_moving_average(self, trainable_variables):
        first = ops.cast(ops.equal(self.iterations, 0), "float32")
        momentum = (1 - first) * self.ema_momentum
        moving = zip(trainable_variables, self._model_variables_moving_average, strict=True)
        for variable, average in moving:
            average.assign(momentum * average + (1 - momentum) * variable)


def _fused(optimizer: LayerwiseAdamW, gradients, variables, rate) -> None:
    """Adam's step on TensorFlow, by its one operation for it."""
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
        place = optimizer._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=optimizer._momentums[place].value.handle,
            v=optimizer._velocities[place].value.handle,
            lr=rate,
            grad=tf.convert_to_tensor(gradient),
            **settings,
        )


def adamw(plan: Plan, rate: keras.optimizers.schedules.LearningRateSchedule, factors: Sequence[float]):
    """Returns a plan's optimizer, which also keeps moving averages of the weights."""
    optimizer = LayerwiseAdamW(
        factors,
        learning_rate=rate,
        weight_decay=plan.weight_decay,
        beta_2=0.98,
        global_clipnorm=plan.clip_norm,
        use_ema=True,
        ema_momentum=plan.average,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
