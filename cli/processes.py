"""Run a command in several processes of this machine, or as one of the processes of several machines.

Each process is a child of the command that the user typed. The parent forwards signals, and when a child is killed it
ends the others and says so.
"""

import contextlib
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

import click

from zoo.backends import cluster
from zoo.errors import InputError, ProcessError

from .output import note

GRACE_SECONDS = 20  # how long processes may take to end after another one did
_CHILD = "ZOO_PROCESS"  # environment variable that tells a child which process it is


def processes_options(command: Callable) -> Callable:
    """Add ``--processes``, ``--coordinator`` and ``--process``. The command runs in each process, process 0 prints."""

    @functools.wraps(command)
    def run(*arguments, processes, coordinator, process, **options):
        if child := os.environ.pop(_CHILD, None):
            _run_child(json.loads(child), functools.partial(command, *arguments, **options))
        elif coordinator is None and process is not None:
            raise InputError("--process: needs --coordinator HOST:PORT and --processes N")
        elif coordinator is None and (processes or 1) == 1:
            command(*arguments, **options)
        else:
            _run_parent(_clusters(coordinator, processes, process))

    added = (
        click.option("--processes", type=click.IntRange(1), help="Processes; without --coordinator all start here."),
        click.option("--coordinator", help="HOST:PORT of process 0; auto asks SLURM, Open MPI or Kubernetes."),
        click.option("--process", type=click.IntRange(0), help="Number of this process, from 0."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(added), run)


def _clusters(coordinator: str | None, processes: int | None, process: int | None) -> list[cluster.Cluster]:
    """Returns the cluster of each process to start here."""
    if coordinator == "auto":
        if processes is not None or process is not None:
            raise InputError("--coordinator auto: finds --processes and --process itself: omit them")
        return [cluster.Cluster()]
    if coordinator is not None:
        if processes is None or process is None:
            raise InputError("--coordinator: needs --processes N and --process I")
        return [cluster.Cluster(coordinator, processes, process)]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    return [cluster.Cluster(address, processes, i) for i in range(processes or 1)]


def _run_parent(clusters: list[cluster.Cluster]) -> None:
    """Run the command in children; end with their exit code."""
    backend = os.environ.get("KERAS_BACKEND", "jax")
    if backend != "jax":
        raise InputError(f"--processes: several processes train on JAX, not on {backend}: set KERAS_BACKEND=jax")
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile("w+b")) for _ in clusters]
        children = [_start(one, i, len(clusters), logs[i]) for i, one in enumerate(clusters)]
        signals = 0

        def forward(number, frame):
            nonlocal signals
            signals += 1
            for child in children:
                (child.terminate if signals == 1 else child.kill)()

        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, forward))
        for child in children:
            stack.callback(child.kill)
        _end([*map(_wait_for(children), children)], signals > 1, logs)


def _start(one: cluster.Cluster, number: int, total: int, log: IO) -> subprocess.Popen:
    """Start a child: only the first of several has the user's screen."""
    shown = number == 0
    screen = os.dup(2 if shown else log.fileno())
    arguments = click.get_current_context().find_root().meta["zoo.arguments"]
    settings = {**vars(one), "screen": screen, "number": number, "total": total}
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "zoo", *arguments],
            stdin=subprocess.PIPE,  # closes when this process ends, however it ends
            stdout=None if shown else subprocess.DEVNULL,
            stderr=log,  # where JAX's C++ code writes
            pass_fds=(screen,),
            env={**os.environ, "KERAS_BACKEND": "jax", _CHILD: json.dumps(settings)},
            start_new_session=True,
        )
    finally:
        os.close(screen)


def _wait_for(children: Sequence[subprocess.Popen]) -> Callable[[subprocess.Popen], int]:
    """Returns a function that waits for a child; all get ``GRACE_SECONDS`` after the first that failed."""
    ends: list[float] = []

    def wait(child: subprocess.Popen) -> int:
        while child.poll() is None:
            if not ends and any(other.poll() for other in children):
                ends.append(time.monotonic() + GRACE_SECONDS)
            if ends and time.monotonic() > ends[0]:
                child.kill()
                child.wait()
                return 0  # it did nothing wrong
            time.sleep(0.1)
        return child.returncode

    return wait


def _end(codes: list[int], killed_here: bool, logs: Sequence[IO]) -> None:
    """End with the exit code of the children; raise ProcessError where one did not end by itself."""
    if not any(codes):
        return
    failures = [code for code in codes if code > 0]
    for number, code in enumerate(codes):
        if code < 0 and code != -signal.SIGABRT and not killed_here:
            raise ProcessError(
                f"process {number}: was killed by signal {-code}: the kernel kills what takes too much memory,"
                " see zoo profile --batch"
            )
    if failures:
        sys.exit(failures[0])  # the child has said why
    if killed_here:
        sys.exit(128 + signal.SIGKILL)
    # JAX's runtime aborts the processes that cannot reach the others.
    logs[0].seek(0)
    silent = re.findall(r"task:(\d+)", logs[0].read().decode(errors="replace"))
    who = f"process {', '.join(sorted(set(silent)))}" if silent else "another process"
    raise ProcessError(f"{who}: ended, or cannot be reached: its own output says why")


def _run_child(settings: dict, command: Callable[[], None]) -> None:
    """Run the command as one of several processes."""
    number, total = settings["number"], settings["total"]
    sys.stderr = open(settings["screen"], "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) >= total:
            os.sched_setaffinity(0, cores[number::total])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    own = cluster.Cluster(settings["coordinator"], settings["processes"], settings["process"])
    with cluster.together(own, lambda code, lines: [note(f"error: {line}") for line in lines]):
        if cluster.index() == 0:
            command()
        else:
            with (
                open(os.devnull, "w") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                command()


def _end_with_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
