"""Several processes that train one model, by JAX's distributed runtime; and how they end together.

Outside of ``together`` there is one process, and nothing here imports JAX.
"""

import atexit
import base64
import contextlib
import dataclasses
import errno
import io
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zoo.errors import InputError, ProcessError, ZooError

JOIN_SECONDS = 60
"""How long a process waits for the others at the start. Kubernetes restarts a pod that gave up."""

SILENT_SECONDS = 30
"""A process that says nothing for so long counts as lost."""

END_SECONDS = 10  # how long a process that failed waits for the others to learn why
_MAX_RUN_SECONDS = 7 * 24 * 3600  # how long the others wait for the first process to evaluate and write
_REMEDY = f"start all processes within {JOIN_SECONDS} seconds, with the address of process 0"
_FAILURE = "zoo/failure"
_LOST = ("Gloo", "coordination", "UNAVAILABLE", "DEADLINE_EXCEEDED", "heartbeat", "NCCL")  # in messages of JAX


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of a run.

    Attributes:
        coordinator: ``"HOST:PORT"`` of the first process; ``None`` lets JAX find all three in the environment of
            SLURM, Open MPI or Kubernetes.
        processes: Their number.
        process: Number of this one, from 0.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    def __post_init__(self):
        given = (self.coordinator, self.processes, self.process)
        if None in given and any(value is not None for value in given):
            raise InputError("coordinator, number of processes and number of this process: give all or none")
        if self.coordinator is not None:
            host, _, port = self.coordinator.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
                raise InputError(f"coordinator {self.coordinator!r}: expected HOST:PORT")
            if not 0 <= self.process < self.processes:
                raise InputError(f"process {self.process} of {self.processes}: the first is 0, the last one less")


_place: tuple[int, int] | None = None  # number of processes, and of this one
_failed = threading.Event()


def count() -> int:
    """Returns the number of processes that train one model; 1 outside of ``together``."""
    return _place[0] if _place else 1


def index() -> int:
    """Returns the number of this process; outside of ``together`` 0, the process that writes all files."""
    return _place[1] if _place else 0


@contextlib.contextmanager
def together(cluster: Cluster, on_failure: Callable[[int, list[str]], None]) -> Iterator[None]:
    """Join the other processes; when the block fails in one of them, end all with its exit code and its message.

    The process that leaves the block by an exception should exit at once. All others exit wherever they are.

    Args:
        cluster: The processes.
        on_failure: Called in a thread with exit code and lines of another process's failure, before this one exits.

    Raises:
        InputError: The port is in use.
        ProcessError: Another process cannot be reached, or ended.
    """
    _join(cluster)
    threading.Thread(target=_watch, args=(on_failure,), daemon=True).start()
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, ZooError) and _is_loss(error):
            time.sleep(3)  # the process that ended may have said why: then ``_watch`` ends this one
            error = ProcessError("another process ended, or cannot be reached: its own output says why")
        _failed.set()
        code = getattr(error, "exit_code", 1)
        _tell(code, error.lines() if isinstance(error, ZooError) else [repr(error)[:500]])
        # The runtime's own way out would wait for the other processes.
        atexit.register(_exit, code)
        raise error
    import jax

    jax.distributed.shutdown()  # waits for all


