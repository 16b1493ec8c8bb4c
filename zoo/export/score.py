"""Score a checkpoint with 32-bit and with 8-bit weights, both on ONNX Runtime."""

import random
from typing import Any

import numpy as np

from zoo import datasets
from zoo.checkpoints import locate
from zoo.checkpoints.tensors import read_tensors
from zoo.export.folder import make_models
from zoo.export.predictor import Predictor
from zoo.tasks import find_task

MAX_STEPS = 256  # steps per window of a scored text


def score_int8(name: str, limit: int) -> dict[str, Any]:
    """Returns scores before and after quantisation, as shares, and the number of inputs.

    Args:
        name: Name of the checkpoint.
        limit: Number of inputs of the dataset's test split, sampled with a fixed seed.

    Raises:
        InputError: The dataset is unknown.
        DownloadError: The dataset cannot be downloaded.
    """
    record, _, tensors = locate.locate_and_read(name, read_tensors)
    task = find_task(record.spec.task)
    cases = task.cases(datasets.load(record.data["name"], "test"))
    cases = cases.select(sorted(random.Random(0).sample(range(len(cases)), min(limit, len(cases)))))
    result: dict[str, Any] = {"dataset": record.data["name"], "split": "test", "inputs": len(cases)}
    for key, int8 in (("float32", False), ("int8", True)):
        models = {file: model.SerializeToString() for file, model in make_models(record, tensors, int8).items()}
        predictor = Predictor(record, models)
        result[key] = {name: round(value, 6) for name, value in _score(predictor, task, cases, limit).items()}
        result[f"{key}_bytes"] = {file: len(data) for file, data in models.items()}
    return result


def _score(predictor: Predictor, task: Any, cases: Any, limit: int) -> dict[str, float]:
    preprocessor, name = predictor.preprocessor, predictor.spec.task
    if name in ("language_modelling", "music_modelling"):
        return {"nats_per_step": _nats(predictor, cases.inputs, limit)}
    outputs = predictor.predict(cases.inputs, batch_size=64)
    if name == "copying":
        asked = [np.asarray(target) != 0 for target in cases.references]
        right = [
            np.mean((np.asarray(output) == np.asarray(target))[mask])
            for output, target, mask in zip(outputs, cases.references, asked, strict=True)
        ]
        return {"recall": float(np.mean(right))}
    return {name: value.value for name, value in task.score(preprocessor, outputs, cases.references).items()}


def _nats(predictor: Predictor, inputs: list[Any], limit: int) -> float:
    """Returns the mean negative log-likelihood per step, over at most ``limit`` windows."""
    preprocessor, text = predictor.preprocessor, predictor.spec.task == "language_modelling"
    rows = []
    for value in inputs:
        steps = preprocessor.encode_input(value)
        steps = np.array([preprocessor.start, *steps], "int32") if text else steps
        rows += [steps[i : i + MAX_STEPS] for i in range(0, len(steps) - 1, MAX_STEPS - 1)]
    rows = random.Random(0).sample(rows, min(limit, len(rows)))
    total = count = 0.0
    for row, logits in zip(rows, predictor.each_step([row[:-1] for row in rows], 64, lambda done: None), strict=True):
        if text:
            logits = logits - logits.max(-1, keepdims=True)
            likely = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            total -= float(likely[np.arange(len(row) - 1), row[1:] - preprocessor.first_output].sum(dtype="float64"))
        else:  # keys are independent
            total += float(np.logaddexp(0, np.where(row[1:] > 0, -logits, logits)).sum(dtype="float64"))
        count += len(row) - 1
    return total / count
