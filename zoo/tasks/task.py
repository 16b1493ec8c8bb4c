"""What a task has to say: how a model of it is built, fed, decoded and scored."""

import abc
import dataclasses
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from zoo.checkpoints.spec import ModelSpec
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.inference.sampling import Sampling
from zoo.metrics.intervals import Counts, Interval
from zoo.models.architecture import Architecture
from zoo.preprocessing.preprocessor import Preprocessor
from zoo.training.batching import Batches
from zoo.training.config import TrainingConfig
from zoo.training.losses import SmoothedCrossentropy

OnStep = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Cases:
    """Examples as they are scored: each input once, with all its references.

    Attributes:
        inputs: Raw inputs.
        references: The references of each.
        locations: The place of each input's first row, for messages.
    """

    inputs: list[Any]
    references: list[Any]
    locations: list[str]

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, chosen: Sequence[int]) -> "Cases":
        """Returns the cases of the given numbers."""
        return Cases(
            [self.inputs[i] for i in chosen],
            [self.references[i] for i in chosen],
            [self.locations[i] for i in chosen],
        )


class Task(abc.ABC):
    """One kind of question; everything that differs between them stands in its subclasses.

    Attributes:
        name: Its name in ``TASKS`` and in every spec.
        monitor: The score that validation lowers.
        options: What ``predict`` can be told, with the values it has if it is not.
        validation: The options while training is validated, where speed counts.
        head: Sizes of the head with their defaults; ``None`` where there is none.
        multi_reference: Whether an input may have several references, each in a row of its own.
        has_correct_answer: Whether an answer is right or wrong, so that mistakes can be shown.
        has_labels: Whether targets are labels, of which every part of the data should have its share.
        replaces_head: Whether fine-tuning replaces the head alone, because the inputs stay the same.
        layout: How the rows of a table are read, one of ``zoo.data.read.LAYOUTS``.
        streamed: Whether an evaluation may read a table row by row; if not, rows mean something only together, or
            inputs are no texts.
    """

    name: str
    monitor: str
    options: dict[str, Any]
    validation: dict[str, Any]
    head: dict[str, Any] = {}
    multi_reference: bool = False
    has_correct_answer: bool = True
    has_labels: bool = False
    replaces_head: bool = False
    layout: str = "rows"
    streamed: bool = True

    @abc.abstractmethod
    def architecture(self, name: str) -> Architecture:
        """Returns an architecture that can do the task (raises InputError for another)."""

    def standardize(self, examples: Examples) -> Examples:
        """Returns examples with their targets in the form that the task reads, and notes of what was converted."""
        return examples

    def check_example(self, preprocessor: Preprocessor, value: Any, target: Any) -> None:
        """Raise InputError for an input, or a target, that cannot be encoded."""
        preprocessor.encode_input(value)
        if self.has_labels:
            preprocessor.encode_target(target)

    def unknown_share(self, preprocessor: Preprocessor, inputs: Sequence[Any]) -> float | None:
        """Returns the share of tokens that the preprocessor does not know; None where inputs are not tokenized."""
        return None

    def check_training_example(self, preprocessor: Preprocessor, value: Any, target: Any) -> None:
        """Raise InputError for an example that cannot be trained on."""
        self.check_example(preprocessor, value, target)

    def misfits(self, examples: Examples, base: Any) -> list[tuple[int, InputError]]:
        """Returns the numbers of rows that no preprocessor can be made for, and why.

        Args:
            examples: Some rows.
            base: The pipeline that is fine-tuned, if there is one.
        """
        return []

    @abc.abstractmethod
    def fit(self, examples: Examples, architecture: Architecture) -> Preprocessor:
        """Returns the preprocessor that training examples ask for."""

    def fit_tokenizer(self, tokenizer: Any, examples: Examples) -> Preprocessor:
        """Returns the preprocessor that has a language model's tokenizer, and the labels of training examples.

        Raises:
            InputError: The task does not read texts.
        """
        raise InputError(f"{self.name} does not start from a language model: choose classification or tagging")

    def embed(self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep) -> np.ndarray:
        """Returns features of whole inputs, ``(inputs, features)`` (raises InputError where there are none)."""
        raise InputError(
            f"{pipeline.spec.architecture} is a model of {self.name}, which has no features of a whole input:"
            " choose a classifier or a language model"
        )

    @abc.abstractmethod
    def fields(self, preprocessor: Preprocessor, architecture: Architecture) -> dict[str, Any]:
        """Returns the config's fields that the preprocessor decides, vocabularies for instance."""

    @abc.abstractmethod
    def create(self, architecture: Architecture, config: Any, **sizes: Any) -> keras.Model:
        """Returns the model with a head of the given sizes, its variables drawn; ``head`` names them."""

    def head_sizes(self, preprocessor: Preprocessor) -> dict[str, Any]:
        """Returns the sizes of the head that a preprocessor decides."""
        return {}

    def build(self, architecture: Architecture, config: Any, preprocessor: Preprocessor) -> keras.Model:
        """Returns the model of a preprocessor, its variables drawn."""
        return self.create(architecture, config, **{**self.head, **self.head_sizes(preprocessor)})

    @abc.abstractmethod
    def batches(self, preprocessor: Preprocessor, examples: Examples, training_config: TrainingConfig) -> Batches:
        """Returns training batches (raises InputError with the location of a row that cannot be used)."""

    def cases(self, examples: Examples) -> Cases:
        """Returns examples as they are scored."""
        if not self.multi_reference:
            return Cases(list(examples.inputs), list(examples.targets), list(examples.locations))
        grouped: dict[str, tuple[str, list[str], str]] = {}
        for text, target, location in zip(examples.inputs, examples.targets, examples.locations, strict=True):
            key = unicodedata.normalize("NFC", text)
            grouped.setdefault(key, (text, [], location))[1].append(target)
        return Cases(*([case[i] for case in grouped.values()] for i in range(3)))

    @abc.abstractmethod
    def predict(self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep, **options: Any) -> list[Any]:
        """Returns a readable answer for each raw input."""

    def predict_raw(
        self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep, **options: Any
    ) -> list[Any]:
        """Returns what ``score`` compares with the references, as JSON values: by default what ``predict`` says."""
        return self.predict(pipeline, inputs, batch_size, on_step, **options)

    @abc.abstractmethod
    def score(self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]) -> dict[str, Interval]:
        """Returns the metrics of answers, ``monitor`` among them."""

    @abc.abstractmethod
    def metric_counts(self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]) -> Counts:
        """Returns the metric that speaks for the others as a ratio, answer by answer, to compare models by it."""

    def update_metrics(self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]) -> Any:
        """Returns what ``total`` needs of some of the answers, without their inputs, to be held until all are made."""
        # Of labels that are read from a file again for each row, one copy is enough.
        return outputs, [sys.intern(value) if isinstance(value, str) else value for value in references]

    def compute_metrics(self, preprocessor: Preprocessor, states: list[Any]) -> dict[str, Interval]:
        """Returns what ``score`` does, from the tallies of all answers."""
        outputs, references = ([x for part in parts for x in part] for parts in zip(*states, strict=True))
        return self.score(preprocessor, outputs, references)

    @abc.abstractmethod
    def adapt(self, base: Any, parts: list[Examples]) -> Any:
        """Returns the preprocessor for other data: what ``base``'s knows, and what is new.

        Args:
            base: The pipeline that is fine-tuned.
            parts: All examples that the new model will meet, the training part first.
        """

    @abc.abstractmethod
    def transfer_weights(self, base: Any, fresh: Any) -> dict[str, np.ndarray]:
        """Returns the weights of ``fresh``, an adapted pipeline, with all that ``base``'s have learned of them."""

    @abc.abstractmethod
    def logits(self, pipeline: Any, text: Any) -> Any:
        """Returns the logits of one input as a vector, for golden outputs."""

    def stream(self, pipeline: Any, prompt: Any, length: int, sampling: Sampling) -> Iterator[Any]:
        """Continue a prompt, part by part (raises InputError where the task predicts no next step)."""
        raise InputError(
            f"{pipeline.spec.architecture} is a model of {self.name}, which does not predict a next step:"
            " choose one of language_modelling or music_modelling"
        )

    def join(self, parts: Iterable[Any]) -> Any:
        """Returns what ``stream`` yielded as one value."""
        return [step for part in parts for step in part]

    def spec(
        self, architecture: Architecture, size: str, preprocessor: Preprocessor, fields: dict[str, Any]
    ) -> ModelSpec:
        """Returns the spec of a model of this task.

        Args:
            architecture: One that ``architecture`` returned.
            size: Name of the size, kept in the spec.
            preprocessor: From ``fit`` or ``adapt``.
            fields: Fields of the config; those that the preprocessor decides are set here.
        """
        config = architecture.config_from({**fields, **self.fields(preprocessor, architecture)})
        return ModelSpec(architecture.name, size, dataclasses.asdict(config), self.name, preprocessor.to_json())

    def prefers(self, architecture: Architecture) -> dict[str, Any]:
        """Returns the config's fields that the task sets if nothing else is said."""
        return {}

    def loss(self, training_config: TrainingConfig) -> keras.losses.Loss:
        """Returns what training lowers: the weighted mean, over positions, of references and outputs."""
        return SmoothedCrossentropy(training_config.label_smoothing)

    def check(self, train: Examples) -> None:
        """Raise InputError for training data from which nothing can be learned."""
        if not len(train):
            raise InputError("no examples: give at least one")

    def supports_augmentation(self, preprocessor: Preprocessor) -> bool:
        """Returns whether training can show other versions of the same example (``TrainingConfig.augment``)."""
        return False

    def check_training_config(self, preprocessor: Preprocessor, training_config: TrainingConfig) -> None:
        """Raise InputError for a training config that asks for what would change nothing here."""
        if training_config.augment and not self.supports_augmentation(preprocessor):
            raise InputError(f"augment: {self.name} of such data has no varied versions to train on: leave it out")
        if training_config.class_balanced and not self.has_labels:
            raise InputError(f"class-balanced: in {self.name} an example has no one label to weigh it by: leave it out")

    def describe(self, preprocessor: Preprocessor) -> str:
        """Returns the task in words, with what was inferred of it."""
        return self.name

    def warnings(self, preprocessor: Preprocessor, examples: Examples) -> list[str]:
        """Returns what a user should know of the data before training starts, a line each."""
        return []

    def plain(self, pipeline: Any, value: Any) -> Any:
        """Returns a raw input as a JSON value that is short enough for a record; of a long one the start."""
        return value

    def baselines(self, train: Examples, test: Examples) -> list[dict[str, Any]]:
        """Returns scores that need no model, laid out as a dataset's published figures."""
        return []


def both_ways(architecture: Architecture) -> dict[str, Any]:
    """Returns the config's fields with which an architecture reads what is there from the start from both ends."""
    known = {field.name for field in dataclasses.fields(architecture.config)}
    fields = {"bidirectional": True, "causal": False, "gate": None}
    return {name: value for name, value in fields.items() if name in known}
