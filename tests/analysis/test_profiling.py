"""``zoo profile``: counts against counts by hand, and what the command says."""

import importlib
import json
import math

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import ops

from zoo.analysis import profiling
from zoo.analysis.costs import Cost, Work, cost, training
from zoo.analysis.profiling import Profile, Roofline, Row
from zoo.errors import InputError
from zoo.layers.convolution import Convolution
from zoo.layers.recurrence import GRU, LSTM, SimpleRNN
from zoo.models import registry
from zoo.models.heads import NextStepModel

main = importlib.import_module("zoo.cli.main").main
WHOLE, STEP = Work(batch=3, time=7), Work(batch=3, time=1, step=True)


def built(layer, features: int):
    layer.build((None, None, features))
    return layer


def test_a_dense_layer_by_hand():
    layer = built(keras.layers.Dense(5), 4)
    # 21 positions, 4 x 5 weights, a multiplication and an addition each; 20 weights, 84 values in, 105 out.
    assert cost(layer, WHOLE) == Cost(21 * 4 * 5 * 2, 4 * (20 + 84 + 105))
    assert cost(layer, STEP) == Cost(3 * 4 * 5 * 2, 4 * (20 + 12 + 15))


@pytest.mark.parametrize(("kind", "gates", "states"), [(SimpleRNN, 1, 1), (GRU, 3, 1), (LSTM, 4, 2)])
def test_recurrent_layers_by_hand(kind, gates, states):
    layer = built(kind(5, return_sequences=True), 4)
    flops = gates * 2 * (4 * 5 + 5 * 5)
    assert cost(layer, WHOLE).flops == 21 * flops
    assert cost(layer, STEP).flops == 3 * flops
    # The recurrent weights are read seven times in a sequence of seven steps, those of the input once.
    inputs = gates * 20 + 21 * (4 + gates * 5)
    assert cost(layer, WHOLE).bytes == 4 * (inputs + 7 * (gates * 25 + 3 * (5 + gates * 5)))
    step = gates * 20 + 3 * (4 + gates * 5) + gates * 25 + 3 * (5 + gates * 5) + 2 * states * 3 * 5
    assert cost(layer, STEP).bytes == 4 * step


def test_an_lstm_does_eight_flops_for_four_weights():
    """Published: a step does 8 h (i + h) FLOPs over 4 h (i + h) weights, and so 2 a weight and row."""
    layer = built(LSTM(64), 64)
    for batch in (1, 32):
        assert cost(layer, Work(batch, 1, step=True)).flops == 2 * batch * (4 * 64 * (64 + 64))
    assert cost(layer, Work(1, 1, step=True)).intensity == pytest.approx(0.5, rel=0.05)


def test_convolutions_by_hand():
    layer = built(keras.layers.Conv1D(5, 3, padding="causal", dilation_rate=2), 4)
    assert cost(layer, WHOLE) == Cost(21 * 3 * 4 * 5 * 2, 4 * (60 + 84 + 105))
    ours = built(Convolution(4, 5, kernel_size=3, dilation=2, causal=True, name="c"), 4)
    assert cost(ours, WHOLE) == cost(layer, WHOLE)
    # A stream also moves on the four inputs that it keeps of each row.
    assert cost(ours, STEP) == Cost(3 * 3 * 4 * 5 * 2, 4 * (60 + 12 + 15 + 2 * 3 * 4 * 4))
    normed = built(Convolution(4, 5, kernel_size=3, dilation=2, causal=True, name="c", weight_norm=True), 4)
    assert cost(normed, WHOLE).bytes - cost(ours, WHOLE).bytes == 4 * 3 * 60
    assert cost(normed, STEP).bytes - cost(ours, STEP).bytes == 4 * 3 * 5  # a factor of each row's outputs


def test_bfloat16_is_timed_against_float32(monkeypatch):
    seconds = {"bfloat16": 6.0, "float32": 2.0}
    dtypes, matmul = [], ops.matmul

    def timed(run, repeats):
        run()
        return seconds[dtypes[-1]]

    def product(a, b):
        dtypes.append(keras.backend.standardize_dtype(a.dtype))
        return matmul(a, b)

    monkeypatch.setattr(profiling, "best", timed)
    monkeypatch.setattr(profiling.ops, "matmul", product)
    assert profiling.bfloat16_slowdown() == 3


