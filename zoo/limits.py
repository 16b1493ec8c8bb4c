"""Bounds on what an untrusted file may ask for, checked before any memory is touched."""

MAX_NUMBER = 1_000_000
"""Largest number in a config."""

MAX_SEED = 2**32 - 1
"""Largest seed: NumPy takes no larger one."""

MAX_HORIZON = 10_000
"""Largest number of steps of a forecast."""
