"""Compare forms of the linear recurrence ``h_t = a_t h_{t-1} + b_t``, forward and backward.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/linear_recurrence.py

Prints milliseconds of CPU time of this process, the best of five, with the ratio to the form of
``zoo.layers.linear_recurrence`` on this backend in brackets. All forms compute the same; the others use automatic
differentiation. JAX and TensorFlow compile each form per shape, TensorFlow without XLA. On TensorFlow also set
``TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1``, and on JAX
``XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"``.

With ``--models`` it prints seconds of a training step of models of about a million parameters instead, with the
ratio to the LSTM: 8 rows of 1,024 steps with 64 features.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from zoo.analysis.profiling import best  # noqa: E402
from zoo.builder import create_model  # noqa: E402
from zoo.layers.linear_recurrence import CHUNK, linear_scan  # noqa: E402
from zoo.training.config import TrainingConfig  # noqa: E402
from zoo.training.optimizers import make_optimizer  # noqa: E402

MODELS = ("lstm_small", "gru_small", "min_gru_small", "lru_small", "rg_lru_small", "tcn_small", "transformer_small")
MODEL_SHAPE = (8, 1_024, 64)  # batch, time, features
SHAPES = ((16, 256, 256), (16, 1_024, 256))  # batch, time, units


def associative(decay, inputs):
    """Combine neighbours in a tree: ``2 log2(time)`` levels."""

    def combine(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    return ops.associative_scan(combine, (decay, inputs), axis=1)[1]


def loop(decay, inputs):
    """Compute one step after the other."""

    def advance(state, step):
        state = step[0] * state + step[1]
        return state, state

    steps = (ops.swapaxes(decay, 0, 1), ops.swapaxes(inputs, 0, 1))
    return ops.swapaxes(ops.scan(advance, ops.zeros_like(inputs[:, 0]), steps)[1], 0, 1)


def chunks(decay, inputs):
    """Compute all chunks in parallel from zeros, then loop over chunks."""
    batch, steps, units = inputs.shape
    shape = (batch, steps // CHUNK, CHUNK, units)
    decays, values = (ops.unstack(ops.reshape(x, shape), axis=2) for x in (decay, inputs))
    states, products = [values[0]], [decays[0]]
    for now, x in zip(decays[1:], values[1:], strict=True):
        states.append(now * states[-1] + x)
        products.append(now * products[-1])
    ends = loop(products[-1], states[-1])
    before = ops.concatenate([ops.zeros_like(ends[:, :1]), ends[:, :-1]], axis=1)
    states = [own + since * before for own, since in zip(states, products, strict=True)]
    return ops.reshape(ops.stack(states, axis=2), (batch, steps, units))


FORMS = {"zoo": linear_scan, "loop": loop, "chunks": chunks, "associative_scan": associative}


def runners(form: Callable, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    """Returns the forward pass, and the forward and backward pass, of a form on the current backend."""
    random = np.random.default_rng(0)
    decay = random.uniform(0.1, 0.99, shape).astype("float32")
    inputs, weights = (random.normal(size=shape).astype("float32") for _ in range(2))
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        a, b, w = (torch.tensor(x, requires_grad=i < 2) for i, x in enumerate((decay, inputs, weights)))

        def forward():
            with torch.no_grad():
                return form(a, b)

        return forward, lambda: torch.autograd.grad((form(a, b) * w).sum(), (a, b))
    if backend == "jax":
        import jax

        once = jax.jit(form)
        both = jax.jit(jax.grad(lambda a, b, w: (form(a, b) * w).sum(), argnums=(0, 1)))
        a, b, w = map(jax.numpy.asarray, (decay, inputs, weights))
        return lambda: jax.block_until_ready(once(a, b)), lambda: jax.block_until_ready(both(a, b, w))
    import tensorflow as tf

    @tf.function
    def gradients(a, b, w):
        with tf.GradientTape() as tape:
            tape.watch((a, b))
            total = tf.reduce_sum(form(a, b) * w)
        return tape.gradient(total, (a, b))

    once = tf.function(form)
    a, b, w = map(tf.constant, (decay, inputs, weights))
    return lambda: once(a, b), lambda: gradients(a, b, w)


def training_step(name: str) -> tuple[int, float]:
    """Returns the number of parameters of a model, and the CPU time of its training step with AdamW."""
    features = MODEL_SHAPE[-1]
    model = create_model(name, task="music_modelling", features=features, output_dim=features)
    optimizer = make_optimizer(TrainingConfig(), 1e-6, [1.0] * len(model.trainable_variables))
    model.compile(optimizer, keras.losses.MeanSquaredError(), auto_scale_loss=False)
    inputs = {"features": np.random.default_rng(0).normal(size=MODEL_SHAPE).astype("float32")}
    targets = np.zeros(MODEL_SHAPE, "float32")
    return model.count_params(), best(lambda: model.train_on_batch(inputs, targets), time.process_time, repeats=3)


def print_models() -> None:
    """Print a table of training steps of models."""
    print(f"backend {keras.backend.backend()}; seconds, and in brackets the ratio to {MODELS[0]}")
    first = None
    for name in MODELS:
        parameters, seconds = training_step(name)
        first = first or seconds
        print(f"{name:<18} {parameters:>9,} parameters {seconds:6.2f} ({seconds / first:4.2f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", default=",".join(FORMS), help="Forms to measure, zoo among them.")
    parser.add_argument("--models", action="store_true", help="Measure training steps of models.")
    arguments = parser.parse_args()
    if arguments.models:
        print_models()
        return
    print(f"backend {keras.backend.backend()}; milliseconds, and in brackets the ratio to ours")
    for shape in SHAPES:
        ours = None
        for name in arguments.forms.split(","):
            measured = [1e3 * best(run, time.process_time) for run in runners(FORMS[name], shape)]
            ours = ours or measured
            cells = [f"{value:8.1f} ({value / own:4.1f})" for value, own in zip(measured, ours, strict=True)]
            print(f"{' x '.join(map(str, shape))}, {name:<17} forward {cells[0]}, with backward {cells[1]}", flush=True)


if __name__ == "__main__":
    main()
