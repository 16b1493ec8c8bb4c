"""Pipelines: a model and its preprocessor, from raw inputs to readable outputs."""

import copy
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backends.keras_internals import deferred_variables, standalone
from zoo.backends.process import claim_process
from zoo.checkpoints import save
from zoo.checkpoints.card import model_card, modified_card
from zoo.checkpoints.document import blank_document, modified_document
from zoo.checkpoints.record import Record, Weights, name_of_folder
from zoo.checkpoints.spec import ModelSpec
from zoo.checkpoints.tensors import are_described, describe
from zoo.data.objects import as_inputs
from zoo.errors import InputError, WeightsError
from zoo.inference.generation import generate
from zoo.models.serialization import FromArchitecture
from zoo.preprocessing.preprocessor import Preprocessor
from zoo.speech.pronunciation import Spoken, make_pronouncer
from zoo.tasks import find_preprocessor, find_task


class Pipeline:
    """A built model and its preprocessor.

    Args:
        spec: Spec of the model. Its weights are random until assigned.
        document: The record's contents without spec and weights, as JSON values, if any.
        dtype: Dtype policy of its layers. The user's global policy has no effect on a pipeline.
        preprocessor: The preprocessor of the spec, if already created.

    Attributes:
        spec: See above.
        document: See above.
        described: Hash and shapes of the weights that the document describes; ``None`` if unknown.
        task: The spec's task.
        preprocessor: The spec's preprocessor.
        model: The Keras model.

    Raises:
        WeightsError: The spec cannot be built.
        ForkError: A backend ran before this process was forked.

    Example:
        >>> import zoo
        >>> pipeline = zoo.load("gru_small.cmudict")
        >>> pipeline.predict(["cat"])
        ['K AE1 T']
        >>> type(pipeline.model).__name__
        'RecurrentSeq2Seq'
    """

    def __init__(
        self,
        spec: ModelSpec,
        document: dict[str, Any] | None = None,
        dtype: str = "float32",
        preprocessor: Preprocessor | None = None,
    ):
        claim_process()
        self.spec = spec
        self.document = document
        self.described: Weights | None = None
        try:
            self.task = find_task(spec.task)
            self.preprocessor = preprocessor or find_preprocessor(spec.task, spec.preprocessor)
            architecture = self.task.architecture(spec.architecture)
            config = architecture.config_from(spec.config)
            for field, expected in self.task.fields(self.preprocessor, architecture).items():
                value = getattr(config, field)
                if value != expected and not (field == "max_target" and value > expected):
                    raise InputError(f"config.{field} is {value}, but the preprocessor needs {expected}")
            with standalone(dtype):
                self.model = self.task.build(architecture, config, self.preprocessor)
        except (InputError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:500]  # Keras's messages are long
            raise WeightsError(f"spec: {reason}: the record is damaged or of another version") from error

    @classmethod
    def from_model(
        cls, model: keras.Model, preprocessor: Preprocessor, *, task: str, name: str = "custom"
    ) -> "Pipeline":
        """Create a pipeline from a model trained by plain ``fit``, to predict, evaluate and save with.

        Args:
            model: A model from ``zoo.create_model`` or ``zoo.load``, or a Keras copy of one.
            preprocessor: The preprocessor of its training data.
            task: Task name.
            name: Name for its record.

        Returns:
            A pipeline with this model. Its record has no scores.

        Raises:
            InputError: The model is not from the zoo or does not match task and preprocessor.

        Example:
            >>> import zoo
            >>> start = zoo.load("gru_small.italy_power_demand")
            >>> mine = zoo.Pipeline.from_model(start.model, start.preprocessor, task="series_classification")
            >>> mine.document["metrics"]
            []
        """
        built = getattr(model, "backbone", model)
        if not isinstance(built, FromArchitecture):
            raise InputError(f"{model.name}: not built by zoo.create_model: build it there")
        config = dataclasses.asdict(built.config)
        spec = ModelSpec(built.architecture, "custom", config, task, preprocessor.to_json())
        try:
            with deferred_variables():
                pipeline = cls(spec, blank_document(name))
        except WeightsError as error:
            raise InputError(f"{model.name}: does not match {task} and its preprocessor: {error}") from None
        shapes = [{v.path: tuple(v.shape) for v in one.weights} for one in (model, pipeline.model)]
        if shapes[0] != shapes[1]:
            raise InputError(f"{model.name}: its weights do not match {task} with this preprocessor")
        pipeline.model = model
        return pipeline

    def __getstate__(self) -> dict[str, Any]:
        """Returns what is pickled and copied: the spec stands for the task and the preprocessor."""
        return {name: value for name, value in vars(self).items() if name not in ("task", "preprocessor")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.task = find_task(self.spec.task)
        self.preprocessor = find_preprocessor(self.spec.task, self.spec.preprocessor)

    @property
    def options(self) -> dict[str, Any]:
        """Options of ``predict`` with their defaults."""
        return self.task.options

    def with_language(self, language: str) -> "Pipeline":
        """Returns the same model for inputs of one language, which then need no tag.

        Raises:
            InputError: The model has no languages, or not this one.
        """
        if not hasattr(self.preprocessor, "with_language"):
            raise InputError(f"language {language!r}: {self.spec.task} has no languages: leave it out")
        other = copy.copy(self)
        other.preprocessor = self.preprocessor.with_language(language)
        other.spec = dataclasses.replace(self.spec, preprocessor=other.preprocessor.to_json())
        return other

    def predict(
        self,
        inputs: Any,
        batch_size: int = 256,
        on_step: Callable[[int], None] = lambda count: None,
        **options: Any,
    ) -> list[Any]:
        """Returns the predictions for raw inputs: a pronunciation for a word, a label for a text.

        Args:
            inputs: Texts; paths of .wav files, ``Sound`` objects or arrays of samples; or series ``(time, features)``.
                A single text, path or ``Sound`` also works. ``zoo.data.objects.as_inputs`` names every
                form: lists, arrays, tensors, pandas, pyarrow, Hugging Face and ``tf.data``.
            batch_size: Inputs per batch.
            on_step: Called with the number of finished inputs.
            **options: Options of the task: ``beam_size`` for sequence_to_sequence (1 is greedy and fastest) and
                ``language`` for a model of many languages, ``probabilities=True`` for classification.

        Returns:
            One output per input.

        Raises:
            InputError: An input is empty, too long or has unknown symbols, or an option is out of range.
            ForkError: A backend ran before this process was forked.
        """
        claim_process()
        options = self.task.check_options(options, batch_size)
        return self.task.predict(self, as_inputs(inputs), batch_size, on_step, **options)

    def predict_raw(
        self,
        inputs: list[Any],
        batch_size: int = 256,
        on_step: Callable[[int], None] = lambda count: None,
        **options: Any,
    ) -> list[Any]:
        """Returns predictions in the form of the task's ``score``; otherwise as ``predict``."""
        claim_process()
        options = self.task.check_options(options, batch_size)
        return self.task.predict_raw(self, inputs, batch_size, on_step, **options)

    def embed(
        self, inputs: Any, batch_size: int = 64, on_step: Callable[[int], None] = lambda count: None
    ) -> np.ndarray:
        """Returns a feature vector per input, for search, clustering or a custom classifier.

        It has the last, the maximum and the mean of the head's input over the positions.

        Args:
            inputs: See ``predict``.
            batch_size: Inputs per batch.
            on_step: Called with the number of finished inputs.

        Returns:
            ``(inputs, 3 * width)``, float32.

        Raises:
            InputError: An input cannot be read, or the model is neither a classifier nor a language model.

        Example:
            >>> import zoo
            >>> zoo.load("tcn_small.film_reviews").embed(["a lovely film", "dull"]).shape
            (2, 288)
        """
        if batch_size < 1:
            raise InputError(f"batch_size {batch_size}: give at least 1")
        claim_process()
        inputs = as_inputs(inputs)
        if not inputs:
            raise InputError("no inputs: give at least one")
        return self.task.embed(self, inputs, batch_size, on_step)

    def generate(self, prompt: Any = "", length: int = 200, **settings: Any) -> Any:
        """Continue a text or a piece: see ``zoo.generate``."""
        return generate(self, prompt, length, **settings)

    def pronounce(
        self,
        text: str,
        lexicon: Mapping[str, str] | str | os.PathLike | None = None,
        alphabet: str = "",
        language: str = "",
    ) -> list[Spoken]:
        """Returns the words of a text with their phones; numbers and money are read out, in English also dates etc.

        For many texts make one ``zoo.speech.pronunciation.Pronouncer``.

        Args:
            text: A text of any length.
            lexicon: The user's own pronunciations, as ``Pronouncer`` takes them.
            alphabet: ``"arpabet"`` or ``"ipa"``; empty means the model's own.
            language: Language of the text, for a model of many languages.

        Raises:
            InputError: The model writes neither ARPAbet nor many languages, or the lexicon cannot be read.

        Example:
            >>> import zoo
            >>> [spoken.phones for spoken in zoo.load("gru_small.cmudict").pronounce("Mr. Fox, 42")]
            ['M IH1 S T ER0', 'F AA1 K S', '', 'F AO1 R T IY0', 'T UW1']
        """
        pipeline = self.with_language(language) if language else self
        return make_pronouncer(pipeline.predict, pipeline.preprocessor, lexicon, alphabet)(text)

    def alignment(self, text: str, output: str | None = None) -> tuple[list[str], list[str], np.ndarray]:
        """Returns the attention weights of one input: see ``zoo.tasks.sequence_to_sequence.alignment``."""
        from zoo.tasks.sequence_to_sequence import alignment

        return alignment(self, text, output)

    def tensors(self) -> dict[str, np.ndarray]:
        """Returns the weights by variable path."""
        named = {v.path: ops.convert_to_numpy(v.value) for v in self.model.weights}
        if len(named) != len(self.model.weights):
            raise WeightsError(f"{self.model.name}: two variables share a path")
        return named

    def assign(self, tensors: Mapping[str, np.ndarray], location: str) -> None:
        """Set every weight.

        Args:
            tensors: Arrays by variable path.
            location: Source of the tensors, for messages.

        Raises:
            WeightsError: A tensor is missing, unknown or of another shape.
        """
        variables = {v.path: v for v in self.model.weights}
        for name in sorted(set(variables) | set(tensors)):
            if name not in tensors:
                raise WeightsError(f"{location}: tensor {name} is missing")
            if name not in variables:
                raise WeightsError(f"{location}: tensor {name} is unknown to {self.spec.architecture}")
            if tuple(tensors[name].shape) != tuple(variables[name].shape):
                raise WeightsError(
                    f"{location}: tensor {name} is {tensors[name].shape}, not {tuple(variables[name].shape)}"
                )
        for name, variable in variables.items():
            variable.assign(tensors[name])

    def save(self, folder: str | Path, dtype: str = "float32") -> Record:
        """Write a folder for ``zoo.load`` atomically, with a model card for a fine-tuned model.

        A record describes its own weights. If the model was trained further since, the new record says what it was
        modified from, has no scores, and has new example outputs.

        Args:
            folder: Output folder. An existing checkpoint folder is replaced.
            dtype: ``"float32"`` (lossless) or ``"float16"`` (half the size).

        Returns:
            The written record.

        Raises:
            InputError: The folder holds other files, or the pipeline has no record.
            StorageError: The folder cannot be written.
        """
        if self.document is None:
            raise InputError("this pipeline has no record: save a loaded or fine-tuned one")
        tensors = self.tensors()
        if self.described is not None and not are_described(tensors, self.described):
            golden = self.golden(self.document["golden"]["inputs"])
            name = name_of_folder(Path(folder).name)
            self.set_document(modified_document(name, self.document, self.described.sha256, golden))
        document = {**self.document, "spec": self.spec.to_json()}
        recipe = document["training"]["recipe"]
        card = model_card(document) if "base" in recipe else None
        if "modified_from" in recipe:
            card = modified_card(document)
        return save.save_checkpoint(Path(folder).expanduser(), document, tensors, dtype, card)

    def set_document(self, document: dict[str, Any]) -> None:
        """Set the document for the current weights."""
        self.document, self.described = document, describe(self.tensors())

    def golden(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """Returns inputs, outputs and logits, for comparison on other machines."""
        inputs = [self.task.plain(self, value) for value in inputs]
        logits = [[round(float(x), 5) for x in self.task.logits(self, value)] for value in inputs]
        outputs = [_plain(output) for output in self.predict(inputs, **self.task.validation)] if inputs else []
        return {"inputs": inputs, "outputs": outputs, "logits": logits}


def _plain(output: Any) -> Any:
    """Returns an output as a JSON value, arrays with six digits."""
    return [[float(f"{x:.6g}") for x in row] for row in output] if isinstance(output, np.ndarray) else output
