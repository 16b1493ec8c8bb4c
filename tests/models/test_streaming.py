"""Streams: step by step the same as the whole sequence, for every causal architecture, and a state that can be kept."""

import functools

import keras
import numpy as np
import pytest
from keras import ops, tree
from safetensors.numpy import load_file, save_file

from zoo.errors import InputError
from zoo.models import registry
from zoo.models.heads import NextStepModel
from zoo.models.streaming import CHUNK

SYMBOLS, FEATURES, TIME, OUTPUTS = 11, 3, 40, 5
VARIANTS = {name: (name, {}) for name in registry.ARCHITECTURES} | {
    "lstm-residual": ("lstm", {"residual": True}),
    "gru-residual": ("gru", {"residual": True}),
    "tcn-norm": ("tcn", {"norm": True}),
    "windows-with-gate": ("hierarchical_attention", {"gate": 0.3}),
    "learned-positions": ("transformer", {"positions": "learned", "context": TIME}),
}


@functools.cache
def predictor(variant: str, tokens: bool = True):
    name, fields = VARIANTS[variant]
    architecture = registry.find_backbone(name)
    keras.utils.set_random_seed(3)
    config = architecture.configure("tiny", **fields, **({"vocab_size": SYMBOLS} if tokens else {"features": FEATURES}))
    model = NextStepModel(architecture.build(config), OUTPUTS, dropout=0.0)
    model.build_variables()
    return model


def inputs(rows: int, tokens: bool = True, time: int = TIME) -> dict:
    random = np.random.default_rng(rows)
    if tokens:
        return {"tokens": random.integers(0, SYMBOLS, (rows, time)).astype("int32")}
    return {"features": random.normal(size=(rows, time, FEATURES)).astype("float32")}


def whole(model, given: dict) -> np.ndarray:
    return ops.convert_to_numpy(model(given))


def stepped(stream, sequence: np.ndarray) -> np.ndarray:
    return np.stack([stream.step(sequence[:, t]) for t in range(sequence.shape[1])], axis=1)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stream_gives_what_the_whole_sequence_gives(variant, rows):
    model, given = predictor(variant), inputs(rows)
    stream = model.stream(rows)
    sizes = [x.shape for x in tree.flatten(stream.state)]
    np.testing.assert_allclose(stepped(stream, given["tokens"]), whole(model, given), atol=1e-5)
    # What is kept does not grow, and so neither does the cost of a step.
    assert [x.shape for x in tree.flatten(stream.state)] == sizes
    assert all(shape[0] == rows for shape in sizes)
    assert stream.steps.tolist() == [TIME] * rows


@pytest.mark.parametrize("variant", VARIANTS)
def test_streams_of_features(variant):
    model, given = predictor(variant, tokens=False), inputs(2, tokens=False)
    np.testing.assert_allclose(stepped(model.stream(2), given["features"]), whole(model, given), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_backbone_has_streams_of_its_own(variant):
    backbone, given = predictor(variant).backbone, inputs(2, time=6)
    np.testing.assert_allclose(stepped(backbone.stream(2), given["tokens"]), whole(backbone, given), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_several_steps_are_read_as_one_after_the_other(variant):
    model, tokens = predictor(variant), inputs(2, time=33)["tokens"]
    stream = model.stream(2)
    result = [stream.prefill(tokens[:, :8])]
    stream.reset([1])  # from here on each row is at another place of windows and rings
    result += [stream.prefill(tokens[:, 8:24]), stream.step(tokens[:, 24])[:, None], stream.prefill(tokens[:, 25:])]
    result = np.concatenate(result, axis=1)
    np.testing.assert_allclose(result[:1], whole(model, {"tokens": tokens[:1]}), atol=1e-5)
    np.testing.assert_allclose(result[1:, :8], whole(model, {"tokens": tokens[1:, :8]}), atol=1e-5)
    np.testing.assert_allclose(result[1:, 8:], whole(model, {"tokens": tokens[1:, 8:]}), atol=1e-5)
    assert stream.steps.tolist() == [33, 25]
    # What is kept is what single steps keep.
    single = model.stream(2)
    stepped(single, tokens[:, :8])
    single.reset([1])
    stepped(single, tokens[:, 8:])
    for name, array in single.arrays().items():
        np.testing.assert_allclose(stream.arrays()[name], array, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("variant", ["lstm", "transformer"])
def test_a_reading_may_be_of_features_and_longer_than_a_chunk_or_a_ring(variant):
    model, given = predictor(variant, tokens=False), inputs(2, tokens=False, time=CHUNK + 9)
    np.testing.assert_allclose(model.stream(2).prefill(given["features"]), whole(model, given), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_state_survives_safetensors(variant, tmp_path):
    model, tokens = predictor(variant), inputs(2)["tokens"]
    first = model.stream(2)
    stepped(first, tokens[:, :20])
    save_file(first.arrays(), tmp_path / "state.safetensors")
    expected = stepped(first, tokens[:, 20:30])
    second = model.stream(2)
    second.restore(load_file(tmp_path / "state.safetensors"))
    assert second.steps.tolist() == [20, 20]
    np.testing.assert_array_equal(stepped(second, tokens[:, 20:30]), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_row_begins_anew_and_the_others_go_on(variant):
    model, tokens = predictor(variant), inputs(3)["tokens"]
    stream = model.stream(3)
    stepped(stream, tokens[:, :17])
    stream.reset([1])
    assert stream.steps.tolist() == [17, 0, 17]
    result = stepped(stream, tokens[:, 17:])
    expected = whole(model, {"tokens": tokens})[:, 17:]
    anew = whole(model, {"tokens": tokens[1:2, 17:]})
    np.testing.assert_allclose(result[[0, 2]], expected[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(result[1:2], anew, atol=1e-5)
    stream.reset()
    np.testing.assert_allclose(stepped(stream, tokens[:, :5]), whole(model, {"tokens": tokens})[:, :5], atol=1e-5)


def test_streams_of_one_model_share_a_program_and_no_state():
    model, tokens = predictor("gru"), inputs(2)["tokens"]
    first, second = model.stream(2), model.stream(2)
    assert first._step is second._step
    stepped(first, tokens[:, :9])
    np.testing.assert_allclose(stepped(second, tokens), whole(model, {"tokens": tokens}), atol=1e-5)


@pytest.mark.parametrize("variant", ["lstm", "tcn", "transformer"])
def test_a_stream_has_the_weights_of_now_and_not_those_it_was_compiled_with(variant):
    model, given = predictor(variant), inputs(2)
    before = model.get_weights()
    stream = model.stream(2)
    first = stream.prefill(given["tokens"])
    try:
        model.set_weights([0.8 * values for values in before])
        stream.reset()
        after = stream.prefill(given["tokens"])
        np.testing.assert_allclose(after, whole(model, given), atol=1e-5)
        assert np.abs(after - first).max() > 1e-3
    finally:
        model.set_weights(before)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3, "int32"), r"a step of shape \(3,\): this stream takes token ids \(2,\)"),
        (np.zeros((2, 1), "int32"), r"shape \(2, 1\)"),
        (np.int32(1), r"shape \(\)"),
        (np.zeros(2), "float64: give token ids"),
        ([0, SYMBOLS], f"token id {SYMBOLS}: give 0 to {SYMBOLS - 1}"),
        ([-1, 0], "token id -1"),
    ],
)
def test_a_step_that_does_not_fit_is_named_and_changes_nothing(x, message):
    stream = predictor("lstm").stream(2)
    stream.step([1, 2])
    before = stream.arrays()
    with pytest.raises(InputError, match=message):
        stream.step(x)
    for name, value in stream.arrays().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 4), "int32"), r"steps of shape \(3, 4\): this stream takes token ids \(2, time\)"),
        (np.zeros((2, 0), "int32"), r"steps of shape \(2, 0\)"),
        (np.zeros(2, "int32"), r"steps of shape \(2,\)"),
        (np.zeros((2, 4, 1), "int32"), r"steps of shape \(2, 4, 1\)"),
        ([[0, 1], [2, SYMBOLS]], f"token id {SYMBOLS}: give 0 to {SYMBOLS - 1}"),
    ],
)
def test_steps_that_do_not_fit_are_named_and_none_is_read(x, message):
    stream = predictor("lstm").stream(2)
    with pytest.raises(InputError, match=message):
        stream.prefill(x)
    assert stream.steps.tolist() == [0, 0]
    for name, value in stream.arrays().items():
        np.testing.assert_array_equal(value, predictor("lstm").stream(2).arrays()[name])


