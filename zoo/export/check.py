"""Compare exported graphs with the Keras model over lengths, batch sizes, masks and states."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime
from keras import ops

from zoo.errors import WeightsError
from zoo.export.files import DECODER_STEP, ENCODER, MODEL, QUANTILES, STEP
from zoo.export.graphs import STEPWISE
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import PATCH, encode, right_aligned

LENGTHS, BATCHES = (1, 2, 17, 300), (1, 5)
TOLERANCE = 1e-5  # maximum difference relative to the scale of the outputs
MAX_STEPS = 24  # maximum decoder steps to compare
TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}


@dataclasses.dataclass(frozen=True)
class Difference:
    """Difference between the outputs of a graph and of Keras.

    Attributes:
        file: Name of the graph's file.
        error: Maximum difference relative to the scale of the outputs.
        compared: Number of compared outputs.
        bound: Allowed difference.
    """

    file: str
    error: float
    compared: int
    bound: float = TOLERANCE

    def check(self) -> None:
        """Raise WeightsError if the difference is too large."""
        if not self.error <= self.bound:
            raise WeightsError(
                f"{self.file}: differs from Keras by {self.error:.1e} of the scale: at most {self.bound:.1e} is allowed"
            )


def compare(pipeline: Pipeline, models: Mapping[str, bytes]) -> list[Difference]:
    """Returns the difference between each graph and a pipeline's model.

    The bound is 1e-5 of the scale. Some models amplify float32 rounding to more. Their bound is four times the change
    of Keras's own outputs when each weight moves to the adjacent float32 number.

    Args:
        pipeline: The loaded checkpoint.
        models: Graphs as bytes, by file name.
    """
    sessions = {name: onnxruntime.InferenceSession(data) for name, data in models.items()}
    result: dict[str, list[float]] = {name: [] for name in models if name != ENCODER}
    generator = np.random.default_rng(0)
    longest, cases = _longest(pipeline), []
    for batch in BATCHES:
        for length in sorted({min(length, longest) for length in LENGTHS}):
            inputs = _inputs(pipeline, batch, length, generator)
            expected = _keras(pipeline, inputs)
            cases.append((inputs, expected))
            outputs = _run(sessions[MODEL], inputs)
            result[MODEL] += [_difference(outputs[name], value) for name, value in expected.items()]
            if DECODER_STEP in sessions:
                result[DECODER_STEP] += _decoded(sessions, inputs, expected["logits"])
            if STEP in sessions and (batch == 1 or length < 300):
                result[STEP] += list(_stepped(sessions[STEP], inputs, expected["logits"]))
    bound = TOLERANCE
    if max(max(errors) for errors in result.values()) > TOLERANCE:
        bound = max(TOLERANCE, 4 * _sensitivity(pipeline, cases))
    return [Difference(name, max(errors), len(errors), bound) for name, errors in result.items()]


def _sensitivity(pipeline: Pipeline, cases: list) -> float:
    """Returns the relative change of the outputs when each weight moves to the adjacent float32 number."""
    tensors = pipeline.tensors()
    moved = {name: np.nextafter(value, np.float32(np.inf)) for name, value in tensors.items()}
    pipeline.assign(moved, "the weights")
    try:
        outputs = [(_keras(pipeline, inputs), expected) for inputs, expected in cases]
    finally:
        pipeline.assign(tensors, "the weights")
    return max(_difference(now[name], value) for now, expected in outputs for name, value in expected.items())


def _longest(pipeline: Pipeline) -> int:
    config, most = pipeline.spec.config, getattr(pipeline.preprocessor, "max_source", None)
    if config.get("positions") == "learned":
        return config["context"]
    return max(LENGTHS) if most is None else most + 1


def _pool(pipeline: Pipeline) -> dict[str, np.ndarray]:
    """Returns the record's example inputs as steps, by input name."""
    preprocessor, golden = pipeline.preprocessor, (pipeline.document or {"golden": {"inputs": []}})["golden"]
    rows = [preprocessor.encode_input(value) for value in golden["inputs"]]
    if pipeline.spec.task == "tagging":
        rows = [ids for ids, _ in rows]
    if "source_mask" in pipeline.model.input_specs():
        targets = [preprocessor.encode_target(value)[:-1] for value in golden["outputs"] if value]
        return {"source": _joined(rows), "target": _joined(targets)}
    if rows and isinstance(rows[0], list) and isinstance(rows[0][0], list):
        rows = [sentence for row in rows for sentence in row]
    name, spec = next(iter(pipeline.model.input_specs().items()))
    if rows:
        return {name: _joined(rows)}
    generator = np.random.default_rng(1)  # for a record without examples
    if name == "features":
        return {name: generator.uniform(size=(999, spec.shape[-1]))}
    return {name: generator.integers(1, pipeline.model.id_counts()[name], 999)}


