"""Forecasters in ``zoo evaluate``, ``zoo compare`` and ``zoo finetune``: scores on the last windows of series."""

import dataclasses
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints.scores import shown, shown_interval
from zoo.errors import InputError
from zoo.files import check_output_folder

from . import backend, show
from .commands import _tell
from .output import echo, echo_json
from .tables import print_table

SLOW_FITS = 500  # windows above which theta and ETS are fitted only if they are named


@dataclasses.dataclass(frozen=True)
class Request:
    """What the options of a command say about the series.

    Attributes:
        data: The file.
        columns: Columns of the file.
        horizon: Steps to forecast.
        period: Steps of a season.
        time_format: Format of the dates.
        windows: Windows per series; ``None`` means one.
        dataset: A dataset of the zoo instead of a file.
    """

    data: str
    columns: Any
    horizon: int
    period: int | None
    time_format: str
    windows: int | None
    dataset: str | None = None

    @property
    def per_series(self) -> int:
        """Windows per series."""
        return 1 if self.windows is None else self.windows

    def read(self) -> tuple[list, list]:
        """Returns the series and their last windows, and prints notes (raises InputError)."""
        from zoo.data.time_tables import read_series
        from zoo.forecasting import forecasters, rolling

        forecasters.check_horizon(self.horizon)
        if self.dataset:
            from zoo.forecasting import protocol

            series = protocol.whole_series(self.dataset)
        elif self.data is None:
            raise InputError("DATA: missing: give a table with the series, or --dataset")
        else:
            series, notes = read_series(self.data, self.columns, self.time_format, self.period)
            for line in notes:
                _tell(line)
        return series, rolling.rolling_windows(series, self.horizon, self.per_series, _tell)


def refuse(other: str = "--horizon", **options: Any) -> None:
    """Raise InputError for an option that is given and has no meaning beside another one."""
    for name, value in options.items():
        if value:
            raise InputError(f"--{name.replace('_', '-')}: has no meaning with {other}: omit it")


def refuse_without_horizon(**options: Any) -> None:
    """Raise InputError for an option of forecasters that is given without ``--horizon``."""
    for name, value in options.items():
        if value:
            raise InputError(f"--{name.replace('_', '-')}: needs --horizon: add it, or omit --{name.replace('_', '-')}")


def is_forecaster(name: str) -> bool:
    """Returns whether a checkpoint or a simple method forecasts."""
    from zoo.checkpoints import locate
    from zoo.forecasting.forecasters import BASELINES
    from zoo.tasks import FORECASTERS

    return name in BASELINES or locate.read_record(name).spec.task in FORECASTERS


def needs_horizon(name: str) -> None:
    """Raise InputError if a checkpoint is a forecaster, whose commands need ``--horizon``."""
    if is_forecaster(name):
        raise InputError(f"--horizon: missing: {name} is a forecaster: give the number of steps to forecast")


def evaluate(name: str, request: Request, against: Sequence[str], as_json: bool, page: str | None) -> None:
    """Score a forecaster beside simple methods."""
    from zoo.forecasting import forecasters

    for one in (name, *against):
        forecasters.check_name(one)
    if page:
        check_output_folder(page)
    series, windows = request.read()
    names = list(dict.fromkeys([name, *against, *_simple(windows, {name, *against})]))
    scores = _scored(names, windows)
    if page:
        backend.start()
        from zoo.evaluation.forecast_report import write_report

        write_report(scores, windows, page)
    _print(request, len(series), len(windows), scores, as_json)


def compare(names: str, request: Request, config: dict[str, Any], output: str | None, as_json: bool) -> None:
    """Score forecasters on the same windows, and with a budget each of them fine-tuned too."""
    from zoo.forecasting import forecasters

    models = forecasters.expand([name.strip() for name in names.split(",") if name.strip()])
    if output and not config:
        raise InputError("--output: without --minutes or --epochs nothing is trained: omit it")
    series, windows = request.read()
    scores = _scored(models, windows)
    if config:
        for model in models:
            if model in forecasters.BASELINES:
                continue
            tuned = _tuned(model, request, config, Path(output) / Path(model).name if output else None)
            scores.append(dataclasses.replace(tuned.scores[0], model=f"{model}, fine-tuned"))
    scores.sort(key=lambda score: score.values["wql"].value)
    _print(request, len(series), len(windows), scores, as_json)


