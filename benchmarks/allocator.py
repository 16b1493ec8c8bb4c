"""Measure a training step with freed memory retained, and with glibc's default.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/allocator.py

It prints CPU time per step, the system's part of it, and page faults.
"""

import contextlib
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402

from zoo.backends.allocator import retain_freed_memory  # noqa: E402
from zoo.models.heads import Classifier  # noqa: E402
from zoo.models.registry import find_backbone  # noqa: E402

STEPS = 10
FAMILIES = {
    "lstm": {"hidden_dim": 128, "num_layers": 1, "bidirectional": True},
    "tcn": {"embedding_dim": 24, "hidden_dim": 24, "kernel_size": 7, "levels": 8},
    "transformer": {"hidden_dim": 96, "num_heads": 4, "ffn_dim": 192, "num_layers": 3},
}
ROWS, TIME, FEATURES = 32, 512, 16


def measured(model: keras.Model, batch: tuple) -> tuple[float, float, int]:
    """Returns milliseconds of CPU time, those in the system, and page faults of a step."""
    model.train_on_batch(*batch)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(STEPS):
        model.train_on_batch(*batch)
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    user = after.ru_utime - before.ru_utime
    return 1e3 * (user + system) / STEPS, 1e3 * system / STEPS, (after.ru_minflt - before.ru_minflt) // STEPS


def main() -> None:
    rng = np.random.default_rng(0)
    inputs = {
        "features": rng.normal(size=(ROWS, TIME, FEATURES)).astype("float32"),
        "mask": np.ones((ROWS, TIME), bool),
    }
    batch = inputs, rng.integers(0, 10, ROWS)
    print(
        f"backend {keras.backend.backend()}; {ROWS} rows of {TIME} steps; milliseconds of a step, of them in the system"
    )
    for name, fields in FAMILIES.items():
        family = find_backbone(name)
        config = family.configure("small", features=FEATURES, **fields)
        for what, how in (("glibc's own ways", contextlib.nullcontext), ("kept", retain_freed_memory)):
            model = Classifier(family.build(config), 10, 0.0)
            model.compile("adamw", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            with how():
                total, system, faults = measured(model, batch)
            print(f"{name}, {what}: {total:.0f}, {system:.0f}; {faults:,} page faults", flush=True)


if __name__ == "__main__":
    main()
