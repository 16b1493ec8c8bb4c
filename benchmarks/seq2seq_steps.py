"""Compare a step of a sequence-to-sequence model with computing the whole target again.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/seq2seq_steps.py

Prints microseconds of CPU time of this process for the last of 32 target symbols, with one row and a source of 32
symbols, the best of five. Both are compiled.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops, tree  # noqa: E402

from zoo.analysis.profiling import best  # noqa: E402
from zoo.backends.compile import compiled  # noqa: E402
from zoo.models import registry  # noqa: E402

SYMBOLS, LENGTH = 256, 32


def measure(name: str) -> tuple[float, float]:
    """Returns the seconds of a step and of the whole target, at size "small"."""
    architecture = registry.find_seq2seq(name)
    model = architecture.build(
        architecture.configure("small", source_vocab_size=SYMBOLS, target_vocab_size=SYMBOLS, dropout=0.0)
    )
    source, target = np.random.default_rng(0).integers(3, SYMBOLS, (2, 1, LENGTH)).astype("int32")
    mask = np.ones(source.shape, "bool")
    step = compiled(model, model.step, rank=None)
    whole = compiled(model, lambda inputs: model(inputs)[:, -1], rank=None)
    memory = compiled(model, model.encode, rank=None)(ops.convert_to_tensor(source), ops.convert_to_tensor(mask))
    state = model.initial_state(memory, LENGTH)
    for t in range(LENGTH - 1):
        _, _, state = step(ops.convert_to_tensor(target[:, t]), state, memory)
    last = ops.convert_to_tensor(target[:, -1])
    inputs = tree.map_structure(ops.convert_to_tensor, {"source": source, "source_mask": mask, "target": target})
    runs = (lambda: step(last, state, memory)[0], lambda: whole(inputs))
    alone, anew = (best(lambda run=run: ops.convert_to_numpy(run()), time.process_time) for run in runs)
    return alone, anew


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", default=",".join(registry.SEQ2SEQ))
    arguments = parser.parse_args()
    print(f"backend {keras.backend.backend()}; microseconds")
    for name in arguments.architectures.split(","):
        step, whole = measure(name)
        print(
            f"{name:<22} step {1e6 * step:>9,.0f}   whole {1e6 * whole:>9,.0f}   ratio {whole / step:.1f}", flush=True
        )


if __name__ == "__main__":
    main()
