"""A model with its preprocessing: raw input in, readable output out."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from zoo import hub, models
from zoo.decoding import Decoder, compiled
from zoo.errors import InputError, WeightsError
from zoo.preprocessing import PAD, START, TransductionPreprocessor, pad
from zoo.record import Record
from zoo.spec import ModelSpec
from zoo.weights_file import read_tensors

BEAM = 5


class Pipeline:
    """A built model and its preprocessor.

    Args:
        spec: What to build. The model's weights are fresh until they are assigned.
        document: What its record says beside spec and weights, as JSON values, if it has one.

    Attributes:
        spec: As given.
        document: As given.
        preprocessor: Made from the spec.
        model: The Keras model.

    Raises:
        WeightsError: The spec cannot be built.
    """

    def __init__(self, spec: ModelSpec, document: dict[str, Any] | None = None):
        if spec.task != "transduction":
            raise WeightsError(f"task {spec.task!r} is not one that this version knows: transduction")
        self.spec = spec
        self.document = document
        try:
            self.preprocessor = TransductionPreprocessor.from_json(spec.preprocessor)
            architecture = models.find_seq2seq(spec.architecture)
            self.model = architecture.build(architecture.config_from(spec.config))
        except (InputError, KeyError, TypeError) as error:
            raise WeightsError(f"spec: {error}: the record is damaged or of another version") from error

    @functools.cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self.model, self.preprocessor.max_target + 1)

    @functools.cached_property
    def _align(self):
        def align(source, target):
            return self.model.align({"source": source, "source_mask": source != PAD, "target": target})[1]

        return compiled(self.model, align)

    def predict(
        self,
        inputs: str | Sequence[str],
        beam_size: int = BEAM,
        batch_size: int = 256,
        tick: Callable[[int], None] = lambda count: None,
    ) -> list[str]:
        """Transduces texts, for instance words to pronunciations.

        Args:
            inputs: Texts, or a single one.
            beam_size: Hypotheses kept while decoding; 1 is greedy and fastest.
            batch_size: Texts decoded at once.
            tick: Called with the number of texts just done.

        Returns:
            An output for each input, its symbols joined as in the training data.

        Raises:
            InputError: A text is empty, too long or has unknown symbols; or a size is not positive.
        """
        if beam_size < 1 or batch_size < 1:
            raise InputError("beam size and batch size must be at least 1")
        if beam_size > self.preprocessor.target.size:
            raise InputError(f"beam size {beam_size}: at most {self.preprocessor.target.size} for this model")
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        sources = [self.preprocessor.encode_source(text) for text in texts]
        outputs = self._decoder(sources, beam_size, batch_size, tick)
        return [self.preprocessor.target.decode(ids) for ids in outputs]

    def alignment(self, text: str) -> tuple[list[str], list[str], np.ndarray]:
        """Returns what the model read while it wrote each symbol.

        Returns:
            The input's symbols, the output's symbols (each with its end mark ``"."`` last) and the
            attention weights ``(output symbols, input symbols)``, whose rows sum to 1.
        """
        source = self.preprocessor.encode_source(text)
        (output,) = self._decoder([source])
        weights = self._align(pad([source], len(source)), pad([[START, *output]], len(output) + 1))
        target = self.preprocessor.target
        read = [*self.preprocessor.source.split(text), "."]
        return read, [*target.split(target.decode(output)), "."], ops.convert_to_numpy(weights)[0]

    def tensors(self) -> dict[str, np.ndarray]:
        """Returns the weights by the path of their variable."""
        named = {v.path: ops.convert_to_numpy(v.value) for v in self.model.weights}
        if len(named) != len(self.model.weights):
            raise WeightsError(f"{self.model.name}: two variables share a path")
        return named

    def assign(self, tensors: Mapping[str, np.ndarray], where: str) -> None:
        """Sets every weight.

        Args:
            tensors: Arrays by the path of their variable.
            where: Where they come from, for messages.

        Raises:
            WeightsError: A tensor is missing, of another shape, or unknown to the model.
        """
        variables = {v.path: v for v in self.model.weights}
        for name in sorted(set(variables) | set(tensors)):
            if name not in tensors:
                raise WeightsError(f"{where}: tensor {name} is missing")
            if name not in variables:
                raise WeightsError(f"{where}: tensor {name} is unknown to {self.spec.architecture}")
            if tuple(tensors[name].shape) != tuple(variables[name].shape):
                raise WeightsError(
                    f"{where}: tensor {name} is {tensors[name].shape}, not {tuple(variables[name].shape)}"
                )
        for name, variable in variables.items():
            variable.assign(tensors[name])

    def save(self, folder: str | Path, dtype: str = "float32") -> Record:
        """Writes a folder that ``zoo.load`` takes back, whole or not at all.

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
        return hub.save_checkpoint(Path(folder), document, self.tensors(), dtype)


def load(name: str | Path) -> Pipeline:
    """Loads a pretrained model, its weights verified against their SHA-256.

    Args:
        name: A checkpoint's name (see ``list_models``), or a folder that ``save`` wrote.

    Raises:
        InputError: There is no such checkpoint.
        DownloadError: Its weights are in none of the places tried.
        WeightsError: Its files are damaged.
    """
    record, file = hub.locate(name)
    tensors = read_tensors(file, record)
    document = {key: value for key, value in record.to_json().items() if key not in ("format", "weights")}
    pipeline = Pipeline(record.spec, document)
    pipeline.assign(tensors, str(file))
    return pipeline
