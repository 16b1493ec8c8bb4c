"""Sequence models with pretrained weights, for Keras 3.

Everything public is here and is imported on first use, so that ``import zoo`` imports no backend.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from zoo.comparison import compare
    from zoo.data import Examples, read_examples
    from zoo.errors import DownloadError, InputError, NotFiniteError, StorageError, WeightsError, ZooError
    from zoo.evaluation import Report, evaluate
    from zoo.fine_tuning import fine_tune
    from zoo.generation import generate, stream
    from zoo.hub import list_models, read_record
    from zoo.pipeline import Pipeline, load
    from zoo.rate_finder import find_rate

_PUBLIC = {
    "DownloadError": "zoo.errors",
    "Examples": "zoo.data",
    "InputError": "zoo.errors",
    "NotFiniteError": "zoo.errors",
    "Pipeline": "zoo.pipeline",
    "Report": "zoo.evaluation",
    "StorageError": "zoo.errors",
    "WeightsError": "zoo.errors",
    "ZooError": "zoo.errors",
    "compare": "zoo.comparison",
    "evaluate": "zoo.evaluation",
    "find_rate": "zoo.rate_finder",
    "fine_tune": "zoo.fine_tuning",
    "generate": "zoo.generation",
    "list_models": "zoo.hub",
    "load": "zoo.pipeline",
    "read_examples": "zoo.data",
    "read_record": "zoo.hub",
    "stream": "zoo.generation",
}

__all__ = [
    "DownloadError",
    "Examples",
    "InputError",
    "NotFiniteError",
    "Pipeline",
    "Report",
    "StorageError",
    "WeightsError",
    "ZooError",
    "compare",
    "evaluate",
    "find_rate",
    "fine_tune",
    "generate",
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


# In a checkout that is not installed, ``zoo.cli`` is the folder beside this package.
if not (Path(__file__).parent / "cli").is_dir() and (Path(__file__).parents[1] / "cli").is_dir():
    __path__.append(str(Path(__file__).parents[1]))
