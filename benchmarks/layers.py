"""Compare the layers with their own implementation on torch with Keras's and torch's layers, forward and backward.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/layers.py

Prints milliseconds of CPU time of this process, the best of five. All compute the same
(tests/layers/test_recurrence.py, test_torch_gru.py, test_dropout.py, test_backends.py).
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import torch  # noqa: E402

from zoo.analysis.profiling import best  # noqa: E402
from zoo.layers.convolution import Convolution  # noqa: E402
from zoo.layers.dropout import Dropout  # noqa: E402
from zoo.layers.recurrence import GRU  # noqa: E402

GRUS = ((2, 300, 288), (8, 128, 288), (32, 128, 288), (32, 500, 50))  # rows, steps, features in and out
CONVOLUTIONS = ((64, 784, 24, 7), (32, 200, 24, 8), (32, 1_000, 96, 3), (16, 256, 192, 3))  # and taps
DROPOUTS = ((64, 784, 24), (128, 16, 192))


def milliseconds(layer: Callable, shape: tuple[int, ...]) -> float:
    """Returns the time for an input of this shape and all gradients."""
    x = torch.randn(shape, requires_grad=True)

    def run():
        y = layer(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    return 1e3 * best(run, time.process_time)


def row(what: str, shape: tuple[int, ...], ours: Callable, peers: dict[str, Callable]) -> None:
    """Print our time, and each peer's time with its ratio to ours."""
    mine = milliseconds(ours, shape)
    told = [f"ours {mine:.1f}"]
    for name, peer in peers.items():
        theirs = milliseconds(peer, shape)
        told.append(f"{name} {theirs:.1f} ({theirs / mine:.1f})")
    print(f"{what}, {' x '.join(map(str, shape))}: {', '.join(told)}", flush=True)


def main() -> None:
    if keras.backend.backend() != "torch":
        raise SystemExit("set KERAS_BACKEND=torch: on the other backends these layers are Keras's")
    print("milliseconds, and in brackets the ratio to ours")
    for rows, steps, units in GRUS:
        peers = {"torch.nn.GRU": torch.nn.GRU(units, units, batch_first=True)}
        if rows * steps < 2_000:  # Keras's loop takes seconds
            peers["keras.layers.GRU"] = keras.layers.GRU(units, return_sequences=True)
        row("GRU", (rows, steps, units), GRU(units, return_sequences=True), peers)
    for rows, steps, hidden_dim, taps in CONVOLUTIONS:
        ours = Convolution(hidden_dim, hidden_dim, taps, 4, causal=True, name="convolution")
        theirs = keras.layers.Conv1D(hidden_dim, taps, padding="causal", dilation_rate=4)
        row(f"convolution of {taps} taps", (rows, steps, hidden_dim), ours, {"keras.layers.Conv1D": theirs})
    for shape in DROPOUTS:
        ours, theirs = (partial(layer(0.1), training=True) for layer in (Dropout, keras.layers.Dropout))
        row("dropout", shape, ours, {"keras.layers.Dropout": theirs})


if __name__ == "__main__":
    main()
