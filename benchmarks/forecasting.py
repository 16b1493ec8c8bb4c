"""Compare the time of a forecaster with that of statsforecast's AutoETS, on the same series and cores in one run.

    KERAS_BACKEND=torch python benchmarks/forecasting.py tcn_small.forecasting
    KERAS_BACKEND=torch python benchmarks/forecasting.py --untrained tcn_small --series 100

The series are months with a trend, a season and noise, drawn from a fixed seed. Both methods first forecast a few
series that do not count. Weights do not change the time, so a model may be untrained.
"""

import argparse
import os
import time

import numpy as np

PERIOD = 12


def monthly(number: int, length: int) -> list[np.ndarray]:
    """Returns series of months, ``(length,)`` each."""
    random = np.random.default_rng(0)
    steps = np.arange(length)
    return [
        random.uniform(50, 500)
        + random.normal(0, 0.5) * steps
        + random.uniform(0, 30) * np.sin(2 * np.pi * (steps + random.integers(PERIOD)) / PERIOD)
        + random.normal(0, random.uniform(1, 20), length)
        for _ in range(number)
    ]


def untrained(name: str):
    """Returns a pipeline of an architecture and size, for example ``tcn_small``, with random weights."""
    from zoo.checkpoints.document import blank_document
    from zoo.models import registry
    from zoo.pipeline import Pipeline
    from zoo.preprocessing.patches import ForecastPreprocessor
    from zoo.tasks.forecasting import FORECASTING

    architecture, _, size = name.rpartition("_")
    family = registry.find_backbone(architecture)
    fields = {**family.sizes[size], **FORECASTING.prefers(family)}
    return Pipeline(FORECASTING.spec(family, size, ForecastPreprocessor(), fields), blank_document(name))


def model_seconds(pipeline, series: list[np.ndarray], horizon: int) -> tuple[float, float]:
    """Returns the seconds of the first run, which compiles, and of a second one on other values."""
    times = []
    for factor in (1.0, 1.5):
        started = time.perf_counter()
        pipeline.predict([factor * values for values in series], horizon=horizon, periods=PERIOD)
        times.append(time.perf_counter() - started)
    return times[0], times[1]


def ets_seconds(series: list[np.ndarray], horizon: int, jobs: int) -> float:
    """Returns the seconds of AutoETS with prediction intervals, after a run on two series."""
    import pandas
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    dates = pandas.date_range("2000-01-01", periods=len(series[0]), freq="MS")

    def run(chosen):
        table = pandas.DataFrame(
            {
                "unique_id": np.repeat(np.arange(len(chosen)), len(dates)),
                "ds": np.tile(dates, len(chosen)),
                "y": np.concatenate(chosen),
            }
        )
        forecaster = StatsForecast([AutoETS(season_length=PERIOD)], freq="MS", n_jobs=jobs)
        started = time.perf_counter()
        forecaster.forecast(df=table, h=horizon, level=[20, 40, 60, 80])
        return time.perf_counter() - started

    run(series[:2])
    return run(series)


def main() -> None:
    """Print the seconds of both methods and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="name or folder of a checkpoint")
    parser.add_argument("--untrained", help="architecture and size instead, for example tcn_small")
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--length", type=int, default=120, help="months of each series")
    parser.add_argument("--horizon", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2, help="processes of AutoETS")
    options = parser.parse_args()
    if bool(options.model) == bool(options.untrained):
        parser.error("give a model or --untrained")
    import zoo

    pipeline = zoo.load(options.model) if options.model else untrained(options.untrained)
    series = monthly(options.series, options.length)
    load = os.getloadavg()[0]
    first, warm = model_seconds(pipeline, series, options.horizon)
    ets = ets_seconds(series, options.horizon, options.jobs)
    print(f"{options.series:,} series of {options.length} months, {options.horizon} steps, {os.cpu_count()} cores")
    print(f"load of the machine before and after: {load:.1f}, {os.getloadavg()[0]:.1f}")
    print(f"{options.model or options.untrained}: first run {first:.2f} s, warm {warm:.2f} s")
    print(f"AutoETS, {options.jobs} processes: {ets:.2f} s")
    print(f"ratio: {ets / warm:.1f}")


if __name__ == "__main__":
    main()