def _joined(rows: list) -> np.ndarray:
    return np.concatenate([np.asarray(row) for row in rows])


def _inputs(pipeline: Pipeline, batch: int, length: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns inputs by name, cut from the record's examples; all rows except the first are padded."""
    if "positions" in pipeline.model.input_specs():
        return _series(batch, length, generator)
    most = getattr(pipeline.preprocessor, "max_target", length) + 1
    document = pipeline.spec.architecture == "hierarchical_attention_network"
    shape = [batch, min(length, 9), length] if document else [batch, length]
    real = generator.integers(1, length + 1, shape[:-1])
    real[0] = length
    inputs: dict[str, np.ndarray] = {}
    for name, pool in _pool(pipeline).items():
        count = min(length, most) if name == "target" else length
        starts = generator.integers(0, len(pool), [*shape[:-1], 1])
        steps = pool[(starts + np.arange(count)) % len(pool)]
        inputs[name] = steps.astype("float32" if name == "features" else "int32")
    specs = pipeline.model.input_specs()
    if "first" in specs:
        inputs["first"] = generator.integers(0, real[:, None], (batch, 3)).astype("int32")
    # Next-step models are exported without a mask; padding is at the end, where no step reads it.
    if pipeline.spec.task not in STEPWISE:
        inputs["source_mask" if "source_mask" in specs else "mask"] = np.arange(length) < real[..., None]
    return inputs


def _series(batch: int, length: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns a forecaster's inputs for random walks of a length, with a season of 7 steps."""
    values = np.cumsum(generator.normal(size=(batch, length)), axis=1) + 3 * np.sin(np.arange(length) * 2 * np.pi / 7)
    patches = -(-length // PATCH)
    positions = np.sort(generator.integers(0, patches, (batch, 2)), axis=1)
    rows = right_aligned(list(values), patches)
    return encode(rows, np.full(batch, 7), positions, np.arange(1, 17)).inputs()


def _keras(pipeline: Pipeline, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if "target" in inputs:
        logits, alignment = pipeline.model.align(inputs)
        return {"logits": ops.convert_to_numpy(logits), "alignment": ops.convert_to_numpy(alignment)}
    outputs = pipeline.model(inputs)
    outputs = outputs if isinstance(outputs, dict) else {QUANTILES if "positions" in inputs else "logits": outputs}
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def _run(session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _difference(result: np.ndarray, expected: np.ndarray) -> float:
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(result - expected).max(initial=0)) / scale


def _stepped(session: onnxruntime.InferenceSession, inputs, expected: np.ndarray) -> Iterator[float]:
    """Yield the difference at each step."""
    ((name, steps),) = inputs.items()
    states = [x for x in session.get_inputs() if x.name.startswith("state/")]
    state = {x.name: np.zeros([len(steps), *x.shape[1:]], TYPES[x.type]) for x in states}
    for t in range(steps.shape[1]):
        outputs = _run(session, {name: steps[:, t], **state})
        state = {key: outputs[key.replace("state/", "next/")] for key in state}
        yield _difference(outputs["logits"], expected[:, t])


def _decoded(sessions, inputs, expected: np.ndarray) -> list[float]:
    """Returns the difference at each step of a decoder with teacher forcing."""
    encoded = _run(sessions[ENCODER], {name: inputs[name] for name in ("source", "source_mask")})
    needed = {x.name for x in sessions[DECODER_STEP].get_inputs()}
    fed, errors = {name: value for name, value in encoded.items() if name in needed}, []
    for t in range(min(MAX_STEPS, inputs["target"].shape[1])):
        outputs = _run(sessions[DECODER_STEP], {**fed, "target": inputs["target"][:, t]})
        fed |= {key: outputs[key.replace("state/", "next/")] for key in fed if key.startswith("state/")}
        errors.append(_difference(outputs["logits"], expected[:, t]))
    return errors