def predictor(name: str, **fields):
    architecture = registry.find_backbone(name)
    config = architecture.configure("tiny", vocab_size=9, **fields)
    model = NextStepModel(architecture.build(config), 9, dropout=0.0)
    model.build_variables()
    return model


def test_attention_by_hand():
    model = predictor("transformer", num_layers=1, hidden_dim=8, num_heads=2, ffn_dim=12, context=5)
    dense = 4 * 8 * 8 + 8 * 12 + 12 * 8
    head = 8 * 9
    assert cost(model, WHOLE).flops == 2 * 21 * (dense + head) + 4 * 3 * 7 * 7 * 8
    assert cost(model, STEP).flops == 2 * 3 * (dense + head) + 6 * 3 * 5 * 8  # to the five places of the cache, twice


def test_windows_by_hand():
    model = predictor("hierarchical_attention", num_layers=1, hidden_dim=8, num_heads=2, ffn_dim=12, window=3, levels=2)
    vectors = 7 + 3  # seven steps, and a vector for each three of them
    dense = 7 * (2 * 8 * 8 + 2 * 8 * 12) + vectors * 2 * 8 * 8 + 7 * 8 * 9
    pooled = 7 * (8 * 8 + 8 + 8)
    assert cost(model, WHOLE).flops == 2 * 3 * (dense + pooled) + 4 * 3 * 7 * vectors * 8
    # A stream has another vector of the upper level at one step of three.
    dense = 2 * 8 * 8 + 2 * 8 * 12 + (1 + 1 / 3) * 2 * 8 * 8 + 8 * 9
    assert cost(model, STEP).flops == pytest.approx(2 * 3 * (dense + (8 * 8 + 8 + 8)) + 4 * 3 * 6 * 8)


def test_linear_recurrences_by_hand():
    """Products and convolutions count; decays, gates and sums work element by element."""
    fields = {"num_layers": 1, "hidden_dim": 8, "state_dim": 6}
    model = predictor("min_gru", **fields, ffn_dim=10, kernel_size=4)
    assert cost(model, WHOLE).flops == 2 * 21 * (4 * 8 + 8 * 12 + 6 * 8 + 2 * 8 * 10 + 8 * 9)
    assert cost(model, STEP).flops == 2 * 3 * (4 * 8 + 8 * 12 + 6 * 8 + 2 * 8 * 10 + 8 * 9)
    model = predictor("lru", **fields)  # two reals a complex unit, in and out
    assert cost(model, WHOLE).flops == 2 * 21 * (8 * 12 + 12 * 8 + 8 * 16 + 8 * 9)
    model = predictor("rg_lru", **fields, ffn_dim=10, kernel_size=1, num_heads=2)
    assert cost(model, WHOLE).flops == 2 * 21 * (3 * 8 * 6 + 2 * 6 * 3 + 3 * 8 * 10 + 8 * 9)


def test_training_is_three_times_the_forward_pass_and_the_update():
    model = predictor("gru")
    forward, step = cost(model, WHOLE), training(model, WHOLE)
    assert step.flops == 3 * forward.flops
    assert step.bytes == 3 * forward.bytes + 4 * 7 * model.count_params()


@pytest.mark.parametrize("name", registry.ARCHITECTURES)
def test_every_backbone_can_be_counted(name):
    model = predictor(name)
    whole, step = cost(model, Work(2, 16)), cost(model, Work(2, 1, step=True))
    assert step.flops > 0 and whole.flops > 0
    # Every product of the model's matrices is in the count: none has fewer FLOPs than two a weight, but those of
    # hierarchical attention's upper levels, which most steps do not use.
    embedding = 9 * model.backbone.hidden_dim
    vectors = sum(
        math.prod(v.shape)
        for v in model.trainable_variables
        if len(v.shape) < 2 or "age" in v.path or "pool_" in v.path
    )
    recurrent_biases = sum(math.prod(v.shape) for v in model.trainable_variables if v.path.endswith("cell/bias"))
    weights = model.count_params() - embedding - vectors - (recurrent_biases if name == "gru" else 0)
    assert step.flops >= 2 * 2 * weights
    double = cost(model, Work(4, 16))
    assert double.flops == 2 * whole.flops and whole.bytes < double.bytes < 2 * whole.bytes


