"""The memory probe: how far back a causal model can see, how far back it uses its input, and what it gains."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backends.allocator import retain_freed_memory
from zoo.backends.compile import compiled, program
from zoo.checkpoints import locate
from zoo.checkpoints.record import RECORD_FILE, Record
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.pipeline import Pipeline
from zoo.tasks.next_step import NextStep, Steps
from zoo.training.config import TrainingConfig

CLOSE = 0.01
"""A loss within this share of the best counts as equal."""

CHECKED = 4_096  # maximum steps to check the structure
MARGIN = 16  # steps beyond the receptive field that must have no influence
STEPS = 8_192  # maximum steps of a batch, because memory of attention is quadratic in the length


@dataclasses.dataclass(frozen=True)
class Reach:
    """Results of a model that sees the last ``steps`` steps.

    Attributes:
        steps: Number of visible steps, including the newest.
        loss: Mean loss of the prediction after the last step.
        influence: Norm of the gradient of the output with respect to the steps that this row adds to the previous row:
            root mean square over these steps and over windows.
    """

    steps: int
    loss: float
    influence: float


@dataclasses.dataclass(frozen=True)
class Structure:
    """Structure of the architecture.

    Attributes:
        receptive_field: Maximum number of steps that an output depends on, including its own; ``None`` if unbounded.
        path_length: Longest path in layers between two steps ``history`` apart, from the architecture.
        support: Maximum number of steps that changed an output of this model, by gradients on random inputs.
        checked: Number of steps of these inputs. If it exceeds the receptive field, the support must not exceed the
            receptive field.
    """

    receptive_field: int | None
    path_length: int
    support: int
    checked: int


@dataclasses.dataclass(frozen=True)
class Probe:
    """Result of a memory probe.

    Attributes:
        history: Maximum number of visible steps.
        windows: Number of places in the data; the same places for every number of steps.
        context: Results from one visible step to all.
        effective: Smallest number of steps whose loss is within 1 % of the best.
        half_life: Number of steps back from which on no influence exceeds half of the largest.
        structure: Structure of the architecture.
    """

    history: int
    windows: int
    context: list[Reach]
    effective: int
    half_life: int
    structure: Structure

    def to_json(self) -> dict[str, Any]:
        """Returns the probe in the form of a record, without unbounded values."""
        document = dataclasses.asdict(self)
        document["structure"] = {key: x for key, x in document["structure"].items() if x is not None}
        return document


@retain_freed_memory()
def check_task(pipeline: Pipeline) -> None:
    """Raise InputError if a model does not answer step by step, so that it cannot be probed."""
    if not isinstance(pipeline.task, NextStep):
        raise InputError(
            f"a model for {pipeline.spec.task}: only causal ones, which answer step by step, can be probed"
        )


def probe(pipeline: Pipeline, examples: Examples, history: int = 1_024, windows: int = 128, seed: int = 0) -> Probe:
    """Measure how a causal model uses its past inputs.

    Args:
        pipeline: A model with an output at each step: music, characters or a memory task.
        examples: Data that the model was not trained on.
        history: Maximum number of visible steps. For shorter data it is the longest history that ``windows`` places
            have.
        windows: Number of places, drawn from all scored places.
        seed: Random seed of the places and of the gradient directions.

    Raises:
        InputError: The model is of another kind, or the data cannot be used.
    """
    check_task(pipeline)
    if history < 2 or windows < 1:
        raise InputError(f"history {history}, windows {windows}: give at least 2 steps and 1 window")
    steps = pipeline.task.steps(pipeline.preprocessor, examples)
    random = np.random.default_rng(seed)
    max_length = pipeline.model.backbone.max_length
    if max_length is not None:
        history = min(history, max_length - (steps.start is not None))
    inputs, targets = draw_windows(steps, history, windows, random)
    history = inputs.shape[1]
    grid = half_octaves(history)
    losses = losses_by_steps(pipeline, steps, inputs, targets, grid)
    lags = influence_by_lag(pipeline.model, steps.name, _started(steps, inputs), random)[:history]
    context = []
    for before, seen, loss in zip([0, *grid], grid, losses, strict=False):
        newly = float(np.sqrt(np.mean(np.square(lags[before:seen]))))
        context.append(Reach(seen, float(loss), newly))
    return Probe(
        history,
        len(inputs),
        context,
        effective_context(grid, losses),
        half_life(lags),
        structure(pipeline, steps.name, history, random),
    )


def draw_windows(steps: Steps, history: int, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw scored places and their histories.

    Args:
        steps: The data.
        history: Maximum steps of a window, including its place.
        count: Maximum number of places.
        random: Random generator.

    Returns:
        Inputs ``(windows, history, ...)`` up to each place, and targets ``(windows, ...)`` at the places. The history
        is the longest one, up to ``history``, that ``count`` places have.
    """
    before = np.array([place + 1 for places in steps.places for place in places])
    rows = np.repeat(np.arange(len(steps.places)), [len(places) for places in steps.places])
    if not len(before):
        raise InputError("no step of these data counts: give longer ones")
    count = min(count, len(before))
    history = int(min(history, np.sort(before)[-count]))
    if history < 2:
        raise InputError(f"{count} windows of these data have one step: give longer ones, or fewer windows")
    chosen = random.choice(np.flatnonzero(before >= history), count, replace=False)
    inputs = [steps.inputs[rows[i]][before[i] - history : before[i]] for i in chosen]
    return np.stack(inputs), np.stack([steps.targets[rows[i]][before[i] - 1] for i in chosen])


