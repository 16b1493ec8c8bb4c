"""A tiny forecaster for tests: with random weights it forecasts the mean of simple forecasts."""

import keras

from zoo.checkpoints.document import blank_document
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import ForecastPreprocessor
from zoo.tasks.forecasting import FORECASTING


def tiny_forecaster(name: str = "tcn") -> Pipeline:
    """Returns a forecaster of a family in its smallest size."""
    family = registry.find_backbone(name)
    keras.utils.set_random_seed(1)
    fields = {**family.sizes["tiny"], **FORECASTING.prefers(family)}
    return Pipeline(FORECASTING.spec(family, "tiny", ForecastPreprocessor(), fields), blank_document("tiny"))
