"""Speed of a model relative to the limits of the machine.

The roofline model is that of Williams et al. 2009 (doi 10.1145/1498765.1498785).
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.analysis import costs
from zoo.backends.allocator import retain_freed_memory
from zoo.backends.compile import compiled
from zoo.backends.keras_internals import raw_value
from zoo.errors import InputError
from zoo.loading import load
from zoo.models import registry
from zoo.models.heads import NextStepModel
from zoo.training.config import TrainingConfig
from zoo.training.optimizers import make_optimizer

SYMBOLS = 256
"""Number of token ids, and of logits per step, for an architecture without a checkpoint."""

MATRIX = 1024  # size of the matrices that measure the peak: 12 MB in all, 2.1 GFLOP
COPIED = 2**27  # bytes of the copy that measures the bandwidth, larger than any cache
REPEATS = 5

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Limits of the machine on the current backend.

    Attributes:
        flops: FLOPs per second of a product of two float32 matrices.
        bandwidth: Bytes per second that a copy in memory reads and writes.
    """

    flops: float
    bandwidth: float

    def attainable(self, intensity: float) -> float:
        """Returns the maximum FLOPs per second at an arithmetic intensity."""
        return min(self.flops, intensity * self.bandwidth)


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to run a model.

    Attributes:
        mode: ``"training"`` (a step with Adam), ``"inference"`` (whole sequences) or ``"streaming"`` (one step per
            row).
        batch: Number of rows.
        steps: Steps per row and call.
        flops: FLOPs per call, counted.
        bytes: Minimum bytes moved per call, counted.
        intensity: FLOPs per byte.
        seconds: Time of a call, the best of several.
        achieved: FLOPs per second.
        fraction: Share of what the roofline allows at this intensity.
        throughput: Steps per second, those of all rows together.
        memory: Bytes that a training step of the zoo's own takes: weights, optimizer, averages, and what the backward
            pass needs. JAX's compiler counts them without a run; ``None`` on other backends and in other modes.
    """

    mode: str
    batch: int
    steps: int
    flops: float
    bytes: float
    intensity: float
    seconds: float
    achieved: float
    fraction: float
    throughput: float
    memory: int | None = None


@dataclasses.dataclass(frozen=True)
class Profile:
    """A model's parameters, the machine's roofline, and a row per way to run the model."""

    model: str
    parameters: int
    backend: str
    roofline: Roofline
    rows: list[Row]

    def to_json(self) -> dict[str, Any]:
        """Returns the profile as plain JSON values."""
        return dataclasses.asdict(self)


@retain_freed_memory()
def profile(
    name: str, steps: int = 256, batches: tuple[int, ...] = (1, 32), clock: Clock = time.perf_counter
) -> Profile:
    """Count and time a model; freed memory is retained as in training and evaluation.

    For a classifier or a tagger, only the backbone is profiled.

    Args:
        name: A checkpoint, a folder, or an architecture and its size (``"lstm_small"``), with 256 token ids and random
            weights.
        steps: Steps of a whole sequence.
        batches: Numbers of rows to try, each a row of the result for each mode.
        clock: Seconds; ``time.process_time`` counts those of this process alone, which is fair on a busy
            machine if the backend has one thread.

    Raises:
        InputError: The model does not exist, has an encoder and a decoder, or needs shorter sequences; or steps or
            batches are out of range.
    """
    if steps < 1 or min(batches) < 1:
        raise InputError(f"steps {steps}, batch {min(batches)}: give at least 1")
    model = find(name)
    max_length = getattr(model, "backbone", model).max_length
    if max_length is not None and steps > max_length:
        raise InputError(f"{name} reads {max_length} steps at most, not {steps}: give fewer steps")
    roofline = measure_roofline(clock)
    rows = []
    for batch in batches:
        rows.append(_row(*_inference(model, batch, steps), roofline, clock))
        row = _row(*_training(model, batch, steps), roofline, clock)
        rows.append(dataclasses.replace(row, memory=training_memory(model, batch, steps)))
        if causal(model):
            rows.append(_row(*_streaming(model, batch), roofline, clock))
    return Profile(name, model.count_params(), keras.backend.backend(), roofline, rows)


def find(name: str) -> keras.Model:
    """Returns the model for a name, a ``NextStepModel`` or a backbone."""
    split = registry.architecture_and_size(name)
    if split is None:
        model = load(name).model
        candidate = model if isinstance(model, NextStepModel) else getattr(model, "backbone", None)
        if not hasattr(candidate, "blocks") and not isinstance(candidate, NextStepModel):
            raise InputError(f"{name}: only models that read a sequence by a backbone can be profiled")
        return candidate
    architecture = registry.find_backbone(split[0])
    config = architecture.configure(split[1], vocab_size=SYMBOLS)
    model = NextStepModel(architecture.build(config), SYMBOLS, dropout=0.0)
    model.build_variables()
    return model


def causal(model: keras.Model) -> bool:
    """Returns whether a model can run as a stream."""
    try:
        model.stream(1)
    except InputError:
        return False
    return True


def measure_roofline(clock: Clock = time.perf_counter) -> Roofline:
    """Measure the machine: a matrix product on the current backend, and a copy by NumPy on one core."""
    matrix = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(MATRIX, MATRIX)).astype("float32"))
    seconds = best(lambda: ops.convert_to_numpy(ops.matmul(matrix, matrix)), clock)
    source, target = np.ones(COPIED, "uint8"), np.ones(COPIED, "uint8")
    return Roofline(2 * MATRIX**3 / seconds, 2 * COPIED / best(lambda: np.copyto(target, source), clock))


def bfloat16_slowdown() -> float:
    """Returns the time of a matrix product in bfloat16 relative to float32 on this machine."""
    numbers = np.random.default_rng(0).normal(size=(256, 256))

    def seconds(dtype: str) -> float:
        matrix = ops.convert_to_tensor(numbers, dtype)
        return best(lambda: ops.convert_to_numpy(ops.cast(ops.matmul(matrix, matrix), "float32")), repeats=3)

    return seconds("bfloat16") / seconds("float32")


def best(function: Callable[[], Any], clock: Clock = time.perf_counter, repeats: int = REPEATS) -> float:
    """Returns the shortest of several times in seconds; a first call compiles and does not count.

    Short functions are repeated until a measurement takes a fiftieth of a second.
    """
    function()
    calls, times = 1, []
    while len(times) < repeats:
        start = clock()
        for _ in range(calls):
            function()
        taken = clock() - start
        if taken < 0.02 and not times:
            calls *= 2
            continue
        times.append(taken / calls)
    return min(times)


def _inputs(model: keras.Model, batch: int, steps: int) -> dict[str, np.ndarray]:
    backbone = getattr(model, "backbone", model)
    random = np.random.default_rng(0)
    if backbone.vocab_size is not None:
        return {"tokens": random.integers(0, backbone.vocab_size, (batch, steps)).astype("int32")}
    return {"features": random.normal(size=(batch, steps, backbone.features)).astype("float32")}


def _inference(model, batch: int, steps: int):
    inputs = _inputs(model, batch, steps)
    run = compiled(model, lambda inputs: model(inputs, training=False), rank=None)
    work = costs.Work(batch, steps)
    return "inference", work, costs.cost(model, work), lambda: ops.convert_to_numpy(run(inputs))


def _training(model, batch: int, steps: int):
    inputs = _inputs(model, batch, steps)
    target = np.zeros(model(_inputs(model, batch, steps)).shape, "float32")
    model.compile(optimizer=keras.optimizers.Adam(1e-6), loss="mse")
    work = costs.Work(batch, steps)
    return "training", work, costs.training(model, work), lambda: model.train_on_batch(inputs, target)


def training_memory(model: keras.Model, batch: int, steps: int) -> int | None:
    """Returns the bytes that a step of training takes on JAX; ``None`` on other backends.

    Args:
        model: A next-step model or a backbone, which is compiled anew.
        batch: Rows.
        steps: Steps of each row.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    inputs = _inputs(model, batch, steps)
    target = np.zeros(model(inputs).shape, "float32")
    optimizer = make_optimizer(TrainingConfig(), 1e-6, [1.0] * len(model.trainable_variables))
    model.compile(optimizer=optimizer, loss="mse")
    optimizer.build(model.trainable_variables)
    of_model = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, model.metrics_variables)
    state = [[raw_value(v) for v in variables] for variables in of_model]
    program = jax.jit(model.train_step, donate_argnums=0).lower(tuple(state), (inputs, target)).compile()
    memory = program.memory_analysis()
    sizes = memory.argument_size_in_bytes, memory.output_size_in_bytes, memory.temp_size_in_bytes
    return sum(sizes) - memory.alias_size_in_bytes


def _streaming(model, batch: int):
    stream = model.stream(batch)
    step = next(iter(_inputs(model, batch, 1).values()))[:, 0]
    work = costs.Work(batch, 1, step=True)
    # Restart a row at the end of learned positions; without them this is one comparison per step.
    max_length = stream.backbone.max_length

    def run():
        if max_length is not None and stream.steps[0] >= max_length:
            stream.reset()
        return stream.step(step)

    return "streaming", work, costs.cost(model, work), run


def _row(mode: str, work: costs.Work, cost: costs.Cost, run: Callable, roofline: Roofline, clock: Clock) -> Row:
    seconds = best(run, clock)
    achieved = cost.flops / seconds
    return Row(
        mode=mode,
        batch=work.batch,
        steps=work.time,
        flops=cost.flops,
        bytes=cost.bytes,
        intensity=cost.intensity,
        seconds=seconds,
        achieved=achieved,
        fraction=achieved / roofline.attainable(cost.intensity),
        throughput=work.batch * work.time / seconds,
    )
