"""Forecasters in ``zoo evaluate`` on the test sets of the benchmark."""

from collections.abc import Sequence
from typing import Any

from zoo.checkpoints.scores import shown, shown_interval
from zoo.errors import InputError

from . import backend, show
from .output import echo_json, note
from .tables import print_table

_QUOTIENTS = {"mase": "MASE / seasonal naive's", "wql": "loss / its points'"}
"""Relative metrics that are shown, by their names."""


def refuse(**options: Any) -> None:
    """Raise InputError for an option that is given and has no meaning on test sets."""
    for name, value in options.items():
        if value:
            raise InputError(f"--{name.replace('_', '-')}: has no meaning on test sets of forecasters: omit it")


def evaluate(name: str, dataset: str | None, against: Sequence[str], as_json: bool) -> None:
    """Score forecasters on the test sets, and print them beside published figures."""
    from zoo.forecasting import forecasters, protocol
    from zoo.progress import progress

    sets = protocol.select(dataset)
    names = list(dict.fromkeys([name, *against]))
    for one in names:
        forecasters.check_name(one)
    simple = set(names) <= set(forecasters.BASELINES)
    backend.start(*([] if simple else ["tensorflow"]))  # it reads the datasets on every backend
    result = []
    for one in names:
        with progress(f"forecasting with {one}") as bar:
            label, forecaster = forecasters.find(one)
            scores = protocol.benchmark(label, forecaster, sets, lambda size, bar=bar: bar(0, total=size), bar)
        result.append(scores.to_json())
    if as_json:
        echo_json(result[0] if len(result) == 1 else result)
    else:
        _print(result)


def _print(result: Sequence[dict[str, Any]]) -> None:
    """Print a table of the sets with quantiles, and one of those with squared errors."""
    for metrics in (("mase", "wql", "coverage"), ("mse", "mae", "coverage")):
        chosen = [i for i, score in enumerate(result[0]["sets"]) if metrics[0] in score["values"]]
        if not chosen:
            continue
        quotients = [name for name in _QUOTIENTS if name in metrics]
        rows = [row for i in chosen for row in _rows(result, i, metrics, quotients)]
        if quotients and result[0]["mean"]:
            for scores in result:
                cells = [shown_interval(name, scores["mean"][name]) for name in quotients]
                title = "mean over the first five" if scores is result[0] else ""
                rows.append((title, scores["model"], *[""] * len(metrics), *cells))
        columns = ("test set", "forecaster", *(show.NAMES[name] for name in metrics))
        print_table((*columns, *(_QUOTIENTS[name] for name in quotients)), rows)
    sources = dict.fromkeys(row["source"] for score in result[0]["sets"] for row in score["published"])
    for source in sources:
        note(f"published: {source}")
    for score in result[0]["sets"]:  # the same for each forecaster
        if score["missing"]:
            note(f"{score['set']}: {score['missing']:,} values are missing and not scored")
        if score["unscaled"]:
            note(f"{score['set']}: {score['unscaled']:,} series never vary and have no MASE")


def _rows(result: Sequence[dict[str, Any]], i: int, metrics: Sequence[str], quotients: Sequence[str]) -> list[tuple]:
    """Returns the lines of a test set: one per forecaster, then those of published figures."""
    first = result[0]["sets"][i]
    windows = f", {first['windows']:,} windows" if first["windows"] > first["series"] else ""
    title = f"{first['set']} ({first['series']:,} series{windows})"
    rows: list[tuple] = []
    for scores in result:
        values, relative = scores["sets"][i]["values"], scores["sets"][i]["relative"]
        cells = [shown_interval(name, values[name]) if name in values else "" for name in metrics]
        rows.append(
            (
                "" if rows else title,
                scores["model"],
                *cells,
                *(shown_interval(name, relative[name]) for name in quotients),
            )
        )
    for figure in first["published"]:
        cells = [shown(name, figure["values"][name]) if name in figure["values"] else "" for name in metrics]
        rows.append(("", f"published: {figure['system']}", *cells, *[""] * len(quotients)))
    return rows
