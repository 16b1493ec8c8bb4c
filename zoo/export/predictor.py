"""Predict from raw inputs with ONNX Runtime, without Keras and its backends."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from zoo.checkpoints.record import Record
from zoo.errors import InputError
from zoo.export.files import QUANTILES
from zoo.export.runners.sequence_to_sequence import PAD, START, WORST, beam_search, run
from zoo.inference.forecasting import forecast_series
from zoo.preprocessing.music import LOWEST
from zoo.preprocessing.symbols import END, pad
from zoo.preprocessing.tags import viterbi_decode
from zoo.tasks import find_preprocessor
from zoo.training.batching import by_length

OnStep = Callable[[int], None]
STEPS = 8_192  # maximum steps of a batch of next-step models, including padding
OPTIONS: dict[str, dict[str, Any]] = {
    "sequence_to_sequence": {"beam_size": 5, "language": ""},
    "translation": {"beam_size": 5},
    "classification": {"probabilities": False},
    "series_classification": {"probabilities": False},
    "language_modelling": {"probabilities": False},
    "music_modelling": {"probabilities": False},
    "tagging": {},
    "text_regression": {},
    "series_regression": {},
    "regression": {},
    "copying": {},
    "forecasting": {"horizon": 24, "periods": None},
}
"""Options of ``predict`` with their defaults, as in ``Task.options``; without ``stress``, which no command uses."""


def open_session(graph: bytes | Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """Returns a session of a graph; 0 ``threads`` means one per core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads must not spin
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class Predictor:
    """A checkpoint's graphs and preprocessor: from raw inputs to readable outputs.

    Args:
        record: Record of the checkpoint.
        graphs: Files of the graphs, or their bytes, by name.
        preprocessor: Preprocessor of the record, if already created.

    Attributes:
        spec: Spec of the record.
        options: Options of ``predict`` with their defaults.
    """

    def __init__(self, record: Record, graphs: Mapping[str, bytes | Path], preprocessor: Any = None):
        self.spec = record.spec
        self.options = OPTIONS[record.spec.task]
        self.preprocessor = preprocessor or find_preprocessor(record.spec.task, record.spec.preprocessor)
        self._graphs, self._sessions = graphs, {}

    def session(self, name: str) -> onnxruntime.InferenceSession:
        """Returns the session of a graph, opened at first use."""
        if name not in self._sessions:
            # a step is too small for several threads
            self._sessions[name] = open_session(self._graphs[name], threads=0 if name == "model.onnx" else 1)
        return self._sessions[name]

    def predict(
        self, inputs: Sequence[Any], batch_size: int = 256, on_step: OnStep = lambda count: None, **options: Any
    ) -> list[Any]:
        """Returns predictions for raw inputs, as ``Pipeline.predict`` does.

        Raises:
            InputError: An input cannot be read, or an option is unknown or out of range.
        """
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            raise InputError(f"{', '.join(unknown)}: unknown: {self.spec.task} has {', '.join(self.options)}")
        return ANSWERS[self.spec.task](self, list(inputs), batch_size, on_step, **{**self.options, **options})

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the outputs of ``model.onnx`` by name."""
        session = self.session("model.onnx")
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    def each_step(self, rows: list[np.ndarray], batch_size: int, on_step: OnStep) -> list[np.ndarray]:
        """Returns the logits ``(time, outputs)`` of a next-step model per row."""
        name = "tokens" if rows[0].ndim == 1 else "features"
        result = [np.zeros(0)] * len(rows)
        for chosen, _, _ in by_length([len(row) for row in rows], batch_size, STEPS):
            logits = self.run({name: _stack([rows[i] for i in chosen])})["logits"]
            for i, row in zip(chosen, logits, strict=True):
                result[i] = row[: len(rows[i])]
            on_step(len(chosen))
        return result


def greedy(
    encoder: onnxruntime.InferenceSession, decoder: onnxruntime.InferenceSession, source: np.ndarray, length: int
) -> np.ndarray:
    """Take the most likely symbol at each step; a row that has ended takes part in no further step.

    Args:
        encoder: Session of ``encoder.onnx``.
        decoder: Session of ``decoder_step.onnx``.
        source: Ids ``(batch, source_time)``, padded with 0.
        length: Maximum number of steps.

    Returns:
        Ids ``(batch, length)``, padded after the end token.
    """
    encoded = run(encoder, {"source": source, "source_mask": source != PAD})
    fed = {x.name: encoded.get(x.name) for x in decoder.get_inputs()}
    after = {name: name.replace("state/", "next/") for name in fed if name.startswith("state/")}
    names = [output.name for output in decoder.get_outputs()]
    ids, rows = np.full((len(source), length), PAD, "int32"), np.arange(len(source))
    fed["target"] = np.full(len(source), START, "int32")
    for t in range(length):
        outputs = dict(zip(names, decoder.run(names, fed), strict=True))
        outputs["logits"][:, [PAD, START]] = WORST
        fed["target"] = ids[rows, t] = outputs["logits"].argmax(-1).astype("int32")
        fed |= {name: outputs[written] for name, written in after.items()}
        going = np.flatnonzero(fed["target"] != END)
        if len(going) == 0:
            break
        if len(going) < len(rows):
            rows, fed = rows[going], {name: x[going] for name, x in fed.items()}
    return ids


def _in_threads(function: Callable[[Any], Any], batches: Sequence[Any]) -> Iterator[Any]:
    """Yield the results of batches in order, each batch in its own thread.

    A step is too small for several threads.
    """
    if len(batches) < 2:  # a thread takes longer to start than a short text to be written
        yield from map(function, batches)
        return
    pool = ThreadPoolExecutor(min(_cores(), len(batches)))
    try:
        yield from pool.map(function, batches)
    finally:  # cancels batches that have not started
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    """Returns rows ``(time, ...)`` as one array, padded with zeros at the end."""
    out = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), rows[0].dtype)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis."""
    likely = np.exp(logits - logits.max(-1, keepdims=True))
    return likely / likely.sum(-1, keepdims=True)


