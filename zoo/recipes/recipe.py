"""Recipes: everything ``zoo train`` needs to make a checkpoint."""

import dataclasses
import json
from collections.abc import Sequence

from zoo.errors import InputError
from zoo.training.config import TrainingConfig


@dataclasses.dataclass(frozen=True)
class Corpus:
    """How to read a dataset as one long sequence of subwords.

    Attributes:
        tokens: Budget: number of subwords that all epochs read together, each once.
        vocab_size: Maximum size of the vocabulary, learned from the training texts.
        context: Subwords per window.
        sampled: Number of ids in the sampled softmax of a training batch; 0 means all.
    """

    tokens: int
    vocab_size: int = 8_192
    context: int = 256
    sampled: int = 3_072


@dataclasses.dataclass(frozen=True)
class SeriesMix:
    """Which series a forecaster is trained on.

    Attributes:
        sources: Names of datasets of real series. The last values of a part of them are kept for validation.
        never: Benchmarks of the same kind that are not trained on.
        steps: Training batches of all epochs together.
        synthetic: Share of synthetic series in a batch.
    """

    sources: tuple[str, ...]
    never: tuple[str, ...]
    steps: int
    synthetic: float = 0.5


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything ``zoo train`` needs to make a checkpoint.

    Attributes:
        architecture: Architecture for the dataset's task.
        size: Size of the architecture.
        dataset: Name of the dataset.
        exclude: ``(dataset, split)`` whose inputs are removed from the training data because the checkpoint is measured
            on them; ``None`` removes nothing.
        evaluate: Pairs ``(dataset, split)``, each measured once at the end.
        training_config: The training config.
        expected: Scores by name that the recipe has reached on the last pair of ``evaluate``; empty if it has not been
            run to the end.
        config: Config fields that differ from those of the size.
        corpus: How to read a language model's training texts; ``None`` reads examples one by one.
        series: The series of a forecaster; ``dataset`` is then only their common name.
        language_model: Checkpoint of a language model whose tokenizer and backbone the model starts with.
        ngrams: Whether a linear model on n-grams is added to a classifier of texts after its training.
    """

    architecture: str
    size: str
    dataset: str
    exclude: tuple[str, str] | None
    evaluate: tuple[tuple[str, str], ...]
    training_config: TrainingConfig
    expected: dict[str, float] = dataclasses.field(default_factory=dict)
    config: dict = dataclasses.field(default_factory=dict)
    corpus: Corpus | None = None
    series: SeriesMix | None = None
    language_model: str = ""
    ngrams: bool = False

    def changed(self, settings: Sequence[str], fields: Sequence[str]) -> "Recipe":
        """Returns a recipe with some fields of its training config or of its config changed.

        Args:
            settings: ``FIELD=VALUE`` each; true, false, null and numbers are read as JSON.
            fields: Field names of the architecture's config.

        Raises:
            InputError: There is no such field, or the value is invalid for it.
        """
        training_config, config = {}, dict(self.config)
        known = [field.name for field in dataclasses.fields(TrainingConfig)]
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals or name not in [*known, *fields]:
                valid = ", ".join(sorted([*known, *fields]))
                raise InputError(f"{setting[:60]!r}: expected FIELD=VALUE, a field being one of {valid}")
            (training_config if name in known else config)[name] = _value(text)
        return dataclasses.replace(
            self,
            training_config=dataclasses.replace(self.training_config, **training_config),
            config=config,
            expected={},
        )


def _value(text: str) -> bool | int | float | str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, list | dict) else value
