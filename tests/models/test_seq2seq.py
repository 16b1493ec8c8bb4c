"""What must hold for every sequence-to-sequence architecture, at its tiny size."""

import functools

import keras
import numpy as np
import pytest
from keras import ops, tree

from zoo.errors import InputError
from zoo.models import registry

SYMBOLS = 11
VARIANTS = {
    "rnn": ("rnn", {}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru-luong": ("gru", {"attention": "luong"}),
    "gru-gnmt": ("gru", {"attention": "gnmt", "decoder_layers": 2}),
    "lstm-gnmt": ("lstm", {"attention": "gnmt", "decoder_layers": 3}),
    "lstm-luong-deep": ("lstm", {"attention": "luong", "encoder_layers": 2, "decoder_layers": 2}),
    "tcn": ("tcn", {}),
    "tcn-deep": ("tcn", {"decoder_layers": 2, "kernel_size": 5}),
    "pervasive_attention": ("pervasive_attention", {}),
    "pervasive_attention-5": ("pervasive_attention", {"kernel_size": 5}),
    "transformer": ("transformer", {}),
    "transformer-2017": ("transformer", {"norm_first": False, "decoder_layers": 2}),
    "transformer-relative": ("transformer", {"relative": 2}),
}
TIED = {
    "gru-tied": ("gru", {}),
    "lstm-luong-tied": ("lstm", {"attention": "luong", "embedding_dim": 12}),
    "rnn-gnmt-tied": ("rnn", {"attention": "gnmt", "decoder_layers": 2, "embedding_dim": 12}),
    "tcn-tied": ("tcn", {}),
    "pervasive_attention-tied": ("pervasive_attention", {}),
    "transformer-tied": ("transformer", {}),
}
VARIANTS |= {variant: (name, {**fields, "tie_embeddings": True}) for variant, (name, fields) in TIED.items()}


def build(variant: str):
    name, fields = VARIANTS[variant]
    architecture = registry.find_seq2seq(name)
    keras.utils.set_random_seed(3)
    written = SYMBOLS if "tie_embeddings" in fields else SYMBOLS + 2
    return architecture.build(
        architecture.configure("tiny", source_vocab_size=SYMBOLS, target_vocab_size=written, **fields)
    )


@functools.cache
def shared(variant: str):
    return build(variant)


@pytest.fixture(params=VARIANTS)
def variant(request) -> str:
    return request.param


@pytest.fixture
def model(variant):
    return shared(variant)


def example(rows: int = 3, read: int = 5, written: int = 4) -> dict:
    generator = np.random.default_rng(0)
    source = generator.integers(3, SYMBOLS, (rows, read)).astype("int32")
    source[1, 3:] = 0
    target = generator.integers(3, SYMBOLS, (rows, written)).astype("int32")
    target[:, 0] = 1
    return {"source": source, "source_mask": source > 0, "target": target}


def logits(model, inputs) -> np.ndarray:
    return ops.convert_to_numpy(model(inputs))


def test_padding_the_source_changes_nothing(model):
    inputs = example()
    padded = {
        "source": np.pad(inputs["source"], ((0, 0), (0, 3))),
        "source_mask": np.pad(inputs["source_mask"], ((0, 0), (0, 3))),
        "target": inputs["target"],
    }
    np.testing.assert_allclose(logits(model, padded), logits(model, inputs), atol=1e-5)


def test_what_stands_under_the_mask_changes_nothing(model):
    inputs = example()
    source = np.where(inputs["source_mask"], inputs["source"], 7).astype("int32")
    np.testing.assert_allclose(logits(model, {**inputs, "source": source}), logits(model, inputs), atol=1e-5)


def test_order_of_the_batch_changes_nothing(model):
    inputs = example()
    flipped = {name: value[::-1] for name, value in inputs.items()}
    np.testing.assert_allclose(logits(model, flipped)[::-1], logits(model, inputs), atol=1e-5)


def test_no_output_sees_later_symbols_of_the_target(model):
    inputs = example()
    changed = inputs["target"].copy()
    changed[:, 2] = np.where(changed[:, 2] == 5, 6, 5)
    before, after = logits(model, inputs), logits(model, {**inputs, "target": changed})
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    assert np.abs(after[:, 2:] - before[:, 2:]).max() > 1e-4


def test_every_output_sees_every_real_symbol_of_the_source(model):
    inputs = example()
    before = logits(model, inputs)
    for position in range(3):
        changed = inputs["source"].copy()
        changed[:, position] = np.where(changed[:, position] == 5, 6, 5)
        assert (np.abs(logits(model, {**inputs, "source": changed}) - before).max(axis=-1) > 0).all()


@pytest.mark.parametrize("rows", [1, 3])
def test_step_by_step_equals_the_whole_sequence(model, rows):
    inputs = {name: value[:rows] for name, value in example().items()}
    whole, weights = (ops.convert_to_numpy(x) for x in model.align(inputs))
    memory = model.encode(inputs["source"], inputs["source_mask"])
    state = model.initial_state(memory)
    for t in range(inputs["target"].shape[1]):
        out, read, state = model.step(ops.convert_to_tensor(inputs["target"][:, t]), state, memory)
        np.testing.assert_allclose(ops.convert_to_numpy(out), whole[:, t], atol=1e-5)
        np.testing.assert_allclose(ops.convert_to_numpy(read), weights[:, t], atol=1e-5)
    assert all(x.shape[0] == rows for x in tree.flatten(state))


def test_attention_weights_sum_to_one_and_skip_padding(model):
    weights = ops.convert_to_numpy(model.align(example())[1])
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert weights[1, :, 3:].max() < 1e-6


def test_every_weight_changes_in_training(variant):
    model = build(variant)
    factor = 2 if variant.startswith("tcn") else 3  # with more the softmax of every query is one key's alone
    for variable in model.trainable_variables:  # so that no gradient is lost in rounding
        variable.assign(factor * ops.convert_to_numpy(variable.value))
    before = {v.path: ops.convert_to_numpy(v.value) for v in model.trainable_variables}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss)
    inputs = example(rows=8)
    answers = np.random.default_rng(1).integers(0, SYMBOLS, inputs["target"].shape)
    model.train_on_batch(inputs, answers)
    for variable in model.trainable_variables:
        moved = np.abs(ops.convert_to_numpy(variable.value) - before[variable.path]).max()
        # A softmax is the same when all its scores move together: a key's bias has no gradient.
        if not variable.path.endswith("attention_key/bias"):
            assert moved > 0, variable.path


def test_paths_are_the_same_each_time_and_differ_from_each_other(variant):
    first, second = ([v.path for v in build(variant).weights] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("variant", TIED)
def test_tied_models_have_one_embedding(variant):
    tied = build(variant)
    assert sum(SYMBOLS in weight.shape and len(weight.shape) == 2 for weight in tied.weights) == 1
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tied)).count_params() == (
        tied.count_params()
    )
    name, fields = VARIANTS[variant]
    with pytest.raises(InputError, match="tie_embeddings needs one vocabulary"):
        registry.find_seq2seq(name).configure("tiny", source_vocab_size=9, target_vocab_size=8, **fields)