def _ranked(likely: np.ndarray, name: Callable[[int], str]) -> dict[str, float]:
    """Returns probabilities by name, the most likely first."""
    return {name(int(i)): float(likely[i]) for i in np.argsort(-likely, kind="stable")}


def _write(self: Predictor, inputs, batch_size, on_step, *, beam_size, language="") -> list[str]:
    preprocessor = self.preprocessor.with_language(language) if language else self.preprocessor
    target = preprocessor.target
    target.check_beam_size(beam_size)
    encode_words = getattr(preprocessor, "encode_words", lambda text: [preprocessor.encode_input(text)])
    rows = [[tuple(ids) for ids in encode_words(text)] for text in inputs]
    sources = list(dict.fromkeys(itertools.chain.from_iterable(rows)))  # each word once
    outputs, length = [""] * len(sources), preprocessor.max_target + 1
    encoder, decoder = self.session("encoder.onnx"), self.session("decoder_step.onnx")

    def write(batch: tuple[list[int], int, int]) -> tuple[list[int], np.ndarray]:
        chosen = batch[0]
        source = pad([sources[i] for i in chosen], max(len(sources[i]) for i in chosen))
        if beam_size == 1:
            return chosen, greedy(encoder, decoder, source, length)
        return chosen, beam_search(encoder, decoder, source, length, beam_size)[0][:, 0]

    batches = list(by_length([len(source) for source in sources], batch_size))
    for chosen, ids in _in_threads(write, batches):
        for i, row in zip(chosen, ids, strict=True):
            outputs[i] = target.decode([*row.tolist(), END])
        on_step(len(chosen))
    written = dict(zip(sources, outputs, strict=True))
    join = getattr(preprocessor, "join", "".join)
    return [join([written[ids] for ids in row]) for row in rows]


def _texts_or_series(rows: list) -> dict[str, np.ndarray]:
    """Returns the inputs of a pooled model: encoded texts, documents or series."""
    if isinstance(rows[0], np.ndarray):
        steps = np.array([len(row) for row in rows])[:, None]
        features = _stack(rows)
        return {"features": features, "mask": np.arange(features.shape[1]) < steps}
    if isinstance(rows[0][0], list):
        sentences, words = max(map(len, rows)), max(len(sentence) for row in rows for sentence in row)
        tokens = np.stack([pad(row, words, sentences) for row in rows])
    else:
        tokens = pad(rows, max(map(len, rows)))
    return {"tokens": tokens, "mask": tokens > 0}


