"""What must hold for every backbone, at its tiny size, causal or not."""

import functools
import json
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops, tree
from safetensors.numpy import load_file

from zoo.checkpoints.tensors import write_tensors
from zoo.errors import InputError
from zoo.models import catalogue, registry

VARIANTS = {name: (name, {}) for name in registry.ARCHITECTURES} | {
    "lstm-both-ways": ("lstm", {"bidirectional": True}),
    "gru-both-ways": ("gru", {"bidirectional": True}),
    "rnn-residual": ("rnn", {"residual": True}),
    "lstm-residual": ("lstm", {"residual": True}),
    "gru-residual-both-ways": ("gru", {"residual": True, "bidirectional": True}),
    "tcn-centred": ("tcn", {"causal": False}),
    "tcn-norm": ("tcn", {"norm": True}),
    "transformer-both-ways": ("transformer", {"causal": False}),
    **{f"{name}-both-ways": (name, {"bidirectional": True}) for name in ("min_gru", "min_lstm", "lru", "rg_lru")},
    "windows-both-ways": ("hierarchical_attention", {"causal": False}),
    "windows-with-gate": ("hierarchical_attention", {"gate": 0.3}),
}
CAUSAL = [*registry.ARCHITECTURES, "rnn-residual", "lstm-residual", "tcn-norm", "windows-with-gate"]
SYMBOLS, TIME = 13, 12


def build(variant: str) -> Any:
    name, fields = VARIANTS[variant]
    architecture = registry.find_backbone(name)
    fields = {**fields, "causal": True} if name == "transformer" and not fields else fields
    keras.utils.set_random_seed(2)
    return architecture.build(architecture.configure("tiny", vocab_size=SYMBOLS, **fields))


@functools.cache
def shared(variant: str):
    return build(variant)


def example(rows: int = 3, time: int = TIME) -> dict:
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, (rows, time)).astype("int32")
    mask = np.ones((rows, time), "bool")
    mask[1:2, time - 4 :] = False
    return {"tokens": tokens, "mask": mask}


def values(model) -> dict[str, np.ndarray]:
    return {v.path: ops.convert_to_numpy(v.value) for v in model.trainable_variables}


def output(model, inputs) -> np.ndarray:
    return ops.convert_to_numpy(model(inputs))


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_and_what_stands_there_change_nothing(variant):
    inputs = example()
    expected = output(shared(variant), inputs)
    tokens = np.where(inputs["mask"], inputs["tokens"], 0)
    padded = {
        "tokens": np.pad(tokens, ((0, 0), (0, 5)), constant_values=7).astype("int32"),
        "mask": np.pad(inputs["mask"], ((0, 0), (0, 5))),
    }
    result = output(shared(variant), padded)[:, :TIME]
    np.testing.assert_allclose(result[inputs["mask"]], expected[inputs["mask"]], atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_order_of_the_batch_changes_nothing(variant):
    inputs = example()
    flipped = {name: value[::-1] for name, value in inputs.items()}
    result, expected = output(shared(variant), flipped)[::-1], output(shared(variant), inputs)
    np.testing.assert_allclose(result[inputs["mask"]], expected[inputs["mask"]], atol=1e-5)


@pytest.mark.parametrize("variant", CAUSAL)
def test_causal_models_see_no_future(variant):
    tokens = example()["tokens"]
    changed = tokens.copy()
    changed[:, 6] = (changed[:, 6] + 1) % SYMBOLS
    before, after = (output(shared(variant), {"tokens": t}) for t in (tokens, changed))
    np.testing.assert_allclose(after[:, :6], before[:, :6], atol=1e-6)
    assert np.abs(after[:, 6:] - before[:, 6:]).max() > 1e-4


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - set(CAUSAL)))
def test_other_models_see_both_ways(variant):
    tokens = example()["tokens"]
    changed = tokens.copy()
    changed[:, 6] = (changed[:, 6] + 1) % SYMBOLS
    difference = np.abs(output(shared(variant), {"tokens": tokens}) - output(shared(variant), {"tokens": changed}))
    assert difference[:, 5].max() > 0 and difference[:, 7].max() > 0
    with pytest.raises(ValueError, match="not causal"):
        shared(variant).initial_state(1)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("tcn", {"levels": 2}),
        ("tcn", {"levels": 2, "kernel_size": 5, "causal": False}),
        ("transformer", {"causal": True, "context": 4}),
        ("hierarchical_attention", {"num_layers": 1, "window": 5, "levels": 1}),
    ],
)
def test_look_back_is_what_perturbation_shows(name, fields):
    architecture = registry.find_backbone(name)
    config = architecture.configure("tiny", vocab_size=SYMBOLS, **fields)
    reach = architecture.receptive_field(config)
    keras.utils.set_random_seed(2)
    model = architecture.build(config)
    tokens = np.random.default_rng(0).integers(0, SYMBOLS, (8, reach + 3)).astype("int32")
    last = output(model, {"tokens": tokens})[:, -1]
    for ago, seen in ((reach - 1, True), (reach, False)):
        changed = tokens.copy()
        changed[:, -1 - ago] = (changed[:, -1 - ago] + 5) % SYMBOLS
        assert (np.abs(output(model, {"tokens": changed})[:, -1] - last).max() > 1e-7) == seen, ago


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("variant", CAUSAL)
def test_step_by_step_equals_the_whole_sequence(variant, rows):
    model, tokens = shared(variant), example(rows, 40)["tokens"]
    whole = output(model, {"tokens": tokens})
    state = model.initial_state(rows)
    for t in range(tokens.shape[1]):
        out, state = model.step(ops.convert_to_tensor(tokens[:, t]), state)
        np.testing.assert_allclose(ops.convert_to_numpy(out), whole[:, t], atol=1e-5)
    assert {x.shape[0] for x in tree.flatten(state)} == {rows}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_weight_changes_in_training(variant):
    model = build(variant)
    before = values(model)
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    inputs = example(rows=8)
    goal = np.random.default_rng(1).normal(size=(8, TIME, output(model, inputs).shape[-1]))
    model.train_on_batch(inputs, goal)
    for path, after in values(model).items():
        # A softmax is the same when all its scores move together: a key's bias has no gradient.
        assert np.abs(after - before[path]).max() > 0 or path.endswith("key/bias"), path


