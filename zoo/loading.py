"""Load a checkpoint as a pipeline, its weights verified."""

import math
from pathlib import Path

from zoo.backends.keras_internals import deferred_variables, initialize_deferred
from zoo.checkpoints import locate
from zoo.checkpoints.record import RECORD_FILE, Record
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import WeightsError
from zoo.pipeline import Pipeline
from zoo.preprocessing.preprocessor import Preprocessor


def load(name: str | Path, *, record: Record | None = None, preprocessor: Preprocessor | None = None) -> Pipeline:
    """Load a pretrained model, its weights verified against their SHA-256.

    Args:
        name: Name of a checkpoint (see ``list_models``) or folder written by ``save``.
        record: Result of ``zoo.read_record`` for the name, if it was called already.
        preprocessor: Preprocessor of that record, if already created.

    Raises:
        InputError: The checkpoint does not exist.
        ForkError: A backend ran before this process was forked.
        DownloadError: The weights were found in no location.
        WeightsError: A file is damaged.

    Example:
        >>> import zoo
        >>> zoo.load("gru_small.cmudict").predict(["cat", "phoneme"])
        ['K AE1 T', 'F OW1 N IY0 M']
    """
    record, file, tensors = locate.locate_and_read(name, read_tensors, record)
    document = {key: value for key, value in record.to_json().items() if key not in ("format", "weights")}
    location = file.parent / RECORD_FILE
    try:
        # An untrusted config can ask for any size, so count the variables before allocating memory.
        with deferred_variables():
            pipeline = Pipeline(record.spec, document, preprocessor=preprocessor)
    except WeightsError as error:
        raise WeightsError(f"{location}: {error}") from None
    limit = record.weights.parameters
    if sum(math.prod(variable.shape) for variable in pipeline.model.weights) > limit:
        raise WeightsError(f"{location}: spec: asks for more than the {limit} declared parameters")
    initialize_deferred(pipeline.model)
    pipeline.assign(tensors, str(file))
    pipeline.described = record.weights
    return pipeline
