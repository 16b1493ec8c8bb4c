"""Fine-tune a forecaster on a user's series, and keep it only if it forecasts their last windows better."""

import copy
import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo import datasets
from zoo.backends import cluster
from zoo.backends.seeding import seed_everything
from zoo.checkpoints.document import blank_document
from zoo.checkpoints.record import name_of_folder
from zoo.checkpoints.save import check_folder
from zoo.data import read
from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.data.forecast_series import Series
from zoo.data.time_tables import read_series
from zoo.errors import InputError
from zoo.fitting.callbacks import SILENT, Callbacks
from zoo.fitting.setup import make_trainer, training_facts
from zoo.forecasting import forecasters, rolling
from zoo.forecasting.rolling import REFERENCE, Score
from zoo.loading import load
from zoo.pipeline import Pipeline
from zoo.training.config import TrainingConfig, override
from zoo.training.lora import LowRank
from zoo.training.state import check_resume

GENTLE = TrainingConfig(epochs=20, batch_size=32, learning_rate=3e-4, warmup=0.1, ema_decay=0.95, patience=5)
"""Default training config."""

GOLDEN = 3  # series in a record


@dataclasses.dataclass(frozen=True)
class Tuned:
    """Result of fine-tuning.

    Attributes:
        pipeline: The model; that of before if fine-tuning was not better.
        better: Whether fine-tuning was better.
        scores: Scores on the last windows: fine-tuned, zero-shot, seasonal naive.
    """

    pipeline: Pipeline
    better: bool
    scores: list[Score]


