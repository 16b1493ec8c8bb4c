"""One seed for all random numbers of a process."""

import random

import keras
import numpy as np

from zoo.errors import InputError
from zoo.limits import MAX_SEED


def seed_everything(seed: int) -> None:
    """Seed Python (from which Keras draws seeds of weights and dropout), NumPy and the current backend.

    ``keras.utils.set_random_seed`` does the same, but imports TensorFlow on any backend, which takes seconds.

    Raises:
        InputError: The seed is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed {seed}: give 0 to {MAX_SEED}")
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)
