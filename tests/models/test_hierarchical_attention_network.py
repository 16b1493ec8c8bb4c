"""The network of words and sentences against NumPy loops that never see any padding."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

from zoo.checkpoints.tensors import write_tensors
from zoo.errors import InputError
from zoo.models import registry

ARCHITECTURE = registry.resolve(registry.DOCUMENT, "hierarchical_attention_network")
ROOT = "hierarchical_attention_network"
LENGTHS = [[4, 1, 6], [2, 5]]  # words of each sentence of each document


def made(**fields) -> tuple[Any, Any]:
    keras.utils.set_random_seed(5)
    config = ARCHITECTURE.configure("tiny", vocab_size=11, **fields)
    model = ARCHITECTURE.build(config)
    generator = np.random.default_rng(4)
    for v in model.weights:  # biases begin at zero, which would hide a mistake
        if "seed_generator" not in v.path:
            v.assign(ops.convert_to_numpy(v.value) + generator.normal(0, 0.3, v.shape))
    return config, model


def values(model) -> dict[str, np.ndarray]:
    return {v.path: ops.convert_to_numpy(v.value) for v in model.trainable_variables}


def documents() -> list[list[np.ndarray]]:
    generator = np.random.default_rng(0)
    return [[generator.integers(0, 11, length).astype("int32") for length in lengths] for lengths in LENGTHS]


def grid(result: list[list[np.ndarray]], sentences: int, words: int, padding: int = 0) -> dict:
    tokens = np.full((len(result), sentences, words), padding, "int32")
    mask = np.zeros(tokens.shape, "bool")
    for d, document in enumerate(result):
        for s, sentence in enumerate(document):
            tokens[d, s, : len(sentence)] = sentence
            mask[d, s, : len(sentence)] = True
    return {"tokens": tokens, "mask": mask}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(x, weights, name):
    """Equations 1 to 4; the candidate's bias stands inside the reset gate, as Keras and cuDNN have it."""
    kernel, recurrent, bias = (weights[f"{name}/gru_cell/{k}"] for k in ("kernel", "recurrent_kernel", "bias"))
    h, out = np.zeros(recurrent.shape[0]), []
    for vector in x:
        z, r, n = np.split(vector @ kernel + bias[0], 3)
        z_h, r_h, n_h = np.split(h @ recurrent + bias[1], 3)
        update = sigmoid(z + z_h)
        h = update * h + (1 - update) * np.tanh(n + sigmoid(r + r_h) * n_h)
        out.append(h)
    return np.array(out)


def level(x, weights, name):
    forward = gru(x, weights, f"{name}/both/forward_gru")
    backward = gru(x[::-1], weights, f"{name}/both/backward_gru")[::-1]
    h = np.concatenate([forward, backward], axis=-1)
    u = np.tanh(h @ weights[f"{name}/pool/project/kernel"] + weights[f"{name}/pool/project/bias"])
    scores = np.exp(u @ weights[f"{name}/pool/context"])
    return (scores / scores.sum()) @ h, scores / scores.sum()


def test_equals_loops_over_the_equations():
    _, model = made()
    weights = {v.path: ops.convert_to_numpy(v.value).astype("float64") for v in model.weights}
    result, sentence_weights, word_weights = map(ops.convert_to_numpy, model.attend(grid(documents(), 4, 7)))
    for d, document in enumerate(documents()):
        read = [level(weights[f"{ROOT}/embed/embeddings"][s], weights, f"{ROOT}/words") for s in document]
        expected, attention = level(np.array([vector for vector, _ in read]), weights, f"{ROOT}/sentences")
        np.testing.assert_allclose(result[d], expected, atol=1e-5)
        np.testing.assert_allclose(sentence_weights[d, : len(document)], attention, atol=1e-5)
        assert (sentence_weights[d, len(document) :] == 0).all()
        for s, (_, attention) in enumerate(read):
            np.testing.assert_allclose(word_weights[d, s, : len(attention)], attention, atol=1e-5)
            assert (word_weights[d, s, len(attention) :] == 0).all()


@pytest.mark.parametrize(("sentences", "words", "padding"), [(3, 6, 7), (5, 6, 0), (3, 9, 10)])
def test_padding_and_what_stands_there_change_nothing(sentences, words, padding):
    _, model = made()
    expected = ops.convert_to_numpy(model(grid(documents(), 3, 6)))
    result = ops.convert_to_numpy(model(grid(documents(), sentences, words, padding)))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_order_of_the_batch_changes_nothing():
    _, model = made()
    inputs = grid(documents(), 3, 6)
    flipped = {name: value[::-1] for name, value in inputs.items()}
    result, expected = (ops.convert_to_numpy(model(x)) for x in (flipped, inputs))
    np.testing.assert_allclose(result[::-1], expected, atol=1e-5)


def test_every_weight_changes_in_training():
    _, model = made()
    before = values(model)
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    model.train_on_batch(grid(documents(), 3, 6), np.random.default_rng(1).normal(size=(2, 10)))
    after = values(model)
    assert all(np.abs(after[path] - before[path]).max() > 0 for path in before)


def test_saved_and_loaded_weights_give_the_same_bits(tmp_path):
    _, model = made()
    kept = {v.path: ops.convert_to_numpy(v.value) for v in model.weights if "seed_generator" not in v.path}
    write_tensors(tmp_path / "model.safetensors", kept, dtype="float32")
    _, other = made()
    for v in other.weights:
        if v.path in kept:
            v.assign(np.zeros(v.shape, "float32"))
    read = load_file(tmp_path / "model.safetensors")
    for v in other.weights:
        if v.path in kept:
            v.assign(read.pop(v.path))
    assert read == {}
    inputs = grid(documents(), 3, 6)
    np.testing.assert_array_equal(*(ops.convert_to_numpy(m(inputs)) for m in (model, other)))


def test_the_defaults_are_the_papers():
    config = ARCHITECTURE.config(vocab_size=100)
    assert (config.embedding_dim, config.units, config.hidden_dim) == (200, 50, 100)


def test_configs_refuse_what_cannot_be():
    for fields in ({}, {"vocab_size": 0}, {"vocab_size": 3, "dropout": 1}, {"vocab_size": 3, "units": 0}):
        with pytest.raises(InputError):
            ARCHITECTURE.configure("tiny", **fields)


def test_a_document_of_one_word_warns_of_nothing():
    _, model = made()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras's: a softmax over one step
        result = ops.convert_to_numpy(model(grid([[np.array([3], "int32")]], 1, 1)))
    assert np.isfinite(result).all()