def _join(cluster: Cluster) -> None:
    global _place
    seconds = int(os.environ.get("ZOO_JOIN_SECONDS", JOIN_SECONDS))
    if cluster.coordinator:
        _check_port(cluster.coordinator) if cluster.process == 0 else _await_coordinator(cluster.coordinator, seconds)
    import jax

    try:
        jax.distributed.initialize(
            cluster.coordinator,
            cluster.processes,
            cluster.process,
            cluster_detection_method="deactivate" if cluster.coordinator else None,
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=SILENT_SECONDS,
            shutdown_timeout_seconds=_MAX_RUN_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        where = cluster.coordinator or "the environment"
        raise ProcessError(f"{where}: the processes did not come together ({reason}): {_REMEDY}") from None
    _place = (jax.process_count(), jax.process_index())
    with _standard_output_to_error():
        gather(None)  # the first exchange connects all with all, which Gloo prints


@contextlib.contextmanager
def _standard_output_to_error() -> Iterator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _await_coordinator(coordinator: str, seconds: float) -> None:
    """Raise ProcessError if nothing listens at the address for so long; JAX would abort."""
    host, _, port = coordinator.rpartition(":")
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ProcessError(f"{coordinator}: no coordinator answers ({error}): {_REMEDY}") from None
        time.sleep(0.2)


def _check_port(coordinator: str) -> None:
    """Raise InputError if something listens on the port; gRPC would share it without a word."""
    port = int(coordinator.rpartition(":")[2])
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise InputError(f"{coordinator}: port {port} is in use: choose another port") from None


def _client() -> Any:
    """Returns JAX's connection to the coordinator; the one private name of JAX that the zoo uses."""
    from jax._src import distributed

    return distributed.global_state.client


def _watch(on_failure: Callable[[int, list[str]], None]) -> None:
    """Wait for the failure of another process and end this one."""
    client = _client()
    while True:
        try:
            failure = json.loads(client.blocking_key_value_get(_FAILURE, 5_000))
            break
        except Exception as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                return  # the runtime was shut down; or it is lost, which the next step notices
    time.sleep(1)  # most failures are those of all processes: each says itself what it is
    if not _failed.is_set():
        on_failure(failure["code"], [f"process {failure['process']}: {line}" for line in failure["lines"]])
        _exit(failure["code"])


def _tell(code: int, lines: list[str]) -> None:
    """Tell all other processes why this one ends; the first to fail is the one that counts."""
    with contextlib.suppress(Exception):
        _client().key_value_set(_FAILURE, json.dumps({"process": index(), "code": code, "lines": lines}))


def _exit(code: int) -> None:
    """End this process; the first one, which serves the others, after all others."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(Exception):
        _client().key_value_set(f"{_FAILURE}/{index()}", "ends")
    end = time.monotonic() + END_SECONDS
    for other in range(count()) if index() == 0 else ():
        left = max(1, int(1000 * (end - time.monotonic())))
        with contextlib.suppress(Exception):
            _client().blocking_key_value_get(f"{_FAILURE}/{other}", left)
    if index() == 0:
        time.sleep(1)  # theirs is the last word: without a coordinator the runtime aborts them
    os._exit(code)


def _is_loss(error: Exception) -> bool:
    """Returns whether an error of the runtime means that another process ended."""
    return any(word in str(error) for word in _LOST)


def gather(value: Any) -> list[Any]:
    """Returns the values of all processes in their order; all have to call it.

    Args:
        value: A JSON value, in which NumPy arrays may stand.
    """
    if _place is None:
        return [value]
    import numpy as np  # late, because commands that only list import this module
    from jax.experimental import multihost_utils

    data = np.frombuffer(json.dumps(value, default=_packed).encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.array(len(data), np.int32))
    padded = np.zeros(1 << int(lengths.max() - 1).bit_length(), np.uint8)  # few shapes: each is compiled
    padded[: len(data)] = data
    rows = multihost_utils.process_allgather(padded)
    return [
        json.loads(row[:length].tobytes(), object_hook=_unpacked) for row, length in zip(rows, lengths, strict=True)
    ]


def _packed(array: Any) -> dict[str, str]:
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return {"npy": base64.b64encode(file.getvalue()).decode()}


def _unpacked(value: dict) -> Any:
    import numpy as np

    return (
        np.load(io.BytesIO(base64.b64decode(value["npy"])), allow_pickle=False)[()] if set(value) == {"npy"} else value
    )


def of_first(function: Callable[[], Any]) -> Any:
    """Returns what the first process's call of a function returns, a JSON value; the others do not call it."""
    return gather(function() if index() == 0 else None)[0]


def bytes_of_first(data: bytes) -> bytes:
    """Returns the bytes that the first process calls this with, however many; those of the others count for nothing."""
    if _place is None:
        return data
    import numpy as np
    from jax.experimental import multihost_utils

    size = gather(len(data))[0]
    array = np.frombuffer(data, np.uint8) if index() == 0 else np.zeros(size, np.uint8)
    return multihost_utils.broadcast_one_to_all(array).tobytes()


@contextlib.contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process run the block before the others: it may write what they read."""
    if index():
        gather(None)
    yield
    if not index():
        gather(None)


def spread(function: Callable[[Sequence[Any]], Sequence[Any]], items: Sequence[Any]) -> list[Any]:
    """Returns ``function(items)``, an output for each item, of which each process computes a share."""
    if _place is None:
        return list(function(items))
    start, end = (len(items) * place // count() for place in (index(), index() + 1))
    return [value for part in gather(list(function(items[start:end])) if end > start else []) for value in part]


def check_same(facts: Mapping[str, str]) -> None:
    """Compare what all processes must agree on.

    Raises:
        InputError: In all processes: one has another version, other data, or another of the facts.
    """
    known = gather(dict(facts))
    for number, other in enumerate(known):
        different = [name for name in known[0] if other.get(name) != known[0][name]]
        if different:
            pairs = "; ".join(f"{name}: {str(other.get(name))[:40]}, not {known[0][name][:40]}" for name in different)
            raise InputError(f"process {number} differs from process 0 ({pairs}): start all with the same")
