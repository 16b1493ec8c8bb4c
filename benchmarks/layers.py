"""Compare the layers with their own implementation with Keras's and torch's layers, forward and backward.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/layers.py
    OMP_NUM_THREADS=1 KERAS_BACKEND=jax python benchmarks/layers.py
    OMP_NUM_THREADS=1 KERAS_BACKEND=tensorflow python benchmarks/layers.py

Prints milliseconds of CPU time of this process, on one thread, the best of five in turns. All compute the same
(tests/layers/test_recurrence.py, test_torch_gru.py, test_dropout.py, test_backends.py).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from zoo.layers.convolution import Convolution  # noqa: E402
from zoo.layers.dropout import Dropout  # noqa: E402
from zoo.layers.recurrence import LAYERS  # noqa: E402
from zoo.layers.torch_dense import ScaledReLUDense  # noqa: E402

GRUS = ((2, 300, 288), (8, 128, 288), (32, 128, 288), (32, 500, 50))  # rows, steps, features in and out
CONVOLUTIONS = ((64, 784, 24, 7), (32, 200, 24, 8), (32, 1_000, 96, 3), (16, 256, 192, 3))  # and taps
DROPOUTS = ((64, 784, 24), (128, 16, 192))
GRID = (17_408, 400, 96)  # cells of a grid of Pervasive Attention, features in and out
RECURRENT = (32, 128, 256)  # of two layers


def on_torch(layer: Callable, shape: tuple[int, ...]) -> Callable[[], object]:
    """Returns a function that computes a torch layer's output and all gradients."""
    x = torch.randn(shape, requires_grad=True)

    def run():
        y = layer(x)
        return (y[0] if isinstance(y, tuple) else y).sum().backward()

    return run


def on_keras(layers: list[keras.Layer], shape: tuple[int, ...], **options: bool) -> Callable[[], object]:
    """Returns a compiled function that computes the same of Keras layers in a row, called with some options."""
    for layer in layers:
        layer.build(shape)

    def stacked(x):
        for layer in layers:
            x = layer(x, **options)
        return keras.ops.sum(x)

    if keras.backend.backend() == "torch":
        x = torch.randn(shape, requires_grad=True)
        return lambda: stacked(x).backward()
    values = np.random.default_rng(0).normal(size=shape).astype("float32")
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def gradients(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = stacked(x)
            return tape.gradient(total, [x, *(variable.value for variable in variables)])

        return lambda: [value.numpy() for value in gradients(tf.constant(values))]
    import jax

    def total(x, weights):
        with keras.StatelessScope(list(zip(variables, weights, strict=True))):
            return stacked(x)

    gradients = jax.jit(jax.grad(total, argnums=(0, 1)))
    return lambda: jax.block_until_ready(gradients(values, [variable.value for variable in variables]))


def row(what: str, shape: tuple[int, ...], runs: dict[str, Callable]) -> None:
    """Print the time of each run, and its ratio to the first, ours."""
    best = dict.fromkeys(runs, float("inf"))
    for run in runs.values():
        run()
    for _ in range(5):
        for name, run in runs.items():
            started = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - started)
    cells = [f"{name} {1e3 * seconds:.1f} ({seconds / best['ours']:.2f})" for name, seconds in best.items()]
    print(f"{what}, {' x '.join(map(str, shape))}: {', '.join(cells)}", flush=True)


def scaled_relu_dense(fused: bool) -> Callable[[], object]:
    """Returns a function that computes a scaled ReLU before a dense layer, and all gradients."""
    rows, features, units = GRID
    inputs = [torch.randn(shape, requires_grad=True) for shape in ((rows, features), features, features)]
    kernel = torch.randn(features, units, requires_grad=True)

    def run():
        x, scale, shift = inputs
        y = ScaledReLUDense.apply(x, scale, shift, kernel) if fused else torch.relu(x * scale + shift) @ kernel
        return y.sum().backward()

    return run


def main() -> None:
    backend = keras.backend.backend()
    print(f"{backend}: milliseconds, and in brackets the ratio to ours")
    units = RECURRENT[-1]
    for cell, reference in (("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("rnn", torch.nn.RNN)):
        runs = {
            "ours": on_keras([LAYERS[cell](units, return_sequences=True) for _ in range(2)], RECURRENT),
            f"torch.nn.{reference.__name__}": on_torch(reference(units, units, 2, batch_first=True), RECURRENT),
        }
        if backend != "torch":  # there Keras's loop takes seconds
            keras_layer = LAYERS[cell].__bases__[0]
            peers = [keras_layer(units, return_sequences=True) for _ in range(2)]
            runs[f"keras.layers.{keras_layer.__name__}"] = on_keras(peers, RECURRENT)
        row(f"two layers of {cell}", RECURRENT, runs)
    for shape in DROPOUTS:
        layers = {"ours": Dropout(0.1), "keras.layers.Dropout": keras.layers.Dropout(0.1)}
        row("dropout", shape, {name: on_keras([x], shape, training=True) for name, x in layers.items()})
    if backend != "torch":
        return
    for rows, steps, units in GRUS:
        shape = (rows, steps, units)
        runs = {
            "ours": on_keras([LAYERS["gru"](units, return_sequences=True)], shape),
            "torch.nn.GRU": on_torch(torch.nn.GRU(units, units, batch_first=True), shape),
        }
        if rows * steps < 2_000:
            runs["keras.layers.GRU"] = on_keras([keras.layers.GRU(units, return_sequences=True)], shape)
        row("GRU", shape, runs)
    for rows, steps, hidden_dim, taps in CONVOLUTIONS:
        shape = (rows, steps, hidden_dim)
        ours = Convolution(hidden_dim, hidden_dim, taps, 4, causal=True, name="convolution")
        reference = keras.layers.Conv1D(hidden_dim, taps, padding="causal", dilation_rate=4)
        runs = {"ours": on_keras([ours], shape), "keras.layers.Conv1D": on_keras([reference], shape)}
        row(f"convolution of {taps} taps", shape, runs)
    row("scaled ReLU and dense", GRID, {"ours": scaled_relu_dense(True), "torch": scaled_relu_dense(False)})


if __name__ == "__main__":
    main()