def test_a_layer_without_a_rule_is_not_counted_as_nothing():
    with pytest.raises(NotImplementedError, match="EinsumDense"):
        cost(built(keras.layers.EinsumDense("abc,cd->abd", (None, 5)), 4), WHOLE)


def test_a_profile_has_every_way_to_run(monkeypatch):
    monkeypatch.setattr(profiling, "measure_roofline", lambda clock: Roofline(1e12, 1e11))
    result = profiling.profile("gru_tiny", steps=4, batches=(1, 2))
    assert [(row.mode, row.batch, row.steps) for row in result.rows] == [
        (mode, batch, steps)
        for batch in (1, 2)
        for mode, steps in (("inference", 4), ("training", 4), ("streaming", 1))
    ]
    for row in result.rows:
        assert row.achieved == pytest.approx(row.flops / row.seconds)
        assert row.fraction == pytest.approx(row.achieved / min(1e12, row.intensity * 1e11))
        assert row.throughput == pytest.approx(row.batch * row.steps / row.seconds)


def test_the_roofline_is_the_lower_of_two_limits():
    limits = Roofline(flops=100.0, bandwidth=10.0)
    assert [limits.attainable(x) for x in (1, 10, 50)] == [10, 100, 100]


def test_the_best_of_several_times_is_taken():
    now = iter([0, 1, 10, 10.5, 20, 23])
    assert profiling.best(lambda: None, clock=lambda: next(now), repeats=3) == 0.5


def test_measured_limits_are_those_of_a_machine():
    limits = profiling.measure_roofline()
    assert 1e8 < limits.flops < 1e15 and 1e8 < limits.bandwidth < 1e13


@pytest.fixture
def quick(monkeypatch):
    def profile(name, steps, batches):
        rows = [Row("streaming", n, 1, 2e6, 4e6, 0.5, 1e-3, 2e9, 0.4, 1000.0) for n in batches]
        rows.append(Row("training", batches[0], 256, 2e6, 4e6, 0.5, 1e-3, 2e9, 0.4, 1000.0, memory=12_300_000))
        return Profile(name, 1234, "jax", Roofline(1e11, 1e10), rows)

    monkeypatch.setattr(profiling, "profile", profile)


def test_the_command(quick, tmp_path):
    picture = tmp_path / "roofline.png"
    result = CliRunner().invoke(main, ["profile", "lstm_small", "--plot", str(picture)])
    assert result.exit_code == 0, result.output
    assert "1,234 parameters" in result.output and "40.0 %" in result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(CliRunner().invoke(main, ["profile", "lstm_small", "--json"]).stdout)
    assert found["rows"][0]["intensity"] == 0.5
    assert [row["batch"] for row in found["rows"]] == [1, 32, 1]
    result = CliRunner().invoke(main, ["profile", "lstm_small", "--batch", "128"])
    assert "memory of training, batch 128 of 256 steps: 12.3 MB" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lstm_huge"], "lstm_huge"),
        (["lstm_small", "--plot", "roofline.txt"], "unknown format: use .png"),
        (["lstm_small", "--steps", "0"], "steps"),
    ],
)
def test_bad_arguments_end_in_one_line(arguments, message):
    result = CliRunner().invoke(main, ["profile", *arguments])
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output


def test_what_cannot_be_profiled_is_named():
    with pytest.raises(InputError, match="only models that read a sequence by a backbone"):
        profiling.find("gru_small.cmudict")
    with pytest.raises(InputError, match="no architecture 'hierarchical_attention_network'"):
        profiling.find("hierarchical_attention_network_tiny")
    with pytest.raises(InputError, match="give at least 1"):
        profiling.profile("gru_tiny", steps=0)


def test_a_tagger_is_profiled_by_its_backbone_that_is_no_stream():
    model = profiling.find("gru_small.snips")
    assert not profiling.causal(model)
    assert ops.convert_to_numpy(model({"tokens": np.ones((1, 3), "int32")})).shape == (1, 3, model.hidden_dim)
