"""Commands that a forecaster does not support refuse it in one line, and say what to use."""

import importlib

import pytest
from click.testing import CliRunner
from keras.utils import set_random_seed

from zoo.checkpoints.document import blank_document
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import ForecastPreprocessor
from zoo.tasks.forecasting import FORECASTING

main = importlib.import_module("zoo.cli.main").main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    family = FORECASTING.architecture("gru")
    set_random_seed(0)
    fields = {**family.sizes["tiny"], **FORECASTING.prefers(family)}
    pipeline = Pipeline(FORECASTING.spec(family, "tiny", ForecastPreprocessor(), fields), blank_document("mine"))
    folder = tmp_path_factory.mktemp("forecasters")
    pipeline.save(folder / "mine")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "MINE", "1,2,3"], "use zoo forecast"),
        (["embed", "MINE", "1,2,3", "--output", "FOLDER/a.npy"], "has no features of a whole input"),
        (["generate", "MINE"], "predicts no next step"),
        (["probe", "MINE"], "only causal ones, which answer step by step"),
    ],
)
def test_a_command_refuses_a_forecaster_in_one_line(place, arguments, message):
    words = [word.replace("MINE", str(place / "mine")).replace("FOLDER", str(place)) for word in arguments]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2, result.output
    assert message in result.output and len(result.output.strip().splitlines()) == 1
    assert [path.name for path in place.iterdir()] == ["mine"]


def test_its_record_can_be_read(place):
    result = CliRunner().invoke(main, ["info", str(place / "mine")])
    assert result.exit_code == 0 and "27,741 parameters" in result.output
