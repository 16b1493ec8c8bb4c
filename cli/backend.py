"""Import Keras and its backend without the log lines of TensorFlow's C++ code."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


def start(*modules: str) -> None:
    """Import Keras, and other slow modules, keeping the screen for the command's own lines.

    TensorFlow writes about drivers and CPU instructions to the process's standard error before any
    setting can stop it. A user who typed a wrong letter would have to find the one line that matters
    among them. ``TF_CPP_MIN_LOG_LEVEL``, where the user has set it, is left alone.

    Args:
        modules: Names of modules to import beside Keras.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _held_back():
        for name in ("keras", *modules):
            importlib.import_module(name)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Send the process's standard error to a file, and shows that file if an exception leaves the block."""
    import tempfile  # here, because listing must start fast

    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(screen, 2)
            os.close(screen)
            if failed:
                file.seek(0)
                sys.stderr.write(file.read().decode(errors="replace"))
