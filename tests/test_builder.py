"""Models from the registry are ordinary Keras models: save, clone, functional use, fit; checkpoints give weights."""

import pickle

import keras
import numpy as np
import pytest
from keras import ops
from samples import reviews

import zoo
from zoo.errors import InputError
from zoo.models import registry

CASES = [
    *((f"{name}_tiny", None) for name in [*registry.ARCHITECTURES, *registry.DOCUMENT]),
    *((f"{name}_tiny", "sequence_to_sequence") for name in registry.SEQ2SEQ),
    ("gru_tiny", "classification"),
    ("hierarchical_attention_network_tiny", "classification"),
    ("gru_tiny", "tagging"),
    ("gru_tiny", "language_modelling"),
    ("gru_tiny", "forecasting"),
]


def made(name: str, task: str | None):
    """Returns a model and inputs for it."""
    random = np.random.default_rng(0)
    if task == "sequence_to_sequence":
        model = zoo.create_model(name, task=task, source_vocab_size=20, target_vocab_size=15)
        source, target = random.integers(3, 15, (2, 6)), random.integers(3, 15, (2, 5))
        mask = np.ones((2, 6), bool)
        return model, {"source": source.astype("int32"), "source_mask": mask, "target": target.astype("int32")}
    if task == "forecasting":
        model = zoo.create_model(name, task=task)
        features = random.normal(size=(2, 5, model.backbone.features)).astype("float32")
        steps = random.normal(size=(2, 3, 4, model.step_inputs)).astype("float32")
        return model, {"features": features, "positions": np.array([[0, 2, 4]] * 2, "int32"), "steps": steps}
    sizes = {"classification": {"num_classes": 3}, "tagging": {"num_tags": 4}, "language_modelling": {"output_dim": 29}}
    model = zoo.create_model(name, task=task, vocab_size=30, **sizes.get(task or "", {}))
    shape = (2, 3, 4) if name.removesuffix("_tiny") in registry.DOCUMENT else (2, 7)
    inputs = {"tokens": random.integers(1, 30, shape).astype("int32")}
    return model, inputs | ({"first": np.array([[0, 2], [1, 3]], "int32")} if task == "tagging" else {})


def outputs(model, inputs) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(model(inputs))]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_model_is_saved_and_pickled_to_the_bit_and_is_a_layer(name, task, tmp_path):
    model, inputs = made(name, task)
    expected = outputs(model, inputs)
    model.save(tmp_path / "model.keras")
    tensors = {key: keras.Input(value.shape[1:], dtype=str(value.dtype), name=key) for key, value in inputs.items()}
    functional = keras.Model(tensors, model(tensors))
    for other in (keras.saving.load_model(tmp_path / "model.keras"), pickle.loads(pickle.dumps(model)), functional):
        for ours, reference in zip(expected, outputs(other, inputs), strict=True):
            np.testing.assert_array_equal(reference, ours)
    clone = keras.models.clone_model(model)
    assert [v.path for v in clone.weights] == [v.path for v in model.weights]


def test_a_classifier_learns_by_plain_fit():
    model = zoo.create_model("gru_tiny", task="series_classification", num_classes=2, features=1, head_dropout=0.0)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 64)
    features = (labels[:, None, None] * 2 - 1 + random.normal(0, 0.1, (64, 5, 1))).astype("float32")
    model.optimizer.learning_rate = 0.05
    history = model.fit({"features": features}, labels, epochs=8, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.95


def test_a_checkpoint_gives_its_weights_with_and_without_a_head():
    pipeline = zoo.load("gru_small.italy_power_demand")
    inputs = {"features": np.random.default_rng(0).normal(size=(2, 9, 1)).astype("float32")}
    expected = outputs(pipeline.model.backbone, inputs)[0]
    backbone = zoo.create_model("gru_small.italy_power_demand", pretrained=True)
    np.testing.assert_array_equal(outputs(backbone, inputs)[0], expected)
    fresh = zoo.create_model("gru_small.italy_power_demand")
    assert np.abs(outputs(fresh, inputs)[0] - expected).max() > 1e-3
    other = zoo.create_model("gru_small.italy_power_demand", True, task="series_classification", num_classes=5)
    np.testing.assert_array_equal(outputs(other.backbone, inputs)[0], expected)
    assert outputs(other, inputs)[0].shape == (2, 5)


def test_a_model_trained_by_plain_fit_becomes_a_pipeline(tmp_path):
    examples = reviews(40)
    start = zoo.load("tcn_small.film_reviews")
    model = start.model
    bad, good = start.preprocessor.labels
    labels = [bad if target == "blame" else good for target in examples.targets]
    ids = [start.preprocessor.encode_input(text) for text in examples.inputs]
    tokens = np.zeros((len(ids), max(map(len, ids))), "int32")
    for row, values in zip(tokens, ids, strict=True):
        row[: len(values)] = values
    targets = np.array([start.preprocessor.labels.index(label) for label in labels])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit({"tokens": tokens, "mask": tokens > 0}, targets, epochs=1, verbose=0)
    trained = zoo.Pipeline.from_model(model, start.preprocessor, task="classification")
    trained.save(tmp_path / "mine")
    loaded = zoo.load(tmp_path / "mine")
    assert loaded.predict(examples.inputs) == trained.predict(examples.inputs)
    assert loaded.document is not None and loaded.document["metrics"] == []
    report = zoo.evaluate(loaded, (examples.inputs, labels))
    assert report.size == 40


def test_names_and_patterns():
    assert zoo.list_architectures("gru_*") == ["gru_tiny", "gru_small", "gru_base"]
    assert len(zoo.list_architectures()) == len({*registry.ARCHITECTURES, *registry.SEQ2SEQ, *registry.DOCUMENT}) * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gru_small",), "set vocab_size or features"),
        (("gru_small", True), "an architecture has no weights"),
        (("gru_smal",), "no checkpoint 'gru_smal'"),
        (("gru_small", False, "classification"), "num_classes missing"),
        (("gru_small", False, "classify"), "no task 'classify'"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        zoo.create_model(*arguments)
    assert "\n" not in str(caught.value)


def test_unknown_fields_and_sizes_are_refused():
    with pytest.raises(InputError, match="no field 'depth'"):
        zoo.create_model("gru_small", vocab_size=10, depth=3)
    with pytest.raises(InputError, match="num_classes = 0"):
        zoo.create_model("gru_small", task="classification", vocab_size=10, num_classes=0)
    with pytest.raises(InputError, match="leave them out"):
        zoo.create_model("gru_small.italy_power_demand", hidden=3)
    with pytest.raises(InputError, match="needs a causal tcn"):
        zoo.create_model("tcn_tiny", task="language_modelling", vocab_size=10, output_dim=9, causal=False)
