"""The memory probe: how far back a causal model can look, how far it does look, and what it gains by it."""

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
"""A loss within this share of the best counts as good."""

CHECKED = 4_096  # steps, at most, over which the structure is checked
MARGIN = 16  # steps beyond the receptive field that have to be without influence
STEPS = 8_192  # of a batch: attention takes memory for the square of a length


@dataclasses.dataclass(frozen=True)
class Reach:
    """What a model makes of the last ``steps`` steps.

    Attributes:
        steps: Steps that it sees, the newest included.
        loss: Mean loss of what it says after the last of them.
        influence: Norm of the gradient of its output by the steps that are seen now and were not in the row
            above: the root of the mean square over them, over windows.
    """

    steps: int
    loss: float
    influence: float


@dataclasses.dataclass(frozen=True)
class Structure:
    """What the architecture allows.

    Attributes:
        receptive_field: Maximum steps that an output can see, including itself; ``None`` if unbounded.
        path_length: Longest path in layers between two steps ``history`` apart, from the architecture.
        support: Maximum steps that did change an output of this model, by its gradient on random inputs.
        checked: Steps of those inputs: where it is more than the receptive field, the support must not reach beyond.
    """

    receptive_field: int | None
    path_length: int
    support: int
    checked: int


@dataclasses.dataclass(frozen=True)
class Probe:
    """What the probe found.

    Attributes:
        history: Maximum steps that the model was shown.
        windows: Places in the data at which it was asked; the same ones for every number of steps.
        context: From one step to all.
        effective: Fewest steps with which the loss is within 1 % of its best.
        half_life: Steps back from which on no influence is half of the largest any more.
        structure: What the architecture allows.
    """

    history: int
    windows: int
    context: list[Reach]
    effective: int
    half_life: int
    structure: Structure

    def to_json(self) -> dict[str, Any]:
        """Returns it as a record keeps it: what is not bounded is left out."""
        document = dataclasses.asdict(self)
        document["structure"] = {key: x for key, x in document["structure"].items() if x is not None}
        return document


@retain_freed_memory()
def probe(pipeline: Pipeline, examples: Examples, history: int = 1_024, windows: int = 128, seed: int = 0) -> Probe:
    """Measure how a causal model uses what it has seen.

    Args:
        pipeline: A model that says something at each step: of music, characters or one of the memory tasks.
        examples: Data for it that it has not been trained on.
        history: Maximum steps to show. Of shorter data as many as ``windows`` places have before them.
        windows: Places at which the model is asked, drawn from all that count.
        seed: Seed of the draw, and of the directions in which gradients are taken.

    Raises:
        InputError: The model is of another kind, or the data cannot be read or used.
    """
    if not isinstance(pipeline.task, NextStep):
        raise InputError(
            f"a model for {pipeline.spec.task}: only causal ones, which answer step by step, can be probed"
        )
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
    """Draw places that count and what stands before them.

    Args:
        steps: The data.
        history: Maximum steps of a window, its place included.
        count: Number of places, as far as there are so many.
        random: Where the draw comes from.

    Returns:
        Inputs ``(windows, history, ...)`` up to each place, and targets ``(windows, ...)`` at the places. The
        history is the longest, up to the one asked for, that so many places have.
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
    """Returns the mean loss over windows for each number of steps seen, the newest ones."""
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
    """Put before each window what the model reads before the first step that it sees."""
    if steps.start is None:
        return inputs
    return np.concatenate([np.full_like(inputs[:, :1], steps.start), inputs], axis=1)


def effective_context(grid: list[int], losses: np.ndarray) -> int:
    """Returns the fewest steps with which the loss is within 1 % of its best."""
    best = losses.min()
    return next(seen for seen, loss in zip(grid, losses, strict=True) if loss <= best + CLOSE * abs(best))


def half_life(norms: np.ndarray) -> int:
    """Returns the lag from which on no norm is half of the largest any more."""
    return int(np.flatnonzero(norms >= norms.max() / 2)[-1]) + 1


def influence_by_lag(model: keras.Model, name: str, inputs: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns the norm of the gradient of the last output by the embedding of each step, the newest first.

    For each window it is the gradient of the outputs' sum with random signs, whose mean square is that of the
    whole Jacobian (Hutchinson 1989, doi 10.1080/03610918908812806).

    Args:
        model: A predictor.
        name: ``"tokens"`` or ``"features"``.
        inputs: ``(windows, time, ...)``.
        random: Where the signs come from.

    Returns:
        ``(time,)``: roots of the mean squares over windows.
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
    """Returns the gradient of the last step's outputs, summed with ``weights (batch, outputs)``.

    Returns:
        ``(batch, time, width)``, by what the backbone's blocks read.
    """
    embedded = model.backbone.embed(ops.convert_to_tensor(inputs))
    return ops.convert_to_numpy(program(model, _gradient)(embedded, weights))


def _gradient(model: keras.Model):
    """Returns the gradient by ``embedded`` as a function of it and of ``weights``, compiled for the running backend."""

    def said(embedded, weights):
        outputs = model.head(model.backbone.run_blocks(embedded))[:, -1]
        return ops.sum(outputs * weights)

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(jax.grad(said))
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(reduce_retracing=True)
        def gradient(embedded, weights):
            with tf.GradientTape() as tape:
                tape.watch(embedded)
                total = said(embedded, weights)
            return tape.gradient(total, embedded)

        return gradient
    import torch

    def of_a_leaf(embedded, weights):
        leaf = embedded.detach().requires_grad_()
        return torch.autograd.grad(said(leaf, ops.convert_to_tensor(weights)), leaf)[0]

    return of_a_leaf


def structure(pipeline: Pipeline, name: str, history: int, random: np.random.Generator) -> Structure:
    """Returns what the architecture says of itself, and what gradients on random inputs say of it."""
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


def document(name: str, split: str, found: Probe, recalled: list) -> dict[str, Any]:
    """Returns a probe as a record keeps it.

    Args:
        name: The dataset, or the file.
        split: Its split.
        found: Result of ``probe``.
        recalled: Result of ``zoo.analysis.recall.recall``; none if it was not run.
    """
    rows = [{key: x for key, x in dataclasses.asdict(row).items() if x is not None} for row in recalled]
    return {"dataset": name, "split": split, **found.to_json(), "recall": rows}


def write(folder: str | os.PathLike, probed: dict[str, Any]) -> None:
    """Write a probe into the record of a checkpoint's folder; the weights stay as they are.

    Args:
        folder: The folder.
        probed: Result of ``document``.

    Raises:
        WeightsError: The record is damaged, or this is not a probe.
        StorageError: It cannot be written.
    """
    path = Path(folder) / RECORD_FILE
    record = {**locate.read_record(folder).to_json(), "probe": probed}
    text = Record.from_json(record, str(path)).to_text()
    locate.atomic_write(path, text.encode())
