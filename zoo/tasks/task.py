"""The interface of a task: how its models are built, fed, decoded and scored."""

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
from zoo.metrics.intervals import Counts, Interval, SummedCounts
from zoo.models.architecture import Architecture
from zoo.preprocessing.preprocessor import Preprocessor
from zoo.training.batching import Batches
from zoo.training.config import TrainingConfig
from zoo.training.losses import SmoothedCrossentropy

OnStep = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Cases:
    """Examples for scoring: each input once, with all its references.

    Attributes:
        inputs: Raw inputs.
        references: References of each input.
        locations: Location of each input's first row, for messages.
    """

    inputs: list[Any]
    references: list[Any]
    locations: list[str]

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, chosen: Sequence[int]) -> "Cases":
        """Returns the cases with the given indices."""
        return Cases(
            [self.inputs[i] for i in chosen],
            [self.references[i] for i in chosen],
            [self.locations[i] for i in chosen],
        )


class Task(abc.ABC):
    """A task; subclasses hold everything that differs between tasks.

    Attributes:
        name: Name in ``TASKS`` and in specs.
        monitor: Validation score to minimise.
        options: Options of ``predict`` with their defaults.
        validation: Options for validation in training, where speed matters.
        head: Sizes of the head with their defaults; ``None`` if there is no head.
        multi_reference: Whether an input may have several references, each in its own row.
        has_correct_answer: Whether an output is correct or wrong, so that mistakes can be shown.
        has_labels: Whether targets are labels, so that splits are stratified.
        replaces_head: Whether fine-tuning replaces only the head, because the inputs stay the same.
        layout: Layout of the rows of a table, one of ``zoo.data.read.LAYOUTS``.
        streamed: Whether an evaluation may read a table row by row. It may not if rows belong together or inputs are
            not texts.
        counts_unread: Whether inputs of a dataset that a model cannot read count as wrong; otherwise they are errors.
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
    counts_unread: bool = False

    @abc.abstractmethod
    def architecture(self, name: str) -> Architecture:
        """Returns an architecture for the task by name (raises InputError if it does not support the task)."""

    def standardize(self, examples: Examples) -> Examples:
        """Returns examples with targets in the task's form, and notes on conversions."""
        return examples

    def check_example(self, preprocessor: Preprocessor, value: Any, target: Any) -> None:
        """Raise InputError for an input or a target that cannot be encoded."""
        preprocessor.encode_input(value)
        if self.has_labels:
            preprocessor.encode_target(target)

    def unknown_share(self, preprocessor: Preprocessor, inputs: Sequence[Any]) -> float | None:
        """Returns the share of tokens that the preprocessor does not know; None if inputs are not tokenized."""
        return None

    def check_training_example(self, preprocessor: Preprocessor, value: Any, target: Any) -> None:
        """Raise InputError for an example that cannot be used for training."""
        self.check_example(preprocessor, value, target)

    def misfits(self, examples: Examples, base: Any) -> list[tuple[int, InputError]]:
        """Returns the indices and errors of rows that no preprocessor supports.

        Args:
            examples: Examples.
            base: Pipeline to fine-tune, if any.
        """
        return []

    @abc.abstractmethod
    def fit(self, examples: Examples, architecture: Architecture) -> Preprocessor:
        """Returns a preprocessor for training examples."""

    def fit_tokenizer(self, tokenizer: Any, examples: Examples) -> Preprocessor:
        """Returns a preprocessor with a language model's tokenizer and the labels of training examples.

        Raises:
            InputError: The task does not read texts.
        """
        raise InputError(f"{self.name} does not start from a language model: choose classification or tagging")

    def embed(self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep) -> np.ndarray:
        """Returns features of whole inputs, ``(inputs, features)`` (raises InputError if the model has none)."""
        raise InputError(
            f"{pipeline.spec.architecture} is a model of {self.name}, which has no features of a whole input:"
            " choose a classifier or a language model"
        )

    @abc.abstractmethod
    def fields(self, preprocessor: Preprocessor, architecture: Architecture) -> dict[str, Any]:
        """Returns the config fields that the preprocessor determines, for example vocabulary sizes."""

    @abc.abstractmethod
    def create(self, architecture: Architecture, config: Any, **sizes: Any) -> keras.Model:
        """Returns a model with a head of the given sizes (see ``head``), with initialized variables."""

    def head_sizes(self, preprocessor: Preprocessor) -> dict[str, Any]:
        """Returns the sizes of the head that the preprocessor determines."""
        return {}

    def build(self, architecture: Architecture, config: Any, preprocessor: Preprocessor) -> keras.Model:
        """Returns a model for a preprocessor, with initialized variables."""
        return self.create(architecture, config, **{**self.head, **self.head_sizes(preprocessor)})

    @abc.abstractmethod
    def batches(self, preprocessor: Preprocessor, examples: Examples, training_config: TrainingConfig) -> Batches:
        """Returns training batches (raises InputError with the location of a bad row)."""

    def cases(self, examples: Examples) -> Cases:
        """Returns examples for scoring."""
        if not self.multi_reference:
            return Cases(list(examples.inputs), list(examples.targets), list(examples.locations))
        grouped: dict[str, tuple[str, list[str], str]] = {}
        for text, target, location in zip(examples.inputs, examples.targets, examples.locations, strict=True):
            key = unicodedata.normalize("NFC", text)
            grouped.setdefault(key, (text, [], location))[1].append(target)
        return Cases(*([case[i] for case in grouped.values()] for i in range(3)))

    def validation_cases(self, cases: Cases) -> Cases:
        """Returns the cases that are scored after each epoch of training: all, or a sample where that takes long."""
        return cases

    def check_metrics(self) -> None:
        """Raise InputError if a library that computes the metrics is not installed."""
        return

    def signatures(self) -> dict[str, str]:
        """Returns, for metrics with several definitions, the one that was used, by the metric's name."""
        return {}

    def check_options(self, options: dict[str, Any], batch_size: int) -> dict[str, Any]:
        """Returns all options of ``predict``, the given ones and the defaults of the others.

        Raises:
            InputError: An option is unknown or of another type, or the batch size is not a positive whole number.
        """
        if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise InputError(f"batch_size {batch_size!r}: give a whole number, at least 1")
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            raise InputError(f"{', '.join(unknown)}: unknown: {self.name} has {', '.join(self.options)}")
        for name, value in options.items():
            if self.options[name] is None:  # the task checks these itself
                continue
            kind = type(self.options[name])
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                expected = {bool: "true or false", str: "a text"}.get(kind, "a whole number")
                raise InputError(f"{name} {value!r}: give {expected}")
        return {**self.options, **options}

    @abc.abstractmethod
    def predict(self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep, **options: Any) -> list[Any]:
        """Returns a readable output per raw input."""

    def predict_raw(
        self, pipeline: Any, inputs: list[Any], batch_size: int, on_step: OnStep, **options: Any
    ) -> list[Any]:
        """Returns the outputs that ``score`` reads, as JSON values; the default is those of ``predict``."""
        return self.predict(pipeline, inputs, batch_size, on_step, **options)

    @abc.abstractmethod
    def score(self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]) -> dict[str, Interval]:
        """Returns the metrics of outputs, including ``monitor``."""

    @abc.abstractmethod
    def metric_counts(
        self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]
    ) -> Counts | SummedCounts:
        """Returns the counts of the main metric per output, for comparisons of models."""

    def update_metrics(self, preprocessor: Preprocessor, outputs: list[Any], references: list[Any]) -> Any:
        """Returns the state that ``compute_metrics`` needs of some outputs, without their inputs."""
        # Keep one copy of equal labels, which a file gives anew for each row.
        return outputs, [sys.intern(value) if isinstance(value, str) else value for value in references]

    def compute_metrics(self, preprocessor: Preprocessor, states: list[Any]) -> dict[str, Interval]:
        """Returns the metrics of ``score`` from the states of all outputs."""
        outputs, references = ([x for part in parts for x in part] for parts in zip(*states, strict=True))
        return self.score(preprocessor, outputs, references)

    @abc.abstractmethod
    def adapt(self, base: Any, parts: list[Examples]) -> Any:
        """Returns a preprocessor for other data, which extends that of ``base``.

        Args:
            base: Pipeline to fine-tune.
            parts: All examples of the new model, the training part first.
        """

    @abc.abstractmethod
    def transfer_weights(self, base: Any, fresh: Any) -> dict[str, np.ndarray]:
        """Returns the weights of ``fresh``, an adapted pipeline, with those of ``base`` where they match."""

    @abc.abstractmethod
    def logits(self, pipeline: Any, text: Any) -> Any:
        """Returns the logits of one input as a vector, for example outputs in records."""

    def stream(self, pipeline: Any, prompt: Any, length: int, sampling: Sampling) -> Iterator[Any]:
        """Continue a prompt, part by part (raises InputError if the task predicts no next step)."""
        raise InputError(
            f"{pipeline.spec.architecture} is a model of {self.name}, which does not predict a next step:"
            " choose one of language_modelling or music_modelling"
        )

    def join(self, parts: Iterable[Any]) -> Any:
        """Returns the parts of ``stream`` joined into one value."""
        return [step for part in parts for step in part]

    def spec(
        self, architecture: Architecture, size: str, preprocessor: Preprocessor, fields: dict[str, Any]
    ) -> ModelSpec:
        """Returns the spec of a model of this task.

        Args:
            architecture: Result of ``architecture``.
            size: Name of the size, stored in the spec.
            preprocessor: Result of ``fit`` or ``adapt``.
            fields: Fields of the config, without those that the preprocessor determines.
        """
        config = architecture.config_from({**fields, **self.fields(preprocessor, architecture)})
        return ModelSpec(architecture.name, size, dataclasses.asdict(config), self.name, preprocessor.to_json())

    def prefers(self, architecture: Architecture) -> dict[str, Any]:
        """Returns the task's own defaults of config fields."""
        return {}

    def loss(self, training_config: TrainingConfig) -> keras.losses.Loss:
        """Returns the training loss: a weighted mean over positions."""
        return SmoothedCrossentropy(training_config.label_smoothing)

    def check(self, train: Examples) -> None:
        """Raise InputError for training data that cannot be learned from."""
        if not len(train):
            raise InputError("no examples: give at least one")

    def supports_augmentation(self, preprocessor: Preprocessor) -> bool:
        """Returns whether training can augment examples (``TrainingConfig.augment``)."""
        return False

    def check_training_config(self, preprocessor: Preprocessor, training_config: TrainingConfig) -> None:
        """Raise InputError for settings of a training config that have no effect for this task."""
        if training_config.augment and not self.supports_augmentation(preprocessor):
            raise InputError(f"augment: {self.name} has no augmentation for such data: leave it out")
        if training_config.class_balanced and not self.has_labels:
            raise InputError(f"class-balanced: {self.name} has no single label per example to weight by: leave it out")

    def describe(self, preprocessor: Preprocessor) -> str:
        """Returns a description of the task and of what was inferred."""
        return self.name

    def warnings(self, preprocessor: Preprocessor, examples: Examples) -> list[str]:
        """Returns notes on the data for the user, shown before training."""
        return []

    def plain(self, pipeline: Any, value: Any) -> Any:
        """Returns a raw input as a JSON value for a record; long inputs are cut."""
        return value

    def baselines(self, train: Examples, test: Examples) -> list[dict[str, Any]]:
        """Returns scores that need no model, in the form of a dataset's published figures."""
        return []


def both_ways(architecture: Architecture) -> dict[str, Any]:
    """Returns the config fields with which an architecture reads in both directions."""
    known = {field.name for field in dataclasses.fields(architecture.config)}
    fields = {"bidirectional": True, "causal": False, "gate": None}
    return {name: value for name, value in fields.items() if name in known}
