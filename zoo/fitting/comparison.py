"""Which architecture for my data: several models fine-tuned on the same rows under the same budget."""

import dataclasses
import fnmatch
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import locate
from zoo.checkpoints.save import check_folder
from zoo.errors import InputError
from zoo.evaluation.measure import Report
from zoo.fitting.fine_tuning import default_plan, fine_tune, plan_from, prepare
from zoo.metrics.intervals import Interval, difference
from zoo.models import registry
from zoo.models.registry import architecture_and_size
from zoo.training.config import Plan

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
    plan: Plan | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    skip_bad_rows: bool = False,
    output: str | os.PathLike | None = None,
    columns: dict[str, Any] | None = None,
    tell: Callable[[str], None] = lambda line: None,
    report: Callable[[dict], None] = lambda row: None,
    tick: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> list[Row]:
    """Fine-tunes several models on the same rows, with the same parts, budget and seed.

    Args:
        data: What ``zoo.data.read.examples`` takes: a file, a folder of sounds, a DataFrame, arrays.
        models: Names as ``fine_tune`` takes them; wildcards stand for all checkpoints and all
            architectures in all sizes that match (``"*_tiny"``).
        input: Column with the inputs.
        target: Column with the right outputs.
        series: In a table with a row a step, the column that says which series a row belongs to.
        time: And the one with its time.
        task: The task, where what is inferred is wrong.
        plan: How each is fitted; by default as ``fine_tune`` does it, pretrained models in stages.
        epochs: Most epochs of each, if not the plan's.
        minutes: Most minutes of each, if not the plan's.
        seed: Seed of everything random, if not the plan's.
        skip_bad_rows: As ``fine_tune`` takes it.
        output: Folder that gets a folder for each model, as ``zoo.load`` takes it.
        columns: What else ``fine_tune`` is told of the data: ``group``, ``symbols``, ``strip_labels`` and so on.
        tell: Called with a line for people before each training.
        report: Called with a dict after each epoch.
        tick: Called with (step, steps in all, loss) after each step.

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
    budget = {"epochs": epochs, "least_steps": least, "minutes": minutes, "seed": seed}
    budget = {field: value for field, value in budget.items() if value is not None}
    names = expand(models)
    folders = _folders(names, output)
    plans = [dataclasses.replace(plan or _plan(name, task), **budget) for name in names]
    columns = {"input": input, "target": target, "header": True, "series": series, "time": time, "group": ""}
    for name, own in zip(names, plans, strict=True):
        # All are tried before the first is trained: a model that cannot read the data costs no hours.
        prepare(name, data, columns, task=task, plan=own, skip_bad_rows=skip_bad_rows)
    for name, own, folder in zip(names, plans, folders, strict=True):
        tell(f"{name}:")
        mine = fine_tune(
            name,
            data,
            input=input,
            target=target,
            series=series,
            time=time,
            task=task,
            plan=own,
            skip_bad_rows=skip_bad_rows,
            output=folder,
            **(columns or {}),
            tell=tell,
            report=report,
            tick=tick,
            measured=reports.append,
        )
        assert mine.document is not None
        values = {key: Interval(**value) for key, value in mine.document["metrics"][0]["values"].items()}
        training = mine.document["training"]
        cost = mine.model.count_params(), len(training["curve"]), training["seconds"], _latency(mine)
        said = reports.pop()
        counts = mine.task.counts(mine.preprocessor, said.outputs, said.references)
        rows.append((values[mine.task.monitor].value, counts, Row(name, values, *cost, difference=None)))
    (_, best, first), *others = sorted(rows, key=lambda found: found[0])
    return [first, *(dataclasses.replace(row, difference=difference(counts, best)) for _, counts, row in others)]


def _plan(name: str, task: str | None) -> Plan:
    return default_plan(None) if architecture_and_size(name) else plan_from(locate.read_record(name).spec, task)


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
    texts = (pipeline.document["golden"]["inputs"] * TIMED)[: TIMED + 1]
    times = []
    for text in texts:
        start = time.perf_counter()
        pipeline.predict([text])
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times[1:])[len(times[1:]) // 2]
