"""Small models with random weights, and their exported graphs, for several tests."""

import dataclasses
from typing import Any

import keras
import numpy as np
import onnxruntime
from keras import ops

import zoo
from zoo.checkpoints.spec import ModelSpec
from zoo.export.graphs import build_graphs

BATCHES = (1, 5)


def randomise(model: Any, seed: int = 0) -> None:
    """Give every weight a value of its own: biases and norms that begin as zeros or ones would hide mistakes."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        value = np.asarray(ops.convert_to_numpy(variable.value))
        noise = generator.normal(0, 0.1, value.shape).astype("float32")
        variable.assign(np.abs(value + noise) + 0.1 if "variance" in variable.path else value + noise)


def model_and_spec(name: str, task: str, **fields: Any) -> tuple[Any, ModelSpec]:
    """Returns a tiny model of an architecture with a head, and its spec without a preprocessor."""
    keras.utils.set_random_seed(0)  # the difference depends on the weights
    model = zoo.create_model(f"{name}_tiny", task=task, **fields)
    randomise(model)
    built = getattr(model, "backbone", model)
    return model, ModelSpec(name, "tiny", dataclasses.asdict(built.config), task, {})


def tensors_of(model: Any) -> dict[str, np.ndarray]:
    return {variable.path: np.array(ops.convert_to_numpy(variable.value)) for variable in model.weights}


def sessions(model: Any, spec: ModelSpec) -> dict[str, onnxruntime.InferenceSession]:
    """Returns the model's graphs as sessions by file name."""
    graphs = build_graphs(spec, tensors_of(model))
    return {name: onnxruntime.InferenceSession(graph.model({}).SerializeToString()) for name, graph in graphs.items()}


def run(session: onnxruntime.InferenceSession, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def close(result: np.ndarray, expected: np.ndarray) -> bool:
    """Returns whether outputs are equal to 1e-5 of their scale."""
    expected = np.asarray(expected)
    return result.shape == expected.shape and float(np.abs(result - expected).max(initial=0)) <= 1e-5 * max(
        1.0, float(np.abs(expected).max(initial=0))
    )


def numpy(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))