def fine_tune_forecaster(
    model: Pipeline | str | os.PathLike,
    data: Any,
    *,
    horizon: int,
    target: str = "",
    series: str = "",
    time: str = "",
    period: int | None = None,
    time_format: str = "",
    header: bool = True,
    dialect: str = "",
    windows: int = 1,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    output: str | os.PathLike | None = None,
    resume: bool = False,
    callbacks: Callbacks = SILENT,
) -> Tuned:
    """Train a forecaster further on a user's series.

    The last windows of each series are held out. Up to as many steps before them choose the best epoch, and the rest is
    trained on. The result is scored on the held-out windows beside the model before (zero-shot) and seasonal naive. If
    its weighted quantile loss is not lower than that of zero-shot, the weights of before are kept.

    Args:
        model: A pipeline of a forecaster, or a name for ``zoo.load``.
        data: Like that of ``zoo.forecast``; so are the next seven.
        horizon: Steps of a window.
        target: Column with the numbers.
        series: Column with the name of the series.
        time: Column with dates or numbers.
        period: Steps of a season.
        time_format: Format of the dates.
        header: Whether the first row names the columns.
        dialect: Format of a CSV or TSV.
        windows: Number of held-out windows per series.
        training_config: Training config, or its fields that differ from ``GENTLE``.
        output: Checkpoint folder for the result. Until then the state of the run is in ``<output>.unfinished``.
        resume: Whether to go on from that state.
        callbacks: Functions to call.

    Raises:
        InputError: The data cannot be used, or ``resume`` does not match the state.
        Interrupted: A signal arrived. The state is saved if there is an ``output``.
        NotFiniteError: The loss or a weight became NaN or infinite.
        StorageError: The output cannot be written.

    Example:
        >>> import numpy as np, zoo
        >>> from zoo.fitting.forecast_tuning import fine_tune_forecaster
        >>> sales = [np.sin(np.arange(90) / 3 + i) for i in range(4)]
        >>> tuned = fine_tune_forecaster("tcn_small.forecasting", sales, horizon=8, training_config={"epochs": 1})
        >>> [score.model for score in tuned.scores]
        ['fine-tuned', 'tcn_small.forecasting', 'seasonal_naive']
    """
    if cluster.count() > 1:
        raise InputError("--processes: a forecaster is fine-tuned in one process: omit it")
    forecasters.check_horizon(horizon)
    folder = None if output is None else check_folder(output)
    unfinished = folder.with_name(f"{folder.name}.unfinished") if folder else None
    check_resume(unfinished, resume)
    columns = Columns(target=target, series=series, time=time, header=header, dialect=dialect)
    all_series, notes = read_series(data, columns, time_format, period)
    base = model if isinstance(model, Pipeline) else load(os.fspath(model))
    name, zero_shot = forecasters.find(base)
    for line in notes:
        callbacks.on_message(f"note: {line}")
    held_out = rolling.rolling_windows(all_series, horizon, windows, lambda line: callbacks.on_message(f"note: {line}"))
    train, validation = _parts(all_series, horizon, windows)
    given = isinstance(training_config, TrainingConfig)
    config = training_config if given else override(GENTLE, training_config or {})
    sizes = {"train": len(train), "validation": len(validation), "test": len(held_out)}
    callbacks.on_message(
        f"series: {len(all_series):,}; trained on {len(train):,}, validated on {len(validation):,} ends,"
        f" scored on {len(held_out):,} held-out windows of {horizon:,} steps"
    )
    seed_everything(config.seed)
    pipeline = Pipeline(base.spec)
    before = base.tensors()
    pipeline.assign(before, name)
    pipeline.task = copy.copy(base.task)
    pipeline.task.validation = {"horizon": max(len(values) for values in validation.targets)}
    trainer = make_trainer(pipeline, train, validation, config, unfinished, "the same command with --resume")
    trainer.on_epoch, trainer.on_step = callbacks.on_epoch, callbacks.on_step
    trainer.data = datasets.fingerprint(train)
    if resume:
        trainer.load()
    trainer.run()
    if isinstance(trainer.model, LowRank):
        trainer.model.merge()
    pipeline.task = base.task
    scores = rolling.score([("fine-tuned", forecasters.find(pipeline)[1]), (name, zero_shot)], held_out)
    better = scores[0].values["wql"].value < scores[1].values["wql"].value
    if not better:
        pipeline.assign(before, name)
    recipe = {
        "base": name,
        "training_config": dataclasses.asdict(config),
        "columns": columns.to_json(),
        "horizon": horizon,
        "windows": windows,
        "kept": "fine-tuned" if better else "zero-shot",
    }
    split = f"last {windows} x {horizon} steps"
    pipeline.set_document(
        {
            **blank_document(name_of_folder(folder.name) if folder else "fine-tuned"),
            "licence": _licence(base),
            "data": {
                "name": read.named(data),
                "source": "the user's",
                "fingerprint": trainer.data,
                "splits": sizes,
            },
            "training": training_facts(trainer, recipe),
            "metrics": [_metrics(scores[0 if better else 1], read.named(data), split, len(held_out))],
            "published": [
                {
                    "system": other.model if other.model == REFERENCE else f"{other.model}, zero-shot",
                    "source": "computed",
                    "dataset": read.named(data),
                    "split": split,
                    "values": {key: value.value for key, value in other.values.items()},
                }
                for other in scores[1 if better else 2 :]
            ],
        }
    )
    assert pipeline.document is not None
    pipeline.document["golden"] = pipeline.golden([window.series.values for window in held_out[:GOLDEN]])
    if folder is not None:
        pipeline.save(folder)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Tuned(pipeline, better, scores)


def _parts(series: Sequence[Series], horizon: int, windows: int) -> tuple[Examples, Examples]:
    """Returns training and validation examples: without the held-out windows, and the steps before these."""
    train, validation = Examples([], [], []), Examples([], [], [])
    for one in series:
        values = one.values[: max(0, len(one.values) - horizon * windows)]
        ahead = min(horizon, len(values) // 4)
        begin, end = values[: len(values) - ahead], values[len(values) - ahead :]
        if np.count_nonzero(~np.isnan(begin)) < 2:
            continue
        train.inputs.append(begin)
        train.targets.append(np.zeros(0))
        train.locations.append(one.location)
        if ahead and not np.isnan(end).all():
            validation.inputs.append(begin)
            validation.targets.append(end)
            validation.locations.append(one.location)
    if not len(validation):
        raise InputError("the series are too short to fine-tune on: give longer ones, or a smaller horizon")
    return train, validation


def _licence(base: Pipeline) -> dict[str, str]:
    if base.document is None:
        return {"weights": "as the data's", "data": "the user's"}
    known = base.document["licence"]
    weights = f"as the data's, and as the base model's: {known['weights']}; its data: {known['data']}"
    return {"weights": weights, "data": "the user's"}


def _metrics(score: Score, dataset: str, split: str, size: int) -> dict[str, Any]:
    values = {name: dataclasses.asdict(value) for name, value in score.values.items()}
    return {"dataset": dataset, "split": split, "size": size, "values": values}