@pytest.mark.parametrize("variant", VARIANTS)
def test_paths_are_the_same_each_time_and_differ_from_each_other(variant):
    first, second = ([v.path for v in build(variant).weights] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_and_loaded_weights_give_the_same_bits(variant, tmp_path):
    model = build(variant)
    kept = {v.path: ops.convert_to_numpy(v.value) for v in model.weights if "seed_generator" not in v.path}
    write_tensors(tmp_path / "model.safetensors", kept, dtype="float32")
    read = load_file(tmp_path / "model.safetensors")
    expected = output(model, example())
    for v in model.weights:
        if v.path in kept:
            v.assign(np.zeros(v.shape, "float32"))
    assert not np.array_equal(output(model, example()), expected)
    for v in model.weights:
        if v.path in kept:
            v.assign(read.pop(v.path))
            np.testing.assert_array_equal(ops.convert_to_numpy(v.value), kept[v.path])
    assert read == {}
    np.testing.assert_array_equal(output(model, example()), expected)


@pytest.mark.parametrize("name", registry.ARCHITECTURES)
def test_features_instead_of_tokens(name):
    architecture = registry.find_backbone(name)
    model = architecture.build(architecture.configure("tiny", features=5))
    assert output(model, {"features": np.ones((2, 6, 5), "float32")}).shape[:2] == (2, 6)


@pytest.mark.parametrize("name", registry.ARCHITECTURES)
def test_configs_refuse_what_cannot_be(name):
    architecture = registry.find_backbone(name)
    for fields in ({}, {"vocab_size": 3, "features": 3}, {"vocab_size": 3, "dropout": 2}, {"vocab_size": 3, "x": 1}):
        with pytest.raises(InputError):
            architecture.configure("tiny", **fields)
    with pytest.raises(InputError, match="tiny, small, base"):
        architecture.configure("huge", vocab_size=3)


def test_the_catalogue_is_that_of_the_models():
    written = json.loads(catalogue.FILE.read_text("utf-8"))
    assert {row["size"] for row in written} == {"tiny", "small", "base"}
    for size in ("tiny", "small"):
        assert [row for row in written if row["size"] == size] == catalogue.rows((size,))
