"""``fine_tune`` takes epochs and a rate directly; ``evaluate`` takes a name."""

import pytest
from samples import slopes

import zoo
from zoo.errors import InputError


def test_epochs_and_a_learning_rate_are_given_directly():
    rows = slopes(60, channels=1)
    mine = zoo.fine_tune("gru_tiny", rows, epochs=1, learning_rate=2e-3)
    assert mine.document is not None
    training_config = mine.document["training"]["recipe"]["training_config"]
    assert (training_config["epochs"], training_config["learning_rate"], len(mine.document["training"]["curve"])) == (
        1,
        2e-3,
        1,
    )
    with pytest.raises(InputError, match="epochs = 'two' is not of type int"):
        zoo.fine_tune("gru_tiny", rows, epochs="two")  # pyright: ignore


def test_a_name_is_evaluated():
    name = "gru_small.italy_power_demand"
    rows = ([[0.0] * 24, [1.0] * 24], list(zoo.load(name).preprocessor.labels))
    assert zoo.evaluate(name, rows).values == zoo.evaluate(zoo.load(name), rows).values
