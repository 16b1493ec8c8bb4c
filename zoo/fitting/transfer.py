"""Transfer a pretrained backbone of texts to a new head, and a language model also to another task.

A language model reads the texts of the new domain first (Howard & Ruder 2018, arXiv 1801.06146). Then a linear head is
fitted on the frozen features (Kumar et al. 2022, arXiv 2202.10054). Finally both are fine-tuned.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.examples import Examples, identity
from zoo.data.lines import read_lines
from zoo.datasets import fingerprint
from zoo.errors import InputError
from zoo.fitting.linear_model import choose_strength, fit_logistic
from zoo.fitting.setup import make_trainer
from zoo.models.heads import Classifier
from zoo.pipeline import Pipeline
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.tasks.task import Task
from zoo.training.config import TrainingConfig
from zoo.training.trainer import Trainer

# the second stage of ULMFiT
DOMAIN = TrainingConfig(
    epochs=4,
    batch_size=16,
    learning_rate=1e-3,
    schedule="slanted_triangular",
    warmup=0.1,
    layer_lr_decay=1.3,
    label_smoothing=0.0,
    ema_decay=0.9,
)
MAX_DOMAIN_TOKENS = 2_000_000  # maximum subwords over all epochs of the second stage
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # strengths of the linear head, as scikit-learn's C
FOLDS = 5


def is_language_model(pipeline: Pipeline) -> bool:
    """Returns whether a pipeline predicts subwords, so that other tasks can start from it."""
    return isinstance(pipeline.preprocessor, SubwordTextPreprocessor)


def for_task(base: Pipeline, task: Task, examples: Examples, pretrained: bool, dropout: float = 0.1) -> Pipeline:
    """Returns a model of another task with a language model's backbone and a randomly initialized head.

    Args:
        base: The language model.
        task: A task that reads texts.
        examples: The training part, whose labels the head predicts.
        pretrained: Whether to use the language model's weights; otherwise all are random.
        dropout: Dropout rate of the backbone; a language model is trained with none.

    Raises:
        InputError: The task does not read texts.
    """
    preprocessor = task.fit_tokenizer(base.preprocessor.tokenizer, examples)
    architecture = task.architecture(base.spec.architecture)
    config = {**base.spec.config, "dropout": dropout}
    pipeline = Pipeline(task.spec(architecture, base.spec.size, preprocessor, config))
    if pretrained:
        transfer_backbone(base, pipeline)
    return pipeline


def read_unlabelled(source: Any) -> list[str]:
    """Returns texts without labels.

    Args:
        source: A list of texts, a file with one text per line, or ``None`` for none.

    Raises:
        InputError: The file cannot be read, or there is no text or an empty one.
    """
    if source is None:
        return []
    texts = read_lines(source)[0] if isinstance(source, str | os.PathLike) else list(source)
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputError("unlabelled: give at least one text, and none that is empty")
    return texts


def transfer_backbone(base: Pipeline, pipeline: Pipeline) -> None:
    """Set the weights of a pipeline's backbone to those of another pipeline."""
    known = base.tensors()
    for variable in pipeline.model.backbone.weights:
        variable.assign(known[variable.path])


def domain_trainer(
    base: Pipeline,
    parts: list[Examples],
    unlabelled: Any,
    training_config: TrainingConfig,
    folder: Path | None,
    on_message: Callable[[str], None],
) -> tuple[Pipeline, Trainer]:
    """Returns a copy of a language model, and a trainer on the texts of another domain.

    Args:
        base: The language model, which does not change.
        parts: The training part, whose texts are read; the validation part, which chooses the best epoch; and the test
            part, which should share no text with the unlabelled ones.
        unlabelled: More texts, as in ``read_unlabelled``.
        training_config: Source of the seed and the time limit.
        folder: Folder of the state, if any.
        on_message: Called with notes for the user.

    Raises:
        InputError: The unlabelled texts cannot be read.
    """
    train, validation, test = parts
    more = read_unlabelled(unlabelled)
    leaked = len({identity(text) for text in test.inputs} & {identity(text) for text in more})
    if leaked:
        on_message(f"note: {leaked:,} of the unlabelled texts are in the test part too, which makes its score too high")
    texts = [*train.inputs, *more]
    copy = Pipeline(base.spec)
    copy.assign(base.tensors(), "language model")
    tokens = sum(len(row) + 1 for row in base.preprocessor.tokenizer.encode_batch(texts))
    epochs = max(1, min(DOMAIN.epochs, MAX_DOMAIN_TOKENS // tokens))
    own = dataclasses.replace(DOMAIN, epochs=epochs, seed=training_config.seed, minutes=training_config.minutes)
    on_message(f"language model: reads {len(texts):,} texts of these data, {epochs} epochs")
    read, checked = (
        Examples(list(rows), [""] * len(rows), [f"text:{i + 1}" for i in range(len(rows))])
        for rows in (texts, validation.inputs)
    )
    trainer = make_trainer(copy, read, checked, own, folder, "the same command with --resume")
    trainer.data = fingerprint(read)
    return copy, trainer


def start_from(base: Pipeline, pipeline: Pipeline, train: Examples, seed: int) -> None:
    """Set a pipeline's backbone to a pretrained one's, and a classifier's head to a linear one on its features."""
    transfer_backbone(base, pipeline)
    if isinstance(pipeline.model, Classifier):
        fit_linear_head(pipeline, train, seed)


def fit_linear_head(pipeline: Pipeline, examples: Examples, seed: int) -> None:
    """Fit a classifier's head on the frozen features of its backbone: logistic regression.

    The strength is the one with the lowest loss in cross-validation.

    Args:
        pipeline: A classifier; its head is replaced.
        examples: Texts and labels.
        seed: Seed of the folds.
    """
    from sklearn.preprocessing import StandardScaler

    labels = np.array([pipeline.preprocessor.encode_target(label) for label in examples.targets])
    scaler = StandardScaler().fit(features := pipeline.embed(examples.inputs))
    rows = scaler.transform(features)
    strength = choose_strength(rows, labels, STRENGTHS, FOLDS, seed)
    kernel, bias = fit_logistic(rows, labels, len(pipeline.preprocessor.labels), strength)
    scale = np.maximum(scaler.scale_, 1e-6)
    kernel /= scale[:, None]
    pipeline.model.head.kernel.assign(kernel.astype("float32"))
    pipeline.model.head.bias.assign((bias - scaler.mean_ @ kernel).astype("float32"))
