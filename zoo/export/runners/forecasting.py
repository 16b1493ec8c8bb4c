"""Forecast with an exported model. Needs NumPy and onnxruntime; the folder ``zoo`` beside this file needs NumPy only.

Each input is a series with commas between its numbers, or a file with a number per line. A gap is an empty number.
The next 24 steps are printed, one per line: the median, and the 80 % band from the quantiles 0.1 and 0.9.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from zoo.inference.forecasting import forecast_series
from zoo.preprocessing.patches import ForecastPreprocessor

HORIZON = 24


def read_session(path):
    """Returns a session of a graph, and its metadata."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["zoo"])


def forecast(folder, series, horizon=HORIZON, period=None):
    """Returns quantiles 0.1 to 0.9 of the next steps, ``(horizon, 9)``, per series of numbers; NaN is a gap.

    ``period`` is the number of steps of a season; ``None`` infers it.
    """
    session, zoo = read_session(str(Path(folder) / "model.onnx"))
    preprocessor = ForecastPreprocessor(**zoo["preprocessor"])
    return forecast_series(lambda x: session.run(None, dict(x))[0], preprocessor, series, horizon, period)


def main(folder, inputs):
    """Print the forecast of each input."""
    texts = [Path(text).read_text().strip().split("\n") if Path(text).is_file() else text.split(",") for text in inputs]
    series = [np.array([float(cell) if cell.strip() else math.nan for cell in cells]) for cells in texts]
    for text, quantiles in zip(inputs, forecast(folder, series), strict=True):
        print(f"{text[:60]}\tmedian\t0.1\t0.9")
        for step, row in enumerate(quantiles, 1):
            print(step, *(f"{row[i]:.7g}" for i in (4, 0, 8)), sep="\t")


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