def test_features_that_do_not_fit_are_named():
    stream = predictor("tcn", tokens=False).stream(2)
    with pytest.raises(InputError, match=r"takes features \(2, 3\)"):
        stream.step(np.zeros((2, 4)))
    with pytest.raises(InputError, match="give numbers"):
        stream.step(np.full((2, 3), "a"))
    with pytest.raises(InputError, match="not finite"):
        stream.step(np.full((2, 3), np.inf))
    with pytest.raises(InputError, match=r"steps of shape \(2, 3\): this stream takes features \(2, time, 3\)"):
        stream.prefill(np.zeros((2, 3)))
    assert stream.steps.tolist() == [0, 0]


def test_learned_positions_end_and_a_row_that_is_reset_goes_on():
    architecture = registry.find_backbone("transformer")
    config = architecture.configure("tiny", vocab_size=SYMBOLS, positions="learned", context=4)
    stream = architecture.build(config).stream(2)
    stepped(stream, inputs(2, time=2)["tokens"])
    stream.reset([0])
    stepped(stream, inputs(2, time=2)["tokens"])
    with pytest.raises(InputError, match="learned positions end at 4"):
        stream.prefill(np.ones((2, 1), "int32"))
    with pytest.raises(InputError, match="row 1 has taken 4 steps, and the model's learned positions end at 4"):
        stream.step([1, 1])
    stream.reset([1])
    assert np.isfinite(stream.step([1, 1])).all()


def test_states_of_others_are_refused():
    stream = predictor("gru").stream(2)
    arrays = stream.arrays()
    for changed, message in (
        ({k: v for k, v in arrays.items() if k != "steps"}, "steps: missing"),
        ({**arrays, "more": np.zeros(1)}, "more: unknown"),
        (predictor("gru").stream(3).arrays(), r"state/0 is float32 \(3, 16\), not float32 \(2, 16\)"),
        ({**arrays, "steps": arrays["steps"].astype("int32")}, "steps is int32"),
    ):
        with pytest.raises(InputError, match=message):
            stream.restore(changed)


@pytest.mark.parametrize("rows", [[2], [-1]])
def test_rows_that_there_are_not_are_refused(rows):
    with pytest.raises(InputError, match="give numbers from 0 to 1"):
        predictor("gru").stream(2).reset(rows)


def test_streams_need_a_causal_model_and_rows():
    architecture = registry.find_backbone("lstm")
    both = architecture.build(architecture.configure("tiny", vocab_size=SYMBOLS, bidirectional=True))
    with pytest.raises(InputError, match="not causal: .* in one direction"):
        both.stream(1)
    with pytest.raises(InputError, match="0 rows: give at least 1"):
        predictor("gru").stream(0)
