"""Learning-rate schedules."""

import math

import keras
from keras import ops

from zoo.training.config import TrainingConfig

RATIO = 32  # ratio of highest to lowest rate of a slanted triangle, as in the paper


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to ``peak``, then a half cosine to 0 (Loshchilov & Hutter 2017, arXiv 1608.03983)."""

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
    """Linear from ``peak / 32`` to ``peak``, then linear back over the remaining steps.

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
    """Exponential rise from ``low`` to ``high`` in ``total`` steps."""

    def __init__(self, low: float, high: float, total: int):
        self.low, self.high, self.total = low, high, total

    def __call__(self, step):
        step = ops.cast(step, "float32")
        return self.low * ops.exp(math.log(self.high / self.low) / (self.total - 1) * step)

    def get_config(self):
        return {"low": self.low, "high": self.high, "total": self.total}


SCHEDULES = {"cosine": WarmupCosine, "slanted_triangular": SlantedTriangular}


def schedule(training_config: TrainingConfig, total: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning-rate schedule of a training config over ``total`` steps."""
    return SCHEDULES[training_config.schedule](
        training_config.learning_rate, max(1, round(training_config.warmup * total)), total
    )
