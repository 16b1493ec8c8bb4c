"""Build a pipeline with random weights, a trainer for it, and the facts that its record keeps."""

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras

from zoo import datasets
from zoo.backends import cluster
from zoo.backends.seeding import seed_everything
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.pipeline import Pipeline
from zoo.tasks.task import Task
from zoo.training import distributed
from zoo.training.config import TrainingConfig
from zoo.training.layer_groups import layer_groups
from zoo.training.lora import LowRank
from zoo.training.trainer import Trainer


def fresh(
    task: Task, architecture: str, size: str, examples: Examples, seed: int, precision: str = "float32", **fields: Any
) -> Pipeline:
    """Returns a model with random weights.

    Args:
        task: The task.
        architecture: Name of an architecture that supports the task.
        size: One of its sizes.
        examples: Training data to fit the preprocessor on.
        seed: Seed of the weights.
        precision: Dtype policy of the model's layers.
        **fields: Config fields that differ from the size's.
    """
    family = task.architecture(architecture)
    preprocessor = task.fit(examples, family)
    if size not in family.sizes:
        raise InputError(f"{architecture}: unknown size {size!r}: choose one of {', '.join(family.sizes)}")
    chosen = {**family.sizes[size], **task.prefers(family), **fields}
    seed_everything(seed)
    return Pipeline(task.spec(family, size, preprocessor, chosen), dtype=precision)


def make_trainer(
    pipeline: Pipeline,
    train: Examples,
    validation: Examples,
    training_config: TrainingConfig,
    folder: Path | None = None,
    resume_command: str = "",
    new: Collection[str] = (),
) -> Trainer:
    """Returns a trainer that validates with the task's metrics.

    With LoRA the trainer's model is a ``LowRank`` wrapper, which must be merged after training.

    Args:
        pipeline: The model.
        train: Training examples.
        validation: Validation examples, which select the best weights.
        training_config: The training config.
        folder: Folder for the state; ``None`` keeps none.
        resume_command: Command to resume, for messages.
        new: Paths of the randomly initialised variables of a pretrained model.
    """
    task, preprocessor = pipeline.task, pipeline.preprocessor
    task.check_training_config(preprocessor, training_config)
    task.check_metrics()
    cases = task.validation_cases(task.cases(validation))
    groups = layer_groups(pipeline.model, new)
    model = LowRank(pipeline.model, training_config.lora_rank, groups) if training_config.lora_rank else pipeline.model

    def validate() -> dict[str, float]:
        with model.merged() if isinstance(model, LowRank) else contextlib.nullcontext():
            outputs = cluster.spread(lambda inputs: pipeline.predict_raw(inputs, **task.validation), cases.inputs)
        values = task.score(preprocessor, outputs, cases.references)
        return {name: value.value for name, value in values.items()}

    batches = task.batches(preprocessor, train, training_config)
    trainer = distributed.make_trainer(
        model,
        batches,
        validate,
        task.monitor,
        training_config,
        task.loss(training_config),
        folder,
        resume_command,
        groups=None if training_config.lora_rank else groups,
    )
    if cluster.count() > 1:
        trainer.facts |= {
            "training data": datasets.fingerprint(train),
            "validation data": datasets.fingerprint(validation),
        }
    return trainer


def training_facts(trainer: Trainer, recipe: dict) -> dict:
    """Returns a record's ``training`` part."""
    return {
        "recipe": recipe,
        "seed": trainer.training_config.seed,
        "backend": keras.backend.backend(),
        "versions": versions(),
        "seconds": trainer.seconds,
        "steps": trainer.step,
        "curve": trainer.curve,
    }


def versions() -> dict[str, str]:
    """Returns the versions for a record: Python, zoo, Keras and backend."""
    import importlib
    import platform

    import zoo

    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "seqzoo": zoo.__version__,
        "keras": keras.__version__,
        backend: importlib.import_module(backend).__version__,
    }