def _tuned(model: str, request: Request, config: dict[str, Any], output: Any, resume: bool = False) -> Any:
    """Fine-tune a forecaster with a progress bar."""
    from zoo.fitting.forecast_tuning import fine_tune_forecaster

    with show.training(f"fine-tuning {model}") as callbacks:
        return fine_tune_forecaster(
            model,
            request.data,
            horizon=request.horizon,
            windows=request.per_series,
            period=request.period,
            time_format=request.time_format,
            training_config=config,
            output=output,
            resume=resume,
            callbacks=callbacks,
            **_columns(request),
        )


def finetune(name: str, request: Request, config: dict[str, Any], output: str, resume: bool) -> None:
    """Fine-tune a forecaster, and print whether it forecasts better than before."""
    from zoo.forecasting import forecasters

    forecasters.check_name(name)
    if name in forecasters.BASELINES:
        raise InputError(f"{name}: has no weights to train: choose a checkpoint: see zoo list '*.forecasting'")
    request.read()
    backend.start()
    tuned = _tuned(name, request, config, output, resume)
    ours, before, *_ = tuned.scores
    _table([score.to_json() for score in tuned.scores], "held-out windows")
    if not tuned.better:
        losses = " against ".join(shown("wql", score.values["wql"].value) for score in (ours, before))
        echo(f"fine-tuning is not better than zero-shot (loss {losses}): the zero-shot weights are kept")
    command = " ".join(f"--{key} {value}" for key, value in _columns(request).items() if value and value is not True)
    echo(f"written to {output}: try zoo forecast {output} {request.data} {command} --horizon {request.horizon}")


def _columns(request: Request) -> dict[str, Any]:
    return {name: getattr(request.columns, name) for name in ("series", "time", "target", "header", "dialect")}


def _simple(windows: Sequence[Any], asked: set[str]) -> list[str]:
    """Returns the simple methods to compare with, and prints a note on those that are left out."""
    from zoo.forecasting.forecasters import BASELINES

    first, *others = BASELINES
    if set(others) <= asked:
        return [first]
    if importlib.util.find_spec("statsforecast") is None:
        _tell(f"{' and '.join(others)} are left out: pip install 'seqzoo[forecasting]' for them")
    elif len(windows) > SLOW_FITS:
        _tell(
            f"{' and '.join(others)} are left out, as they take long on {len(windows):,} windows: --against {others[0]}"
        )
    else:
        return [first, *others]
    return [first]


def _scored(names: Sequence[str], windows: Sequence[Any]) -> list[Any]:
    from zoo.forecasting import forecasters, rolling
    from zoo.progress import progress

    if set(names) - set(forecasters.BASELINES):
        backend.start()
    with progress("forecasting", len(windows) * len({*names, rolling.REFERENCE})) as bar:
        return rolling.score(names, windows, lambda name: lambda count: bar(count, name), _tell)


def _print(request: Request, series: int, windows: int, scores: Sequence[Any], as_json: bool) -> None:
    result = {
        "data": request.dataset or Path(request.data).name,
        "series": series,
        "windows": windows,
        "horizon": request.horizon,
        "scores": [score.to_json() for score in scores],
    }
    if as_json:
        echo_json(result)
        return
    sizes = f"{result['series']:,} series, {result['windows']:,} windows of {result['horizon']:,} steps"
    title = f"{result['data']}: {sizes}"
    _table(result["scores"], title)


def _table(scores: Sequence[dict[str, Any]], title: str) -> None:
    """Print a line per forecaster."""
    names = [name for name in ("mase", "wql", "coverage") if name in scores[0]["values"]]
    columns = ("forecaster", *(show.NAMES[name] for name in names), "loss / seasonal naive's", "time")
    rows = [
        (
            score["model"],
            *(shown_interval(name, score["values"][name]) if name in score["values"] else "" for name in names),
            shown_interval("wql", score["relative"]["wql"]) if "wql" in score["relative"] else "",
            f"{score['seconds']:.1f} s",
        )
        for score in scores
    ]
    print_table(columns, rows, title)