def half_octaves(last: int) -> list[int]:
    """Returns 1, 2, 3, 4, 6, 8, 12, 16 and so on, and ``last``."""
    numbers = sorted({1, *(2**i for i in range(1, 40)), *(3 * 2**i for i in range(40))})
    return [*(number for number in numbers if number < last), last]


def losses_by_steps(
    pipeline: Pipeline, steps: Steps, inputs: np.ndarray, targets: np.ndarray, grid: list[int]
) -> np.ndarray:
    """Returns the mean loss over windows for each number of visible steps."""
    loss = pipeline.task.loss(TrainingConfig(label_smoothing=0.0)).call

    def run(shown):
        return pipeline.model({steps.name: shown}, training=False)[:, -1:]

    features = inputs.shape[-1] if steps.name == "features" else None
    function = compiled(pipeline.model, run, 2, features)
    means = []
    for seen in grid:
        shown = _started(steps, inputs[:, -seen:])
        batch_size = max(1, STEPS // shown.shape[1])
        sums = 0.0
        for start in range(0, len(shown), batch_size):
            part = slice(start, start + batch_size)
            step_losses = loss(ops.convert_to_tensor(targets[part][:, None]), function(shown[part]))
            sums += float(ops.convert_to_numpy(step_losses).sum(dtype="float64"))
        means.append(sums / len(shown))
    return np.array(means)


def _started(steps: Steps, inputs: np.ndarray) -> np.ndarray:
    """Put the model's start token before each window."""
    if steps.start is None:
        return inputs
    return np.concatenate([np.full_like(inputs[:, :1], steps.start), inputs], axis=1)


def effective_context(grid: list[int], losses: np.ndarray) -> int:
    """Returns the smallest number of steps whose loss is within 1 % of the best."""
    best = losses.min()
    return next(seen for seen, loss in zip(grid, losses, strict=True) if loss <= best + CLOSE * abs(best))


def half_life(norms: np.ndarray) -> int:
    """Returns the lag from which on no norm exceeds half of the largest."""
    return int(np.flatnonzero(norms >= norms.max() / 2)[-1]) + 1


def influence_by_lag(model: keras.Model, name: str, inputs: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns the norm of the gradient of the last output with respect to each step's embedding, newest first.

    For each window it takes the gradient of the sum of outputs with random signs. Its mean square is that of the whole
    Jacobian (Hutchinson 1989, doi 10.1080/03610918908812806).

    Args:
        model: A ``NextStepModel``.
        name: ``"tokens"`` or ``"features"``.
        inputs: ``(windows, time, ...)``.
        random: Random generator of the signs.

    Returns:
        Root mean squares over windows, ``(time,)``.
    """
    batch_size = max(1, STEPS // inputs.shape[1])
    squares = np.zeros(inputs.shape[1])
    for start in range(0, len(inputs), batch_size):
        shown = inputs[start : start + batch_size]
        signs = random.choice([-1.0, 1.0], (len(shown), model.head.units)).astype("float32")
        gradient = gradient_by_embedding(model, shown, signs)
        squares += np.square(gradient, dtype="float64").sum(axis=(0, 2))
    return np.sqrt(squares / len(inputs))[::-1]


def gradient_by_embedding(model: keras.Model, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the gradient of the last step's outputs, weighted by ``weights (batch, outputs)``.

    Returns:
        Gradient with respect to the input of the blocks, ``(batch, time, embedding_dim)``.
    """
    embedded = model.backbone.embed(ops.convert_to_tensor(inputs))
    return ops.convert_to_numpy(program(model, _gradient)(embedded, weights))


def _gradient(model: keras.Model):
    """Returns a compiled function for the gradient with respect to ``embedded``, given it and ``weights``."""

    def weighted_output(embedded, weights):
        outputs = model.head(model.backbone.run_blocks(embedded))[:, -1]
        return ops.sum(outputs * weights)

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(jax.grad(weighted_output))
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(reduce_retracing=True)
        def gradient(embedded, weights):
            with tf.GradientTape() as tape:
                tape.watch(embedded)
                total = weighted_output(embedded, weights)
            return tape.gradient(total, embedded)

        return gradient
    import torch

    def of_a_leaf(embedded, weights):
        leaf = embedded.detach().requires_grad_()
        return torch.autograd.grad(weighted_output(leaf, ops.convert_to_tensor(weights)), leaf)[0]

    return of_a_leaf


def structure(pipeline: Pipeline, name: str, history: int, random: np.random.Generator) -> Structure:
    """Returns the declared structure of the architecture, and that of gradients on random inputs."""
    architecture = pipeline.task.architecture(pipeline.spec.architecture)
    config = architecture.config_from(pipeline.spec.config)
    receptive_field = architecture.receptive_field(config)
    backbone = pipeline.model.backbone
    checked = min(CHECKED, (receptive_field or CHECKED) + MARGIN, backbone.max_length or CHECKED)
    shape = (4, checked)
    if name == "tokens":
        inputs = random.integers(0, backbone.vocab_size, shape).astype("int32")
    else:
        inputs = random.normal(size=(*shape, backbone.features)).astype("float32")
    norms = influence_by_lag(pipeline.model, name, inputs, random)
    support = int(np.flatnonzero(norms)[-1]) + 1
    return Structure(receptive_field, architecture.path_length(config, history), support, checked)


def document(name: str, split: str, result: Probe, recalled: list) -> dict[str, Any]:
    """Returns a probe in the form of a record.

    Args:
        name: Name of the dataset or the file.
        split: Split of the dataset.
        found: Result of ``probe``.
        recalled: Result of ``zoo.analysis.recall.recall``; empty if it was not run.
    """
    rows = [{key: x for key, x in dataclasses.asdict(row).items() if x is not None} for row in recalled]
    return {"dataset": name, "split": split, **result.to_json(), "recall": rows}


def write(folder: str | os.PathLike, probed: dict[str, Any]) -> None:
    """Write a probe into the record of a checkpoint's folder; the weights do not change.

    Args:
        folder: The folder.
        probed: Result of ``document``.

    Raises:
        WeightsError: The record is damaged, or ``probed`` is not a probe.
        StorageError: The record cannot be written.
    """
    path = Path(folder) / RECORD_FILE
    record = {**locate.read_record(folder).to_json(), "probe": probed}
    text = Record.from_json(record, str(path)).to_text()
    locate.atomic_write(path, text.encode())
