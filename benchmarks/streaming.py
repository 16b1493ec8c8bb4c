"""Compare a step of a stream with computing the whole history again.

    KERAS_BACKEND=torch python benchmarks/streaming.py --models "lstm_small,tcn_small"

Times are CPU time of this process over all threads, so that other programs do not count. With one thread
(OMP_NUM_THREADS=1) they are the time on an idle core. A step is the best of five times 64 steps, one by one
(``Stream.step``) and in one call (``Stream.prefill``). A whole history is computed twice; the first time compiles and
does not count.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from zoo.analysis import profiling  # noqa: E402
from zoo.backends.compile import compiled  # noqa: E402
from zoo.models import registry  # noqa: E402

HISTORIES = (128, 1_024, 8_192)
STEPS = 64  # timed steps per measurement
REPEATS = 5


def stream_step(model, history: int) -> tuple[float, float]:
    """Returns the seconds of a step of a stream that has read so much: taken alone, and as one of 64 read at once."""
    stream = model.stream(1)
    tokens = np.random.default_rng(0).integers(0, profiling.SYMBOLS, (1, history))
    stream.prefill(tokens)

    def one_by_one():
        for token in tokens[0, :STEPS]:
            stream.step([token])

    runs = (one_by_one, lambda: stream.prefill(tokens[:, :STEPS]))
    alone, together = (profiling.best(run, time.process_time, repeats=REPEATS) / STEPS for run in runs)
    return alone, together


def whole(model, history: int, through_predict: bool) -> float:
    """Returns the seconds that the next step costs if all the history is computed for it."""
    inputs = {"tokens": np.random.default_rng(0).integers(0, profiling.SYMBOLS, (1, history)).astype("int32")}
    if through_predict:
        return profiling.best(lambda: model.predict(inputs, verbose=0)[:, -1], time.process_time, repeats=1)
    run = compiled(model, lambda inputs: model(inputs, training=False)[:, -1], rank=None)
    return profiling.best(lambda: ops.convert_to_numpy(run(inputs)), time.process_time, repeats=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(f"{name}_small" for name in registry.ARCHITECTURES))
    parser.add_argument("--histories", default=",".join(map(str, HISTORIES)))
    parser.add_argument("--json", help="Also write the rows to this file.")
    arguments = parser.parse_args()
    rows = []
    print(f"backend {keras.backend.backend()}; microseconds for a step of one row")
    print(
        f"{'model':<30} {'history':>8} {'step':>8} {'of 64':>8} {'predict':>14} {'ratio':>7} {'ratio':>7}"
        f" {'compiled':>14} {'ratio':>9}"
    )
    for name in arguments.models.split(","):
        model = profiling.find(name)
        for history in map(int, arguments.histories.split(",")):
            step, read = stream_step(model, history)
            naive, call = whole(model, history, True), whole(model, history, False)
            rows.append(
                {"model": name, "history": history, "step": step, "read": read, "predict": naive, "compiled": call}
            )
            print(
                f"{name:<30} {history:>8,} {1e6 * step:>8,.0f} {1e6 * read:>8,.0f} {1e6 * naive:>14,.0f}"
                f" {naive / step:>7,.0f} {naive / read:>7,.0f} {1e6 * call:>14,.0f} {call / step:>9,.1f}",
                flush=True,
            )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"backend": keras.backend.backend(), "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
