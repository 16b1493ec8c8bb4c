"""The tasks, by name. This module imports no backend until a task is resolved."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.arrays import IdsPreprocessor, NumbersPreprocessor
from zoo.preprocessing.music import MusicPreprocessor
from zoo.preprocessing.number_targets import SeriesNumbers, TextNumbers
from zoo.preprocessing.patches import ForecastPreprocessor
from zoo.preprocessing.preprocessor import Preprocessor
from zoo.preprocessing.sequence_to_sequence import SequenceToSequencePreprocessor
from zoo.preprocessing.signals import SeriesPreprocessor
from zoo.preprocessing.tags import TagPreprocessor
from zoo.preprocessing.text import TextPreprocessor
from zoo.preprocessing.token_text import text_preprocessor
from zoo.preprocessing.translation import TranslationPreprocessor

if TYPE_CHECKING:
    from zoo.tasks.task import Task

TASKS = {
    "sequence_to_sequence": "zoo.tasks.sequence_to_sequence:SEQUENCE_TO_SEQUENCE",
    "classification": "zoo.tasks.classification:CLASSIFICATION",
    "tagging": "zoo.tasks.tagging:TAGGING",
    "language_modelling": "zoo.tasks.language_modelling:LANGUAGE_MODELLING",
    "music_modelling": "zoo.tasks.music_modelling:MUSIC_MODELLING",
    "series_classification": "zoo.tasks.series_classification:SERIES_CLASSIFICATION",
    "regression": "zoo.tasks.regression:REGRESSION",
    "text_regression": "zoo.tasks.number_regression:TEXT_REGRESSION",
    "series_regression": "zoo.tasks.number_regression:SERIES_REGRESSION",
    "copying": "zoo.tasks.copying:COPYING",
    "forecasting": "zoo.tasks.forecasting:FORECASTING",
    "translation": "zoo.tasks.translation:TRANSLATION",
}

# Maps a task to the class of its preprocessor, without importing a backend.
PREPROCESSORS: dict[str, Callable[[dict, str], Preprocessor]] = {
    "sequence_to_sequence": SequenceToSequencePreprocessor.from_json,
    "translation": TranslationPreprocessor.from_json,
    "classification": TextPreprocessor.from_json,
    "tagging": TagPreprocessor.from_json,
    "language_modelling": text_preprocessor,
    "music_modelling": MusicPreprocessor.from_json,
    "series_classification": SeriesPreprocessor.from_json,
    "regression": NumbersPreprocessor.from_json,
    "text_regression": TextNumbers.from_json,
    "series_regression": SeriesNumbers.from_json,
    "copying": IdsPreprocessor.from_json,
    "forecasting": ForecastPreprocessor.from_json,
}


# What next-step tasks generate, and the default number of steps; separate, for commands that only check names.
GENERATED = {"language_modelling": ("text", 500), "music_modelling": ("notes", 64)}

# Tasks whose models forecast series; separate for the same reason.
FORECASTERS = ("forecasting",)


def find_task(name: str) -> "Task":
    """Returns a task by name (raises InputError for an unknown one)."""
    if name not in TASKS:
        raise InputError(f"no task {name!r}; there are {', '.join(TASKS)}")
    module, attribute = TASKS[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def find_preprocessor(task: str, state: dict, location: str = "spec.preprocessor") -> Preprocessor:
    """Returns a task's preprocessor, created from its JSON state.

    Args:
        task: Name of the task.
        state: Result of the preprocessor's ``to_json``.
        location: Source of the state, for messages.

    Raises:
        WeightsError: The task is unknown, or the state does not belong to a preprocessor of the task.
    """
    if task not in PREPROCESSORS:
        raise WeightsError(f"{location}: no task {task!r}; there are {', '.join(PREPROCESSORS)}")
    try:
        return PREPROCESSORS[task](state, location)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise WeightsError(f"{location}: not what a preprocessor of {task} writes") from None
