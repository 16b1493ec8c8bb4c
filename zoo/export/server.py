"""An HTTP server of predictions on ONNX Runtime, with the REST interface of TensorFlow Serving."""

import asyncio
import base64
import binascii
import dataclasses
import functools
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from zoo.data.sound import read_wav
from zoo.errors import InputError, ZooError
from zoo.export.predictor import Predictor
from zoo.limits import MAX_HORIZON

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram of seconds."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the server.

    Attributes:
        body: Maximum bytes of a request.
        instances: Maximum inputs of a request.
        queue: Maximum requests that wait for a model.
        seconds: Maximum seconds from a request to its response.
        batch: Maximum inputs per batch.
        wait: Seconds that a batch waits for further requests.
    """

    body: int = 1_000_000
    instances: int = 1_024
    queue: int = 256
    seconds: float = 10.0
    batch: int = 64
    wait: float = 0.001


class Refused(Exception):
    """A refused request: its HTTP status and a one-line message."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Metrics:
    """Counts for Prometheus."""

    def __init__(self):
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: Counter[tuple[str, float]] = Counter()
        self.totals: Counter[tuple[str, str]] = Counter()

    def request(self, model: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests[model, status] += 1
        self.totals[model, "zoo_request_seconds_sum"] += seconds  # pyright: ignore[reportArgumentType]
        for bucket in (*BUCKETS, math.inf):
            self.seconds[model, bucket] += seconds <= bucket

    def batch(self, model: str, inputs: int) -> None:
        """Count a batch."""
        self.totals[model, "zoo_batches_total"] += 1
        self.totals[model, "zoo_inputs_total"] += inputs

    def text(self) -> str:
        """Returns the counts in Prometheus's text format."""
        lines = ["# TYPE zoo_requests_total counter"]
        lines += [f'zoo_requests_total{{model="{m}",code="{code}"}} {n}' for (m, code), n in self.requests.items()]
        lines += ["# TYPE zoo_request_seconds histogram"]
        for (model, bucket), n in self.seconds.items():
            end = "+Inf" if bucket == math.inf else bucket
            lines.append(f'zoo_request_seconds_bucket{{model="{model}",le="{end}"}} {n}')
        for model in {model for model, _ in self.requests}:
            count = sum(n for (name, _), n in self.requests.items() if name == model)
            lines.append(f'zoo_request_seconds_count{{model="{model}"}} {count}')
        lines += [f'{name}{{model="{model}"}} {n:g}' for (model, name), n in self.totals.items()]
        return "\n".join(lines) + "\n"


class Batcher:
    """Answers requests to one model; concurrent requests form one batch.

    Args:
        name: Name of the model.
        predictor: The model.
        limits: The limits.
        metrics: Counts of the batches.
    """

    def __init__(self, name: str, predictor: Predictor, limits: Limits, metrics: Metrics):
        self.name, self.predictor, self.limits, self.metrics = name, predictor, limits, metrics
        self.waiting: list[tuple[list[Any], str, asyncio.Future]] = []
        self.arrived = asyncio.Event()
        self.pool = ThreadPoolExecutor(1)
        self.worker: asyncio.Task | None = None

    async def predict(self, inputs: list[Any], options: Mapping[str, Any]) -> list[Any]:
        """Returns the predictions for the inputs of one request (raises Refused if too many wait)."""
        if len(self.waiting) >= self.limits.queue:
            raise Refused(503, f"{self.name}: {self.limits.queue} requests wait: try again later")
        if self.worker is None:
            self.worker = asyncio.create_task(self._work())
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((inputs, json.dumps(options, sort_keys=True), future))
        self.arrived.set()
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.arrived.wait()
            await asyncio.sleep(self.limits.wait)
            batch = self._next()
            if not batch:
                self.arrived.clear()
                continue
            inputs = [value for values, _, _ in batch for value in values]
            options = json.loads(batch[0][1])
            try:
                run = functools.partial(self.predictor.predict, inputs, **options)
                outputs = await loop.run_in_executor(self.pool, run)
            except Exception as error:  # the server continues; waiting requests get the error
                for _, _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            self.metrics.batch(self.name, len(inputs))
            for values, _, future in batch:
                if not future.done():
                    future.set_result(outputs[: len(values)])
                outputs = outputs[len(values) :]

    def _next(self) -> list[tuple[list[Any], str, asyncio.Future]]:
        """Take the next batch: the first waiting request, and others with the same options while there is room."""
        self.waiting = [row for row in self.waiting if not row[2].done()]  # skip requests that timed out
        batch: list[tuple[list[Any], str, asyncio.Future]] = []
        rest, count = [], 0
        for row in self.waiting:
            if not batch or (row[1] == batch[0][1] and count + len(row[0]) <= self.limits.batch):
                batch.append(row)
                count += len(row[0])
            else:
                rest.append(row)
        self.waiting = rest
        return batch


def create_app(predictors: Mapping[str, Predictor], limits: Limits | None = None) -> Starlette:
    """Returns the server as an ASGI application.

    Args:
        predictors: Models by name.
        limits: Limits of the server.
    """
    limits = limits or Limits()
    metrics = Metrics()
    batchers = {name: Batcher(name, predictor, limits, metrics) for name, predictor in predictors.items()}

    def find(request: Request) -> Batcher:
        name = request.path_params["name"]
        if name not in batchers:
            raise Refused(404, f"no model {name[:100]!r}: there are {', '.join(batchers)}")
        return batchers[name]

    async def predict(request: Request) -> Response:
        started = time.perf_counter()
        name = request.path_params["name"]
        try:
            async with asyncio.timeout(limits.seconds):
                batcher = find(request)
                inputs, options = _read(batcher.predictor, await _body(request, limits), limits)
                response: Response = JSONResponse(
                    {"predictions": [_plain(x) for x in await batcher.predict(inputs, options)]}
                )
        except Refused as error:
            response = JSONResponse({"error": str(error)}, error.status)
        except ClientDisconnect:
            response = Response(status_code=400)
        except TimeoutError:
            response = JSONResponse({"error": f"no answer within {limits.seconds:g} s: try again later"}, 504)
        except ZooError as error:
            response = JSONResponse({"error": error.lines()[0]}, 400 if isinstance(error, InputError) else 500)
        except Exception as error:  # an error of ONNX Runtime, for example out of memory
            response = JSONResponse({"error": f"{name}: {type(error).__name__}: see the server"}, 500)
        label = name if name in batchers else "unknown"
        metrics.request(label, response.status_code, time.perf_counter() - started)
        return response

    async def status(request: Request) -> Response:
        try:
            find(request)
        except Refused as error:
            return JSONResponse({"error": str(error)}, error.status)
        state = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return JSONResponse({"model_version_status": [state]})

    return Starlette(
        routes=[
            Route("/v1/models/{name}:predict", predict, methods=["POST"]),
            Route("/v1/models/{name}", status),
            Route("/healthz", lambda request: PlainTextResponse("ok")),
            Route("/metrics", lambda request: PlainTextResponse(metrics.text())),
        ]
    )


def _plain(output: Any) -> Any:
    """Returns an output as a JSON value."""
    return output.tolist() if isinstance(output, np.ndarray) else output


async def _body(request: Request, limits: Limits) -> bytes:
    """Returns a request's body (raises Refused as soon as it is too long)."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limits.body:
            raise Refused(413, f"more than {limits.body:,} bytes: send fewer inputs")
        parts.append(part)
    return b"".join(parts)


def _read(predictor: Predictor, body: bytes, limits: Limits) -> tuple[list[Any], dict[str, Any]]:
    """Returns inputs and options of a body, after checking each input (raises Refused or InputError)."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, 'the body is not JSON: send {"instances": [...]}') from None
    if not isinstance(value, dict) or not isinstance(value.get("instances"), list) or not value["instances"]:
        raise Refused(400, 'expected {"instances": [...]} with at least one input')
    if unknown := sorted(set(value) - {"instances", "parameters", "signature_name"}):
        raise Refused(400, f"{unknown[0][:40]!r}: unknown key: send instances and parameters")
    inputs, options = value["instances"], value.get("parameters", {})
    if len(inputs) > limits.instances:
        raise Refused(400, f"{len(inputs):,} inputs: send at most {limits.instances:,} in a request")
    if not isinstance(options, dict):
        raise Refused(400, "parameters: expected an object")
    for name, option in options.items():
        default = predictor.options.get(name)
        # A default of None stands for a whole number that has none.
        if name not in predictor.options or type(option) is not (int if default is None else type(default)):
            raise Refused(400, f"parameters.{name[:40]}: this model takes {json.dumps(predictor.options)}")
    if "horizon" in options and not 1 <= options["horizon"] <= MAX_HORIZON:
        raise Refused(400, f"parameters.horizon: give 1 to {MAX_HORIZON:,}")
    if "periods" in options and options["periods"] < 1:
        raise Refused(400, "parameters.periods: give at least 1")
    if "beam_size" in options and not 1 <= options["beam_size"] <= predictor.preprocessor.target.size:
        raise Refused(400, f"parameters.beam_size: give 1 to {predictor.preprocessor.target.size}")
    inputs = [_input(predictor, value) for value in inputs]
    preprocessor = predictor.preprocessor
    if options.get("language"):
        preprocessor = preprocessor.with_language(options["language"])
    encode = getattr(preprocessor, "encode_words", preprocessor.encode_input)
    for i, one in enumerate(inputs):
        try:
            encode(one)
        except InputError as error:
            raise InputError(f"instances[{i}]: {error}") from None
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"instances[{i}]: cannot be read: see the page of the model for its inputs") from None
    return inputs, options


def _input(predictor: Predictor, value: Any) -> Any:
    """Returns an input. A sound is samples or ``{"b64": ...}`` of a sound file, never a path of this machine."""
    reader = getattr(predictor.preprocessor, "reader", predictor.preprocessor)
    if not hasattr(getattr(reader, "front_end", None), "rate"):
        return value
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        try:
            data = base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise Refused(400, "b64: not base64") from None
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            file.write(data)
            file.flush()
            try:
                return read_wav(file.name)
            except InputError as error:
                raise Refused(400, str(error).replace(file.name, "b64")) from None
    if not isinstance(value, list):
        raise Refused(400, 'a sound: send samples, or {"b64": "..."} of a sound file')
    return value
