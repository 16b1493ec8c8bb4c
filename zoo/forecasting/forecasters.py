"""What forecasts: models of the zoo, and simple methods beside them."""

import fnmatch
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.checkpoints import locate
from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.limits import MAX_HORIZON
from zoo.tasks import FORECASTERS

BASELINES = ("seasonal_naive", "theta", "ets")
"""Methods that need no weights: ``zoo.forecasting.baselines.NAMES``, without the import."""

Forecaster = Callable[[Sequence[np.ndarray], int, Sequence[int | None]], list[np.ndarray]]
"""Maps series, a horizon and the period of each series to quantiles ``(horizon, 9)`` per series."""


def check_horizon(horizon: Any) -> None:
    """Raise InputError unless a horizon is a whole number from 1 to ``MAX_HORIZON``."""
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or not 1 <= horizon <= MAX_HORIZON:
        raise InputError(f"horizon {horizon}: give 1 to {MAX_HORIZON:,} steps")


def check_name(name: str | os.PathLike) -> None:
    """Raise InputError unless a name is that of a forecaster, without importing a backend."""
    if str(name) in BASELINES:
        return
    task = locate.read_record(name).spec.task
    if task not in FORECASTERS:
        raise InputError(f"{name}: is a model of {task}, which does not forecast: see zoo list '*.forecasting'")


def expand(patterns: Sequence[str]) -> list[str]:
    """Returns the names of forecasters that match patterns, without duplicates, in the order of the patterns.

    Raises:
        InputError: A pattern matches nothing, or a name is no forecaster.
    """
    names: list[str] = []
    for pattern in patterns:
        matches = [pattern] if pattern in BASELINES or os.path.isdir(pattern) else []
        matches += fnmatch.filter(locate.list_models(), pattern)
        if not matches:
            raise InputError(f"{pattern}: no forecaster matches: see zoo list '*.forecasting'")
        names += matches
    for name in names:
        check_name(name)
    if not names:
        raise InputError("models: give at least one forecaster")
    return list(dict.fromkeys(names))


def find(
    model: Any,
    on_step: Callable[[int], None] = lambda count: None,
    on_message: Callable[[str], None] = lambda line: None,
) -> tuple[str, Forecaster]:
    """Returns the name of a forecaster and the function that forecasts.

    Args:
        model: A pipeline or a ``Predictor`` of ONNX Runtime, a name for ``zoo.load``, or one of ``BASELINES``.
        on_step: Called with the number of finished series.
        on_message: Called with notes on the forecasts.

    Raises:
        InputError: The model does not forecast, or a library is missing.
    """
    if isinstance(model, str) and model in BASELINES:
        from zoo.forecasting import baselines

        def simple(values, horizon, periods):
            return baselines.forecast(model, values, horizon, periods, on_message, on_step)

        return model, simple
    if isinstance(model, str | os.PathLike):
        from zoo.loading import load

        check_name(model)
        name, model = os.fspath(model), load(os.fspath(model))
    else:
        document = getattr(model, "document", None)
        name = document["name"] if document else f"{model.spec.architecture}_{model.spec.size}"
    if model.spec.task not in FORECASTERS:
        raise InputError(f"{name}: is a model of {model.spec.task}, which does not forecast: choose another one")

    def forecast(values, horizon, periods):
        return model.predict(values, on_step=on_step, horizon=horizon, periods=list(periods))

    return name, forecast


def run(forecaster: Forecaster, series: Sequence[Series], horizon: int) -> list[np.ndarray]:
    """Returns the quantiles of each series, ``(horizon, 9)``."""
    return forecaster([one.values for one in series], int(horizon), [one.period for one in series])
