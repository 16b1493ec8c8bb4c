"""Sequence models with pretrained weights, for Keras 3.

Everything public is here and is imported on first use, so that ``import zoo`` imports no backend.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from zoo.version import __version__ as __version__

if TYPE_CHECKING:
    from zoo.builder import create_model, list_architectures
    from zoo.checkpoints.locate import list_models, read_record
    from zoo.data.examples import Examples
    from zoo.data.tables import read_examples
    from zoo.errors import (
        DownloadError,
        ForkError,
        InputError,
        NotFiniteError,
        StorageError,
        WeightsError,
        ZooError,
    )
    from zoo.evaluation.measure import evaluate
    from zoo.evaluation.report import Report
    from zoo.fitting.callbacks import Callbacks
    from zoo.fitting.comparison import compare
    from zoo.fitting.fine_tuning import fine_tune
    from zoo.fitting.rate_finder import find_rate
    from zoo.forecasting.forecast import forecast
    from zoo.inference.generation import generate, stream
    from zoo.loading import load
    from zoo.pipeline import Pipeline

_PUBLIC = {
    "Callbacks": "zoo.fitting.callbacks",
    "DownloadError": "zoo.errors",
    "Examples": "zoo.data.examples",
    "ForkError": "zoo.errors",
    "InputError": "zoo.errors",
    "NotFiniteError": "zoo.errors",
    "Pipeline": "zoo.pipeline",
    "Report": "zoo.evaluation.report",
    "StorageError": "zoo.errors",
    "WeightsError": "zoo.errors",
    "ZooError": "zoo.errors",
    "create_model": "zoo.builder",
    "list_architectures": "zoo.builder",
    "compare": "zoo.fitting.comparison",
    "evaluate": "zoo.evaluation.measure",
    "find_rate": "zoo.fitting.rate_finder",
    "fine_tune": "zoo.fitting.fine_tuning",
    "forecast": "zoo.forecasting.forecast",
    "generate": "zoo.inference.generation",
    "list_models": "zoo.checkpoints.locate",
    "load": "zoo.loading",
    "read_examples": "zoo.data.tables",
    "read_record": "zoo.checkpoints.locate",
    "stream": "zoo.inference.generation",
}

__all__ = [
    "Callbacks",
    "DownloadError",
    "Examples",
    "ForkError",
    "InputError",
    "NotFiniteError",
    "Pipeline",
    "Report",
    "StorageError",
    "WeightsError",
    "ZooError",
    "compare",
    "create_model",
    "evaluate",
    "find_rate",
    "fine_tune",
    "forecast",
    "generate",
    "list_architectures",
    "list_models",
    "load",
    "read_examples",
    "read_record",
    "stream",
]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