def _pooled(self: Predictor, inputs, batch_size, on_step) -> np.ndarray:
    """Returns the logits ``(inputs, outputs)``."""
    rows = self.preprocessor.encode_inputs(inputs)
    result: list[Any] = [None] * len(rows)
    for chosen, _, _ in by_length([len(row) for row in rows], batch_size):
        for i, logits in zip(chosen, self.run(_texts_or_series([rows[i] for i in chosen]))["logits"], strict=True):
            result[i] = logits
        on_step(len(chosen))
    return np.stack(result)


def _classify(self: Predictor, inputs, batch_size, on_step, *, probabilities) -> list[Any]:
    likely, labels = softmax(_pooled(self, inputs, batch_size, on_step)), self.preprocessor.labels
    if not probabilities:
        return [labels[i] for i in likely.argmax(-1)]
    return [_ranked(row, labels.__getitem__) for row in likely]


def _number(self: Predictor, inputs, batch_size, on_step) -> list[float]:
    return [self.preprocessor.decode(row[0]) for row in _pooled(self, inputs, batch_size, on_step)]


def _tag(self: Predictor, inputs, batch_size, on_step) -> list[str]:
    preprocessor = self.preprocessor
    rows = [preprocessor.encode_input(text) for text in inputs]
    outputs = [""] * len(rows)
    for chosen, _, _ in by_length([len(ids) for ids, _ in rows], batch_size):
        tokens, first = (pad([rows[i][k] for i in chosen], max(len(rows[i][k]) for i in chosen)) for k in (0, 1))
        result = self.run({"tokens": tokens, "mask": tokens > 0, "first": first})
        for place, i in enumerate(chosen):
            likely = np.log(softmax(result["tags"][place, : len(rows[i][1])]))
            tags = " ".join(preprocessor.tags[tag] for tag in viterbi_decode(likely, preprocessor.tags))
            label = f"\t{preprocessor.labels[result['label'][place].argmax()]}" if preprocessor.labels else ""
            outputs[i] = tags + label
        on_step(len(chosen))
    return outputs


def _next_symbol(self: Predictor, inputs, batch_size, on_step, *, probabilities) -> list[Any]:
    preprocessor = self.preprocessor
    rows = [np.array([preprocessor.start, *preprocessor.encode_input(text)], "int32") for text in inputs]
    last = [row[-1] for row in self.each_step(rows, batch_size, on_step)]
    if not probabilities:
        return [preprocessor.symbol(int(row.argmax())) for row in last]
    return [_ranked(softmax(row), preprocessor.symbol) for row in last]


def _next_frame(self: Predictor, inputs, batch_size, on_step, *, probabilities) -> list[Any]:
    rolls = [self.preprocessor.encode_input(piece) for piece in inputs]
    logits = np.array([row[-1] for row in self.each_step(rolls, batch_size, on_step)])
    likely = 1 / (1 + np.exp(-logits))
    if probabilities:
        return [_ranked(row, lambda i: str(i + LOWEST)) for row in likely]
    return self.preprocessor.decode(likely > 0.5)


def _last_number(self: Predictor, inputs, batch_size, on_step) -> list[float]:
    rows = [self.preprocessor.encode_input(series) for series in inputs]
    return [float(row[-1, 0]) for row in self.each_step(rows, batch_size, on_step)]


def _copy(self: Predictor, inputs, batch_size, on_step) -> list[list[int]]:
    rows = [self.preprocessor.encode_input(ids) for ids in inputs]
    return [row.argmax(-1).tolist() for row in self.each_step(rows, batch_size, on_step)]


def _forecast(self: Predictor, inputs, batch_size, on_step, *, horizon, periods) -> list[np.ndarray]:
    def run(inputs):
        return self.run(inputs)[QUANTILES]

    return forecast_series(run, self.preprocessor, inputs, horizon, periods, batch_size, on_step)


ANSWERS: dict[str, Callable[..., list[Any]]] = {
    "sequence_to_sequence": _write,
    "translation": _write,
    "classification": _classify,
    "series_classification": _classify,
    "text_regression": _number,
    "series_regression": _number,
    "tagging": _tag,
    "language_modelling": _next_symbol,
    "music_modelling": _next_frame,
    "regression": _last_number,
    "copying": _copy,
    "forecasting": _forecast,
}
