"""Training that can be interrupted at any step and resumed with the same result."""

import dataclasses
import json
import math
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backends.allocator import retain_freed_memory
from zoo.backends.keras_internals import weight_averages
from zoo.backends.process import claim_process
from zoo.errors import InputError, NotFiniteError
from zoo.training import optimizers, schedules
from zoo.training.batching import Batches
from zoo.training.config import TrainingConfig
from zoo.training.interruption import Interrupted, catch_signals
from zoo.training.layer_groups import LayerGroups, hidden_matrices
from zoo.training.moments import estimate_moments, moving_moments
from zoo.training.state import read_state, write_state
from zoo.training.tensorflow_step import tensorflow_program


class Trainer:
    """Trains a model under a training config and keeps the weights with the best validation score.

    Validation uses the moving average of the weights, and the best averages are kept. ``save`` writes everything that a
    step depends on: weights, averages, optimizer, dropout seeds, and the position in the data, whose order depends on
    seed and epoch.

    Args:
        model: A built model.
        train: Training batches.
        validate: Called after each epoch, with the averaged weights in the model; returns scores by name.
        monitor: Score to minimise.
        training_config: The training config.
        loss: Loss function; the task's own is ``Task.loss``.
        folder: Folder of the state; ``None`` writes none.
        resume_command: Command that resumes an interrupted run.
        on_epoch: Called with one dict per epoch.
        on_step: Called with (step, total steps, loss) after each step.
        groups: Layers from the input to the head, if their rates or training times differ; the default is one group.

    Attributes:
        data: Fingerprint of the training data, if known; a state of other data is refused.
        facts: Values by name that all processes of a run must share, besides training config and weights.
        signals: Signals that stop training after a step.
    """

    def __init__(
        self,
        model: keras.Model,
        train: Batches,
        validate: Callable[[], dict[str, float]],
        monitor: str,
        training_config: TrainingConfig,
        loss: keras.losses.Loss,
        folder: Path | None = None,
        resume_command: str = "",
        on_epoch: Callable[[dict], None] = lambda row: None,
        on_step: Callable[[int, int, float], None] = lambda step, total, loss: None,
        groups: LayerGroups | None = None,
    ):
        self.model, self.train, self.validate, self.monitor, self.training_config = (
            model,
            train,
            validate,
            monitor,
            training_config,
        )
        self.folder, self.resume_command, self.on_epoch, self.on_step = folder, resume_command, on_epoch, on_step
        self.total = training_config.epochs * train.per_epoch
        self.loss, self.groups = loss, groups or LayerGroups(model)
        self.moments = moving_moments(model)
        self.variables = [*model.trainable_variables, *self.moments]  # what training changes at any time
        self.optimizer = None
        self._enter(0)
        self.step = 0
        self.epoch_loss = [0.0, 0]
        self.curve: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.best: list[np.ndarray] | None = None
        self.validating = False
        self.data = ""
        self.facts: dict[str, str] = {}
        self.signals = (signal.SIGINT, signal.SIGTERM)

    @retain_freed_memory()
    def run(self) -> None:
        """Train to the end of the config or of its time limit, or until ``patience`` epochs bring no better score.

        Afterwards the model holds the best averaged weights.

        Raises:
            Interrupted: SIGINT or SIGTERM arrived; the state was saved first.
            NotFiniteError: The loss or a weight is NaN or infinite; the last saved state is kept.
        """
        claim_process()
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        with catch_signals(self.signals, lambda: self.validating, self._interruption) as caught:
            # The run may have been stopped before or in the validation of this epoch.
            self._validate_once(self.step // self.train.per_epoch)
            while self.step < self.total and not self._exhausted():
                epoch, done = divmod(self.step, self.train.per_epoch)
                self._enter(epoch)
                for inputs, targets, weights in self.train.epoch(epoch, start=done):
                    if not caught:  # a signal may have arrived before the first step
                        self._train_step(inputs, targets, weights)
                    self.seconds = time.monotonic() - started
                    if (number := self.interrupted(caught)) is not None:
                        self.save()
                        raise Interrupted(self._interruption(), number)
                    if self._out_of_time():
                        break
                    if self.folder and time.monotonic() - saved > self.training_config.save_seconds:
                        self.save()
                        saved = time.monotonic()
                self.save()
                self._validate_once(epoch + 1)
        self.groups.freeze_below(0)
        if self.best is not None:
            self._assign(self.best)

    def interrupted(self, caught: list[int]) -> int | None:
        """Returns the signal at which training stops now, if there is one among those that came."""
        return caught[0] if caught else None

    def _enter(self, epoch: int) -> None:
        """Freeze this epoch's layers and rebuild the optimizer for the trainable ones.

        The optimizer holds only trained weights, so a frozen weight costs no gradient, no step and no memory. The state
        of the previous optimizer is copied into the next one.
        """
        frozen = max(0, len(self.groups) - 1 - epoch) if self.training_config.gradual_unfreezing else 0
        if self.optimizer is not None and frozen == self.frozen:
            return
        self.frozen, before = frozen, self.optimizer
        self.groups.freeze_below(frozen)
        trained = self.model.trainable_variables
        factors = [self.groups.factor(variable, self.training_config.layer_lr_decay) for variable in trained]
        self.optimizer = optimizers.make_optimizer(
            self.training_config, schedules.schedule(self.training_config, self.total), factors, self.matrices(trained)
        )
        self.model.compile(optimizer=self.optimizer, loss=self.loss, auto_scale_loss=False)
        self.optimizer.build(trained)
        self.program = None
        if before is not None:
            optimizers.copy_state(before, self.optimizer)

    def matrices(self, variables: Sequence[keras.Variable]) -> list[int]:
        """Returns the number of matrices per variable, as in ``optimizers.LayerwiseMuon``."""
        if self.training_config.optimizer != "muon":
            return []
        counts = hidden_matrices(self.model)
        return [counts.get(variable.path, 0) for variable in variables]

    def _validate_once(self, epoch: int) -> None:
        """Validate after the last step of an epoch, unless already done."""
        if epoch > len(self.curve):
            self.validating = True
            self._end_epoch(epoch)
            self.validating = False
            self.save()

    def _train_step(self, inputs, targets, weights) -> None:
        loss = self.fit(inputs, targets, weights)
        if not math.isfinite(loss):
            raise self._not_finite(self.step + 1, f"the loss is {loss}")
        self.step += 1
        self.epoch_loss[0] += loss
        self.epoch_loss[1] += 1
        self.on_step(self.step, self.total, loss)
        self._check_weights()

    def fit(self, inputs, targets, weights) -> float:
        """Train on one batch and return the loss before the update."""
        self.model.reset_metrics()
        if keras.backend.backend() == "tensorflow":
            self.program = self.program or tensorflow_program(self.model, self.train.extremes())
            return float(self.program((inputs, targets, weights))["loss"])
        # With several outputs, Keras returns their losses after the sum.
        return float(np.ravel(self.model.train_on_batch(inputs, targets, sample_weight=weights))[0])

    def _check_weights(self) -> None:
        """Raise NotFiniteError if a weight is NaN or infinite, which a loss may not show for many steps."""
        variables = self.model.trainable_variables
        # Reduce all weights to one number, so that a step waits for the backend once.
        if math.isfinite(float(ops.convert_to_numpy(sum(ops.sum(v) for v in variables)))):
            return
        for variable in variables:
            if not np.isfinite(ops.convert_to_numpy(variable)).all():
                raise self._not_finite(self.step, f"{variable.path} is not finite")

    def _not_finite(self, step: int, problem: str) -> NotFiniteError:
        kept = f"; the state saved last is kept in {self.folder}" if self.folder else ""
        return NotFiniteError(f"step {step}: {problem}{kept}: lower the learning rate")

    def _end_epoch(self, epoch: int) -> None:
        trained = [ops.convert_to_numpy(v) for v in self.variables]
        moving = zip(self.model.trainable_variables, weight_averages(self.optimizer), strict=True)
        averaged = {variable.path: ops.convert_to_numpy(average) for variable, average in moving}
        averages = [averaged.get(v.path, value) for v, value in zip(self.variables, trained, strict=True)]
        self._assign(averages)
        if self.moments:
            estimate_moments(self.model, self.train.epoch(epoch))
            averages[-len(self.moments) :] = [ops.convert_to_numpy(v) for v in self.moments]
        scores = self.run_validation()
        # Of equal scores keep the last: with few validation examples all are soon correct, and training goes on.
        if not self.curve or scores[self.monitor] <= min(row[self.monitor] for row in self.curve):
            self.best = averages
        self._assign(trained)
        loss = self.epoch_loss[0] / max(1, self.epoch_loss[1])
        self.epoch_loss = [0.0, 0]
        row = {"epoch": epoch, "step": self.step, "loss": loss, **scores, "seconds": self.seconds}
        self.curve.append(row)
        self.on_epoch(row)

    def run_validation(self) -> dict[str, float]:
        """Returns the scores of the weights as they are."""
        return self.validate()

    def _assign(self, values) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def _out_of_time(self) -> bool:
        return self.training_config.minutes is not None and self.seconds >= 60 * self.training_config.minutes

    def _exhausted(self) -> bool:
        if self._out_of_time():
            return True
        if self.training_config.patience is None or not self.curve or self.frozen:
            return False
        scores = [row[self.monitor] for row in self.curve]
        return len(scores) - 1 - scores.index(min(scores)) >= self.training_config.patience

    def _interruption(self) -> str:
        at = f"stopped at step {self.step} of {self.total}"
        if not self.folder:
            return at
        return f"{at}; the state is in {self.folder}. To go on: {self.resume_command}"

    def _variables(self) -> dict[str, keras.Variable]:
        weights = {f"model/{v.path}": v for v in self.model.weights}
        metrics = {id(v) for metric in self.model.metrics for v in metric.variables}
        known = metrics | {id(v) for v in self.model.weights}
        # Keras numbers seed generators per process, so their paths differ between runs.
        seeds = [v for v in self.model.variables if id(v) not in known]
        return {
            **weights,
            **{f"seed/{i}": v for i, v in enumerate(seeds)},
            **{f"optimizer/{i}": v for i, v in enumerate(self.optimizer.variables)},
        }

    def save(self) -> None:
        """Write the state atomically."""
        if self.folder is None:
            return
        tensors = {name: ops.convert_to_numpy(v) for name, v in self._variables().items()}
        for i, value in enumerate(self.best or []):
            tensors[f"best/{i}"] = value
        if keras.backend.backend() == "torch":
            tensors["torch/random"] = _torch_generator().get_state().numpy()
        write_state(
            self.folder,
            tensors,
            {
                "step": self.step,
                "frozen": self.frozen,
                "epoch_loss": self.epoch_loss,
                "curve": self.curve,
                "seconds": self.seconds,
                "training_config": dataclasses.asdict(self.training_config),
                "backend": keras.backend.backend(),
                "data": self.data,
            },
        )

    def read(self) -> tuple[dict[str, np.ndarray], dict] | None:
        """Returns what ``read_state`` does."""
        return read_state(self.folder) if self.folder else None

    def load(self) -> bool:
        """Load the state in the folder; returns whether there was one.

        Raises:
            InputError: The state belongs to another training config, backend or model.
        """
        state = self.read()
        if state is None:
            return False
        tensors, metadata = state
        metadata.setdefault("data", self.data)  # older states lack this fact
        # Older states lack newer fields; use their defaults.
        metadata["training_config"] = {**dataclasses.asdict(TrainingConfig()), **metadata["training_config"]}
        facts = {
            "training_config": dataclasses.asdict(self.training_config),
            "backend": keras.backend.backend(),
            "data": self.data,
        }
        for what, ours in facts.items():
            if metadata.get(what) != json.loads(json.dumps(ours)):
                raise InputError(
                    f"{self.folder}: made with another {what} ({metadata.get(what)}): start over in another folder,"
                    f" or set it back"
                )
        self._enter(len(self.groups) - 1 - metadata.get("frozen", 0))
        variables = self._variables()
        for name, variable in variables.items():
            if name not in tensors or tensors[name].shape != tuple(variable.shape):
                raise InputError(f"{self.folder}: made with another model: {name} is missing or of another shape")
            variable.assign(tensors[name])
        if keras.backend.backend() == "torch":
            _torch_generator().set_state(ops.convert_to_tensor(tensors["torch/random"], "uint8"))
        self.best = [tensors[f"best/{i}"] for i in range(len(self.variables))] if metadata["curve"] else None
        self.step, self.epoch_loss = metadata["step"], metadata["epoch_loss"]
        self.curve, self.seconds = metadata["curve"], metadata["seconds"]
        return True


def _torch_generator():
    """Returns the process's generator, from which Keras draws dropout on torch instead of its own seeds."""
    import torch

    return torch.default_generator
