"""Decide by cross-validation how much of a fine-tuning to keep, where the validation part is too small for it."""

import collections
import dataclasses
import warnings

import numpy as np

from zoo.backends.seeding import seed_everything
from zoo.data.examples import Examples
from zoo.fitting import ngram_model
from zoo.fitting.interpolation import SHARES, describe, losses, outputs_between
from zoo.fitting.setup import make_trainer
from zoo.fitting.transfer import start_from
from zoo.models.heads import Classifier
from zoo.pipeline import Pipeline
from zoo.training.config import TrainingConfig
from zoo.training.trainer import Trainer

FEW_ROWS = 500  # with fewer training rows, cross-validation decides
FOLDS = 3
# With fewer, the linear head is kept without a comparison, which would take minutes instead of seconds.
VERY_FEW_ROWS = 200


@dataclasses.dataclass(frozen=True)
class FewRows:
    """How to train on a few rows, by cross-validation on them or, with very few, without.

    Attributes:
        losses: Loss at each share of ``interpolation.SHARES`` in nats per row; empty if not measured.
    """

    losses: tuple[float, ...] = ()

    @property
    def share(self) -> float:
        """The share with the lowest loss; of equal ones the nearest to the linear head."""
        return SHARES[int(np.argmin(self.losses))] if self.losses else 0.0

    def line(self) -> str:
        """Returns a note for the user on what was measured."""
        return (
            f"cross-validation on the training rows: loss {self.losses[0]:.4f} with a linear head on frozen features,"
            f" {self.losses[-1]:.4f} with fine-tuned weights; chosen: {describe(self.share, min(self.losses))}"
        )


def has_few_rows(pipeline: Pipeline, train: Examples) -> bool:
    """Returns whether cross-validation decides for a classifier, of which at least one label has a row in each fold."""
    most = max(collections.Counter(train.targets).values()) if isinstance(pipeline.model, Classifier) else 0
    return len(train) < FEW_ROWS and most >= FOLDS


def cross_validate(
    base: Pipeline,
    pipeline: Pipeline,
    train: Examples,
    validation: Examples,
    training_config: TrainingConfig,
    ngrams: bool = True,
) -> FewRows:
    """Compare a linear head on frozen features with fine-tuning, by cross-validation on the training rows.

    Args:
        base: The pretrained model.
        pipeline: A classifier of the labels; it does not change.
        train: Training part.
        validation: Validation part, which chooses the best epoch of each fold's fine-tuning.
        training_config: Training config of the fine-tuning.
        ngrams: Whether a linear model on n-grams will be added.
    """
    from sklearn.model_selection import StratifiedKFold

    classes = ngram_model.encode_labels(pipeline, train)
    ngrams = ngrams and ngram_model.suits(pipeline)
    shape = (len(train), len(pipeline.preprocessor.labels))
    networks, linear, sizes = {share: np.zeros(shape) for share in SHARES}, np.zeros(shape), []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=training_config.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label may have fewer rows than there are folds
        parts = list(folds.split(classes, classes))
    for fitted, left_out in parts:
        rows, out = train.select(fitted.tolist()), train.select(left_out.tolist())
        seed_everything(training_config.seed)
        copy = Pipeline(pipeline.spec)
        start_from(base, copy, rows, training_config.seed)
        start = copy.tensors()
        make_trainer(copy, rows, validation, training_config).run()
        for share, outputs in outputs_between(copy, start, copy.tensors(), out.inputs).items():
            networks[share][left_out] = outputs
        if ngrams:
            model = ngram_model.fit(copy, rows, training_config.seed)
            linear[left_out] = model.logits(copy, out.inputs)
            sizes.append(model.size)
    loss = losses(networks, linear if ngrams else None, classes, float(np.mean(sizes)) if sizes else 0.0)
    return FewRows(tuple(loss.values()))


def keep_linear_head(pipeline: Pipeline, trainer: Trainer, train: Examples) -> None:
    """Validate the model as it is, as epoch 0 of the training curve, instead of training it."""
    outputs = ngram_model.log_probabilities(pipeline, train.inputs)
    loss = -float(outputs[np.arange(len(train)), ngram_model.encode_labels(pipeline, train)].mean())
    row = {"epoch": 0, "step": 0, "loss": loss, **trainer.run_validation(), "seconds": trainer.seconds}
    trainer.curve.append(row)
    trainer.on_epoch(row)
