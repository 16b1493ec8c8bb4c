"""Signals that stop a training run after a step."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from zoo.errors import ZooError


class Interrupted(ZooError):
    """A signal stopped the training after its state was saved."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class _Stopped(BaseException):
    """A signal arrived inside a call of the model. Keras would turn an ``Exception`` there into a ``RuntimeError``."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def catch_signals(
    signals: Sequence[signal.Signals], at_once: Callable[[], bool], message: Callable[[], str]
) -> Iterator[list[int]]:
    """Collect the signals that arrive in the block, in the list that it gets, instead of ending the process.

    In other threads than the main one, to which Python delivers no signals, none are collected.

    Args:
        signals: The signals.
        at_once: Returns whether a signal ends the block at once. A validation takes long, and the state before it is
            already saved.
        message: Returns the message of the error that then leaves the block.

    Raises:
        Interrupted: A signal ended the block.
    """
    caught: list[int] = []

    def handle(number, frame):
        caught.append(number)
        if at_once():
            raise _Stopped(number)

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handle) for number in signals} if main else {}
    try:
        yield caught
    except _Stopped as stopped:
        raise Interrupted(message(), stopped.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
