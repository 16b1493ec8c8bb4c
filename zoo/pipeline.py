"""A model with its preprocessing: raw input in, readable output out."""

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backends.keras_internals import deferred_variables, initialize_deferred
from zoo.checkpoints import locate, save
from zoo.checkpoints.card import model_card
from zoo.checkpoints.record import RECORD_FILE, Record
from zoo.checkpoints.spec import ModelSpec
from zoo.checkpoints.tensors import read_tensors
from zoo.data.sound import Sound
from zoo.errors import InputError, WeightsError
from zoo.inference.sampling import Sampling
from zoo.models.serialization import FromArchitecture
from zoo.tasks import find_preprocessor, find_task
from zoo.version import __version__


class Pipeline:
    """A built model and its preprocessor.

    Args:
        spec: What to build. The model's weights are fresh until they are assigned.
        document: What its record says beside spec and weights, as JSON values, if it has one.

    Attributes:
        spec: As given.
        document: As given.
        task: What the spec's task says of building, feeding and scoring.
        preprocessor: Made from the spec.
        model: The Keras model.

    Raises:
        WeightsError: The spec cannot be built.
    """

    def __init__(self, spec: ModelSpec, document: dict[str, Any] | None = None):
        self.spec = spec
        self.document = document
        self._made: dict[str, Any] = {}
        try:
            self.task = find_task(spec.task)
            self.preprocessor = find_preprocessor(spec.task, spec.preprocessor)
            architecture = self.task.architecture(spec.architecture)
            config = architecture.config_from(spec.config)
            for field, due in self.task.fields(self.preprocessor, architecture).items():
                found = getattr(config, field)
                if found != due and not (field == "max_target" and found > due):
                    raise InputError(f"config.{field} is {found} where the preprocessor asks for {due}")
            self.model = self.task.build(architecture, config, self.preprocessor)
        except (InputError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:500]  # Keras writes paragraphs
            raise WeightsError(f"spec: {reason}: the record is damaged or of another version") from error

    @classmethod
    def from_model(cls, model: keras.Model, preprocessor: Any, *, task: str, name: str = "custom") -> "Pipeline":
        """Makes a pipeline of a model that was trained by plain ``fit``, to predict, evaluate and save with.

        Args:
            model: A model that ``zoo.create_model`` or ``zoo.load`` made, or one that Keras loaded from it.
            preprocessor: The preprocessor whose arrays it was trained on.
            task: Name of its task.
            name: The name that its record gets.

        Returns:
            A pipeline with this model. Its record has no scores: ``zoo.evaluate`` measures it.

        Raises:
            InputError: The model is not one of the zoo's, or does not fit the task and the preprocessor.

        Example:
            >>> import zoo
            >>> start = zoo.load("gru_small.italy_power_demand")
            >>> mine = zoo.Pipeline.from_model(start.model, start.preprocessor, task="series_classification")
            >>> mine.document["metrics"]
            []
        """
        built = getattr(model, "backbone", model)
        if not isinstance(built, FromArchitecture):
            raise InputError(f"{model.name}: not a model that zoo.create_model built: give one")
        config = dataclasses.asdict(built.config)
        spec = ModelSpec(built.architecture, "custom", config, task, preprocessor.to_json())
        try:
            with deferred_variables():
                pipeline = cls(spec, _blank_document(name))
        except WeightsError as error:
            raise InputError(f"{model.name}: does not fit {task} and its preprocessor: {error}") from None
        shapes = [{v.path: tuple(v.shape) for v in one.weights} for one in (model, pipeline.model)]
        if shapes[0] != shapes[1]:
            raise InputError(f"{model.name}: its weights are not those of {task} with this preprocessor")
        pipeline.model = model
        return pipeline

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Returns what ``make`` returned when this name was first asked for; compiled functions, for instance."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def predict(
        self,
        inputs: Any,
        batch_size: int = 256,
        on_step: Callable[[int], None] = lambda count: None,
        **options: Any,
    ) -> list[Any]:
        """Answers raw inputs: a pronunciation for a word, a label for a text.

        Args:
            inputs: Texts; for sound paths of .wav files, ``Sound`` or arrays of samples; for series arrays
                ``(time, features)``. Or a single text, path or ``Sound``.
            batch_size: Inputs answered at once.
            on_step: Called with the number of inputs just done.
            **options: The task's own: ``beam_size`` for sequence_to_sequence (1 is greedy and fastest),
                ``probabilities=True`` for classification.

        Returns:
            An answer for each input.

        Raises:
            InputError: An input is empty, too long or has unknown symbols; or an option is out of range.
        """
        options = self._options(options, batch_size)
        inputs = [inputs] if isinstance(inputs, str | os.PathLike | Sound) else list(inputs)
        return self.task.predict(self, inputs, batch_size, on_step, **options)

    def predict_raw(
        self,
        inputs: list[Any],
        batch_size: int = 256,
        on_step: Callable[[int], None] = lambda count: None,
        **options: Any,
    ) -> list[Any]:
        """Answers raw inputs as the task's ``score`` takes it; otherwise as ``predict``."""
        return self.task.predict_raw(self, inputs, batch_size, on_step, **self._options(options, batch_size))

    def _options(self, options: dict[str, Any], batch_size: int) -> dict[str, Any]:
        if batch_size < 1:
            raise InputError("batch size must be at least 1")
        unknown = sorted(set(options) - set(self.task.options))
        if unknown:
            raise InputError(f"{', '.join(unknown)}: {self.spec.task} has only {', '.join(self.task.options)}")
        return {**self.task.options, **options}

    def generate(self, prompt: Any = "", length: int = 200, **settings: Any) -> Any:
        """Continues a text or a piece: see ``zoo.generate``."""
        return generate(self, prompt, length, **settings)

    def alignment(self, text: str) -> tuple[list[str], list[str], np.ndarray]:
        """Returns the attention weights of one input: see ``zoo.tasks.sequence_to_sequence.alignment``."""
        from zoo.tasks.sequence_to_sequence import alignment

        return alignment(self, text)

    def tensors(self) -> dict[str, np.ndarray]:
        """Returns the weights by the path of their variable."""
        named = {v.path: ops.convert_to_numpy(v.value) for v in self.model.weights}
        if len(named) != len(self.model.weights):
            raise WeightsError(f"{self.model.name}: two variables share a path")
        return named

    def assign(self, tensors: Mapping[str, np.ndarray], location: str) -> None:
        """Sets every weight.

        Args:
            tensors: Arrays by the path of their variable.
            location: Where they come from, for messages.

        Raises:
            WeightsError: A tensor is missing, of another shape, or unknown to the model.
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
        """Writes a folder that ``zoo.load`` takes back, whole or not at all; with a card of what was fine-tuned.

        Args:
            folder: The folder; one that exists is replaced if it is a checkpoint's.
            dtype: ``"float32"``, which keeps every bit, or ``"float16"`` for half the bytes.

        Returns:
            The record written.

        Raises:
            InputError: The folder holds something else, or nothing is known of the model's making.
            StorageError: The disk is full or the place cannot be written.
        """
        if self.document is None:
            raise InputError("this model has no record: only loaded and fine-tuned models can be saved")
        document = {**self.document, "spec": self.spec.to_json()}
        card = model_card(document) if "base" in document["training"]["recipe"] else None
        return save.save_checkpoint(Path(folder), document, self.tensors(), dtype, card)


def _blank_document(name: str) -> dict[str, Any]:
    """Returns the record of a model of which nothing is known but its weights."""
    return {
        "name": name,
        "licence": {"weights": "the user's", "data": "the user's"},
        "data": {"name": "unknown", "source": "the user's", "fingerprint": "0" * 64, "splits": {}},
        "training": {
            "recipe": {},
            "seed": 0,
            "backend": keras.backend.backend(),
            "versions": {"seqzoo": __version__, "keras": keras.__version__},
            "seconds": 0.0,
            "steps": 0,
            "curve": [],
        },
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }


def generate(pipeline: Pipeline, prompt: Any = "", length: int = 200, **settings: Any) -> Any:
    """Returns the joined parts of ``stream``: a text, or frames of MIDI notes. The prompt is not part of it."""
    return pipeline.task.join(stream(pipeline, prompt, length, **settings))


def stream(pipeline: Pipeline, prompt: Any = "", length: int = 200, **settings: Any) -> Iterator[Any]:
    """Continues a prompt and yields the parts as they are made.

    The model reads the prompt and its own output through one state, so it sees as far back as it can at any step.

    Args:
        pipeline: A model of characters or of music.
        prompt: A text, which may be empty; or a piece as ``MusicPreprocessor`` takes it, of at least one frame.
        length: Characters or frames to add.
        **settings: ``temperature``, ``top_k``, ``top_p`` and ``seed``: see ``zoo.inference.sampling.Sampling``.

    Yields:
        Texts, or lists of frames, each a list of MIDI notes.

    Raises:
        InputError: The model is of another task, the prompt has characters that it does not know, or a
            setting is out of range.
    """
    return pipeline.task.stream(pipeline, prompt, length, Sampling(**settings))


def load(name: str | Path) -> Pipeline:
    """Loads a pretrained model, its weights verified against their SHA-256.

    Args:
        name: A checkpoint's name (see ``list_models``), or a folder that ``save`` wrote.

    Raises:
        InputError: There is no such checkpoint.
        DownloadError: Its weights are in none of the places tried.
        WeightsError: Its files are damaged.
    """
    record, file = locate.resolve(name)
    tensors = read_tensors(file, record)
    document = {key: value for key, value in record.to_json().items() if key not in ("format", "weights")}
    location = file.parent / RECORD_FILE
    try:
        # A stranger's config can ask for any size: count the variables before they get memory.
        with deferred_variables():
            pipeline = Pipeline(record.spec, document)
    except WeightsError as error:
        raise WeightsError(f"{location}: {error}") from None
    limit = record.weights.parameters
    if sum(math.prod(variable.shape) for variable in pipeline.model.weights) > limit:
        raise WeightsError(f"{location}: spec: asks for more weights than the {limit} values that the record declares")
    initialize_deferred(pipeline.model)
    pipeline.assign(tensors, str(file))
    return pipeline
