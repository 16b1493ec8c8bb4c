"""Detect forked processes: a child lacks the threads of its backend and would wait for ever."""

import os

from zoo.errors import ForkError

_owner: int | None = None  # the process in which a backend first ran


def claim_process() -> None:
    """Record that a backend runs in this process.

    Raises:
        ForkError: A backend ran before this process was forked.
    """
    global _owner
    if _owner not in (None, os.getpid()):
        raise ForkError(
            f"process {os.getpid()}: forked from one in which a Keras backend had run, where it would wait for ever:"
            ' start processes with multiprocessing.get_context("spawn")'
        )
    _owner = os.getpid()
