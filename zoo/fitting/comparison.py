"""Which architecture for my data: several models fine-tuned on the same rows under the same budget."""

import dataclasses
import fnmatch
import os
import time as clock
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.save import check_folder
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.evaluation.measure import Report
from zoo.fitting import baselines
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.start import Start, prepare
from zoo.metrics.intervals import Interval, difference
from zoo.models import registry
from zoo.training.config import TrainingConfig, override

TFIDF = "tfidf"  # a model to compare with: logistic regression on TF-IDF, by scikit-learn
TIMED = 20  # single inputs whose latency is measured


@dataclasses.dataclass(frozen=True)
class Row:
    """One model of a comparison.

    Attributes:
        model: Name of the checkpoint, or of the architecture and size.
        values: Scores on the test part, which is the same for all, with their 95 % intervals.
        parameters: Number of weights.
        epochs: Epochs trained.
        seconds: Time of training.
        latency: Median time for a single input, in milliseconds, after the first.
        difference: Its main score less that of the best model, each resample drawing the same rows for both
            (``zoo.metrics.intervals.difference``); ``None`` for the best.
    """

    model: str
    values: dict[str, Interval]
    parameters: int
    epochs: int
    seconds: float
    latency: float
    difference: Interval | None


def compare(
    data: Any,
    models: Sequence[str],
    *,
    input: str = "",
    target: str = "",
    series: str = "",
    time: str = "",
    task: str | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    skip_bad_rows: bool = False,
    output: str | os.PathLike | None = None,
    allow_unknown: bool = False,
    on_message: Callable[[str], None] = lambda line: None,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, float], None] = lambda step, total, loss: None,
    **more: Any,
) -> list[Row]:
    """Fine-tunes several models on the same rows, with the same parts, budget and seed.

    Args:
        data: What ``zoo.data.read.examples`` takes: a file, a folder of sounds, a DataFrame, arrays.
        models: Names as ``fine_tune`` takes them; wildcards stand for all checkpoints and all
            architectures in all sizes that match (``"*_tiny"``). ``"tfidf"`` is logistic regression on TF-IDF, for
            texts with labels.
        input: Column with the inputs.
        target: Column with the right outputs.
        series: In a table with a row a step, the column that says which series a row belongs to.
        time: And the one with its time.
        task: The task, where what is inferred is wrong.
        training_config: How each is fitted; by default as ``fine_tune`` does it, pretrained models in stages.
        epochs: Most epochs of each, if not the training config's.
        minutes: Most minutes of each, if not the training config's.
        seed: Seed of everything random, if not the training config's.
        skip_bad_rows: As ``fine_tune`` takes it.
        output: Folder that gets a folder for each model, as ``zoo.load`` takes it.
        allow_unknown: As ``fine_tune`` takes it.
        on_message: Called with a line for people before each training.
        on_epoch: Called with a dict after each epoch.
        on_step: Called with (step, steps in all, loss) after each step.
        **more: What else ``fine_tune`` takes of ``zoo.data.columns.Columns``: ``symbols``, ``dialect`` and so on.

    Returns:
        A row for each model, the best first, by the score that chose its best epoch.

    Raises:
        InputError: A name matches nothing, or the data cannot be used.

    Example:
        >>> import numpy as np, zoo
        >>> x, y = np.random.default_rng(0).normal(size=(40, 10, 2)), ["up", "down"] * 20
        >>> rows = zoo.compare((x, y), ["gru_tiny", "tcn_tiny"], epochs=1)
        >>> sorted(row.model for row in rows)
        ['gru_tiny', 'tcn_tiny']
    """
    rows = []
    reports: list[Report] = []
    least = None if epochs is None else 0
    budget = {"epochs": epochs, "min_steps": least, "minutes": minutes, "seed": seed}
    budget = {field: value for field, value in budget.items() if value is not None}
    names = expand([name for name in models if name != TFIDF])
    if not names:
        raise InputError("models: give at least one checkpoint or architecture")
    folders = _folders(names, output)
    training_config = override(training_config, budget)
    columns = Columns(input, target, series=series, time=time, **more)
    start = None
    for name in names:
        # All are tried before the first is trained: a model that cannot read the data costs no hours.
        start = prepare(
            name,
            data,
            columns,
            task=task,
            training_config=training_config,
            skip_bad_rows=skip_bad_rows,
            allow_unknown=allow_unknown,
        )
    assert start is not None
    if TFIDF in models:
        on_message(f"{TFIDF}:")
        rows.append(_tfidf(start))
    for name, folder in zip(names, folders, strict=True):
        on_message(f"{name}:")
        mine = fine_tune(
            name,
            data,
            input=input,
            target=target,
            series=series,
            time=time,
            task=task,
            training_config=training_config,
            skip_bad_rows=skip_bad_rows,
            output=folder,
            allow_unknown=allow_unknown,
            **more,
            on_message=on_message,
            on_epoch=on_epoch,
            on_step=on_step,
            on_evaluated=reports.append,
        )
        assert mine.document is not None
        values = {key: Interval(**value) for key, value in mine.document["metrics"][0]["values"].items()}
        training = mine.document["training"]
        cost = mine.model.count_params(), len(training["curve"]), training["seconds"], _latency(mine)
        said = reports.pop()
        counts = mine.task.metric_counts(mine.preprocessor, said.outputs, said.references)
        rows.append((values[mine.task.monitor].value, counts, Row(name, values, *cost, difference=None)))
    (_, best, first), *others = sorted(rows, key=lambda found: found[0])
    return [first, *(dataclasses.replace(row, difference=difference(counts, best)) for _, counts, row in others)]


