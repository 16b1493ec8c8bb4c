"""A record speaks of its weights alone: what is saved after more training says what it was modified from."""

import keras
import numpy as np
import pytest

import zoo
from zoo.checkpoints.locate import read_record

NAME = "gru_small.italy_power_demand"


@pytest.fixture
def trained():
    """Returns a loaded pipeline whose model was trained further with plain ``fit``."""
    pipeline = zoo.load(NAME)
    pipeline.model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    features = np.random.default_rng(0).normal(size=(8, 24, 1)).astype("float32")
    pipeline.model.fit({"features": features}, np.arange(8) % 2, verbose=0)
    return pipeline


def test_an_unchanged_model_keeps_its_record(tmp_path):
    record = zoo.load(NAME).save(tmp_path / "copy")
    original = read_record(NAME)
    for key in ("name", "licence", "data", "training", "metrics", "published", "golden", "probe"):
        assert getattr(record, key) == getattr(original, key), key


def test_a_changed_model_says_what_it_was_modified_from(trained, tmp_path):
    record, original = trained.save(tmp_path / "mine"), read_record(NAME)
    assert record.name == "mine"
    assert record.metrics == [] and record.published == [] and record.probe is None
    base = {"name": NAME, "sha256": original.weights.sha256}
    assert record.training["recipe"] == {"modified_from": base}
    assert record.weights.sha256 != original.weights.sha256
    assert NAME in record.licence["weights"]
    assert f"modified from {NAME}" in (tmp_path / "mine" / "README.md").read_text()
    # The example outputs are those of the new weights.
    assert record.golden["logits"] != original.golden["logits"]
    loaded = zoo.load(tmp_path / "mine")
    np.testing.assert_allclose(
        [loaded.task.logits(loaded, value) for value in record.golden["inputs"]], record.golden["logits"], atol=1e-4
    )
    assert loaded.save(tmp_path / "again").name == "mine"


def test_a_change_too_small_for_float16_is_a_change(tmp_path):
    pipeline = zoo.load(NAME)
    variable = pipeline.model.weights[0]
    variable.assign(keras.ops.convert_to_numpy(variable) * np.float32(1 + 1e-6))
    assert "modified_from" in pipeline.save(tmp_path / "mine").training["recipe"]
