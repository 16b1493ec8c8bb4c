"""A recipe: everything `zoo train` needs to make one checkpoint."""

import dataclasses
import json
from collections.abc import Sequence

from zoo.errors import InputError
from zoo.training.config import TrainingConfig


@dataclasses.dataclass(frozen=True)
class Corpus:
    """How a dataset is read as one long sequence of subwords.

    Attributes:
        tokens: The budget: subwords that all epochs read together, each once.
        vocab_size: Maximum ids of the vocabulary that is learned from its training texts.
        context: Subwords of a window.
        sampled: Ids that the softmax of a training batch runs over; 0 is all.
    """

    tokens: int
    vocab_size: int = 8_192
    context: int = 256
    sampled: int = 3_072


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What ``zoo train`` needs to make a checkpoint.

    Attributes:
        architecture: One that can do the dataset's task.
        size: One of its sizes.
        dataset: Name of the dataset.
        exclude: ``(dataset, split)`` whose inputs are taken out of the training data, because the
            checkpoint is measured on them; ``None`` takes out nothing.
        evaluate: ``(dataset, split)`` measured once at the end.
        training_config: How it is fitted.
        expected: Scores by name that the recipe has reached on the last of ``evaluate``; none if it has
            not been run to its end yet.
        config: Fields that differ from the size's.
        corpus: How a language model's training texts are read; ``None`` reads the examples one by one.
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

    def changed(self, settings: Sequence[str], fields: Sequence[str]) -> "Recipe":
        """Returns a recipe with some fields of its training config or of its config set to other values.

        Args:
            settings: Each ``FIELD=VALUE``; true, false, null and numbers are what they are in JSON.
            fields: Names of the architecture's config.

        Raises:
            InputError: There is no such field, or the training config cannot have that value.
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