def _tfidf(start: Start) -> tuple:
    """Returns the main score, its counts and the row of TF-IDF (raises InputError where it cannot be used)."""
    pipeline, (train, _, test) = start.pipeline, start.parts
    if not pipeline.task.has_labels or not isinstance(train.inputs[0], str):
        raise InputError(f"{TFIDF} classifies texts, and the task is {pipeline.spec.task}: leave it out")
    to_iob2 = clock.monotonic()
    model = baselines.tfidf(train.inputs, train.targets)
    seconds = clock.monotonic() - to_iob2
    cases = pipeline.task.cases(test)
    outputs = list(map(str, model.predict(cases.inputs)))
    values = pipeline.task.score(pipeline.preprocessor, outputs, cases.references)
    counts = pipeline.task.metric_counts(pipeline.preprocessor, outputs, cases.references)
    latency = _median_time(lambda text: model.predict([text]), cases.inputs[:3])
    row = Row(TFIDF, values, int(model[-1].coef_.size), 0, seconds, latency, difference=None)
    return values[pipeline.task.monitor].value, counts, row


def _folders(names: Sequence[str], output: str | os.PathLike | None) -> list[Path | None]:
    """Returns the folder of each model (raises InputError where one holds something already, or two have one name)."""
    if output is None:
        return [None] * len(names)
    # Of a model given by its path the last part: the rest could lead out of the output.
    folders = [check_folder(Path(output) / Path(os.path.abspath(name)).name) for name in names]
    for i, folder in enumerate(folders):
        if folder in folders[:i]:
            raise InputError(f"{folder}: of two models: give the models folders with different names")
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: exists already: choose another output")
    return [*folders]


def expand(patterns: Sequence[str]) -> list[str]:
    """Returns the names that patterns stand for, each once, in the order of the patterns.

    Raises:
        InputError: A pattern matches nothing.
    """
    known = [*locate.list_models(), *registry.sizes()]
    names: list[str] = []
    for pattern in patterns:
        found = fnmatch.filter(known, pattern) or ([pattern] if Path(pattern).is_dir() else [])
        if not found:
            raise InputError(f"{pattern!r} matches no checkpoint and no architecture; see zoo list and --architectures")
        names += [name for name in found if name not in names]
    return names


def _latency(pipeline) -> float:
    return _median_time(lambda value: pipeline.predict([value]), pipeline.document["golden"]["inputs"])


def _median_time(answer: Callable[[Any], Any], inputs: list[Any]) -> float:
    """Returns the median time of an answer in milliseconds, after the first."""
    times = []
    for value in (inputs * TIMED)[: TIMED + 1]:
        start = clock.perf_counter()
        answer(value)
        times.append(clock.perf_counter() - start)
    return 1000 * sorted(times[1:])[len(times[1:]) // 2]
