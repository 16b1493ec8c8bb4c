"""Choose what answers a command: ONNX Runtime where it is installed, Keras otherwise."""

from typing import Any

import click

from zoo.checkpoints.record import Record
from zoo.errors import InputError

from . import backend

backend_option = click.option(
    "--backend",
    type=click.Choice(["onnx", "keras"]),
    help="What runs the model. Default: ONNX Runtime if it is installed (extra onnx), which starts at once; or Keras.",
)


def load(name: str, record: Record, preprocessor: Any, chosen: str | None) -> Any:
    """Returns a ``Predictor`` of ONNX Runtime, or a ``Pipeline`` of Keras: both have ``predict`` and ``options``.

    Args:
        name: Name of the checkpoint, or its folder.
        record: Its record.
        preprocessor: The record's preprocessor.
        chosen: ``"onnx"``, ``"keras"``, or ``None`` for what is there.

    Raises:
        InputError: ONNX Runtime is asked for and not installed, or the architecture has no export.
    """
    from zoo.export import cache
    from zoo.export.files import NoExportError

    if chosen == "onnx" and not cache.is_installed():
        raise InputError('--backend onnx: not installed: pip install "seqzoo[onnx]"')
    if chosen != "keras" and cache.is_installed():
        if cache.needs_keras(name, record):
            backend.start()
        try:
            return cache.load_predictor(name, record=record, preprocessor=preprocessor)
        except NoExportError:
            if chosen == "onnx":
                raise
    backend.start()
    from zoo.loading import load

    return load(name, record=record, preprocessor=preprocessor)
