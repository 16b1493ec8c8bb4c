"""What fine-tuning does beyond training: schedules, rates by layer, freezing, low-rank updates."""

import dataclasses
import math
import os
import signal

import keras
import numpy as np
import pytest
from samples import reviews
from spelling import spelled
from spelling import untrained as speller

from zoo.fitting.setup import fresh, make_trainer
from zoo.models import registry
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig
from zoo.training.interruption import Interrupted
from zoo.training.layer_groups import LayerGroups, hidden_matrices, layer_groups
from zoo.training.lora import LowRank
from zoo.training.optimizers import make_optimizer, orthogonalised
from zoo.training.schedules import RATIO, Rising, SlantedTriangular

CLASSIFICATION = find_task("classification")
FAMILIES = (*registry.ARCHITECTURES, *registry.DOCUMENT)
TRAINING_CONFIG = TrainingConfig(
    epochs=5, batch_size=16, learning_rate=0.01, ema_decay=0.9, save_seconds=1e9, schedule="slanted_triangular"
)


def classifier(family: str = "gru", **fields):
    return fresh(CLASSIFICATION, family, "tiny", reviews(), seed=1, **fields)


def weights(model) -> dict[str, np.ndarray]:
    return {v.path: keras.ops.convert_to_numpy(v) for v in model.weights}


def test_the_slanted_triangle_is_that_of_the_paper():
    total, cut = 200, 20
    rates = SlantedTriangular(0.01, cut, total)
    for t in range(total):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (total / cut - 1))  # equation 3, cut_frac = cut / total
        expected = 0.01 * (1 + p * (RATIO - 1)) / RATIO
        assert float(rates(t)) == pytest.approx(expected, rel=1e-5), t
    rising = Rising(1e-5, 1.0, 6)
    assert [float(rising(t)) for t in range(6)] == pytest.approx([10.0**power for power in range(-5, 1)], rel=1e-4)


def adamw_of_numpy(values, gradients, factors, training_config, rate, steps):
    """Loshchilov & Hutter's algorithm 2, the gradient clipped by its whole norm; decay on matrices alone."""
    values = [value.astype("float64") for value in values]
    first, second = ([np.zeros_like(value) for value in values] for _ in range(2))
    averages = values
    for step in range(1, steps + 1):
        norm = math.sqrt(sum(float((g.astype("float64") ** 2).sum()) for g in gradients))
        for i, factor in enumerate(factors):
            gradient = gradients[i] * min(1.0, training_config.clip_norm / norm)
            if values[i].ndim > 1:
                values[i] = values[i] * (1 - training_config.weight_decay * rate * factor)
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.98 * second[i] + 0.02 * gradient**2
            alpha = rate * factor * math.sqrt(1 - 0.98**step) / (1 - 0.9**step)
            values[i] = values[i] - alpha * first[i] / (np.sqrt(second[i]) + 1e-7)
        keep = training_config.ema_decay if step > 1 else 0.0
        averages = [keep * a + (1 - keep) * v for a, v in zip(averages, values, strict=True)]
    return values, averages


def test_each_group_steps_by_its_own_rate_as_in_plain_numpy():
    generator = np.random.default_rng(0)
    shapes = [("kernel", (3, 4)), ("bias", (4,)), ("kernel", (4, 2)), ("bias", (2,))]
    drawn = [generator.normal(size=shape).astype("float32") for _, shape in shapes]
    gradients = [generator.normal(size=shape).astype("float32") for _, shape in shapes]
    factors = [1 / 2.6, 1 / 2.6, 1.0, 1.0]
    training_config = TrainingConfig(learning_rate=0.1, weight_decay=0.1, clip_norm=0.5, ema_decay=0.7)
    variables = [keras.Variable(value, name=name) for value, (name, _) in zip(drawn, shapes, strict=True)]
    optimizer = make_optimizer(training_config, Rising(0.1, 0.1, 5), factors)
    optimizer.build(variables)
    for _ in range(3):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    expected, averages = adamw_of_numpy(drawn, gradients, factors, training_config, 0.1, 3)
    for i, variable in enumerate(variables):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected[i], atol=1e-5)
        result = keras.ops.convert_to_numpy(optimizer._model_variables_moving_average[i])
        np.testing.assert_allclose(result, averages[i], atol=1e-5)


def newton_schulz_of_numpy(matrix):
    """Jordan et al. 2024's listing, for one matrix that may be tall."""
    x = matrix.astype("float64")
    x = x.T if x.shape[0] > x.shape[1] else x
    x = x / np.linalg.norm(x)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def test_a_matrix_is_made_about_orthogonal():
    drawn = np.random.default_rng(0).normal(size=(3, 16, 40)).astype("float32")
    result = keras.ops.convert_to_numpy(orthogonalised(keras.ops.convert_to_tensor(drawn)))
    for one, matrix in zip(result, drawn, strict=True):
        np.testing.assert_allclose(one, newton_schulz_of_numpy(matrix), atol=1e-5)
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        assert 0.6 < np.linalg.svd(one, compute_uv=False).min() < np.linalg.svd(one, compute_uv=False).max() < 1.3
        assert np.abs(one - left @ right).max() < 0.2


def test_muon_moves_hidden_matrices_as_in_plain_numpy_and_all_else_as_adamw():
    generator = np.random.default_rng(0)
    # A tall kernel, keys and values side by side, a convolution, a head, an embedding and a bias.
    shapes, matrices = [(6, 4), (4, 8), (2, 3, 4), (4, 2), (3, 4), (4,)], [1, 2, 1, 0, 0, 0]
    names = ["kernel"] * 5 + ["bias"]
    drawn = [generator.normal(size=shape).astype("float32") for shape in shapes]
    factors = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    training_config = TrainingConfig(
        optimizer="muon", learning_rate=0.1, weight_decay=0.1, clip_norm=1e9, ema_decay=0.7
    )
    variables = [keras.Variable(value, name=name) for value, name in zip(drawn, names, strict=True)]
    optimizer = make_optimizer(training_config, Rising(0.1, 0.1, 5), factors, matrices)
    optimizer.build(variables)
    gradients = [[generator.normal(size=value.shape).astype("float32") for value in drawn] for _ in range(2)]
    for each in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in each], variables)
    result = [keras.ops.convert_to_numpy(variable) for variable in variables]

    for i, count in ((0, 1), (1, 2), (2, 1)):
        value = drawn[i].astype("float64").reshape(-1, drawn[i].shape[-1])
        momentum = np.zeros_like(value)
        for each in gradients:
            gradient = each[i].reshape(value.shape)
            momentum = 0.95 * momentum + 0.05 * gradient
            pieces = np.split(0.95 * momentum + 0.05 * gradient, count, axis=1)
            update = np.concatenate([newton_schulz_of_numpy(piece) for piece in pieces], axis=1)
            size = 0.2 * math.sqrt(max(pieces[0].shape))  # Liu et al. 2025, equation 4
            value = value * (1 - 0.1 * 0.1 * factors[i]) - 0.1 * factors[i] * size * update
        np.testing.assert_allclose(result[i].reshape(value.shape), value, atol=1e-5)

    rest = [keras.Variable(value, name=name) for value, name in list(zip(drawn, names, strict=True))[3:]]
    adamw = make_optimizer(dataclasses.replace(training_config, optimizer="adamw"), Rising(0.1, 0.1, 5), factors[3:])
    adamw.build(rest)
    for each in gradients:
        adamw.apply([keras.ops.convert_to_tensor(g) for g in each[3:]], rest)
    for one, variable in zip(result[3:], rest, strict=True):
        np.testing.assert_allclose(one, keras.ops.convert_to_numpy(variable), atol=1e-6)

    with pytest.raises(ValueError, match="2 factors but 1 numbers of matrices"):
        make_optimizer(training_config, Rising(0.1, 0.1, 5), [1.0, 1.0], [1])


@pytest.mark.parametrize("family", FAMILIES)
def test_groups_hold_every_weight_once_from_the_embeddings_to_the_head(family):
    model = classifier(family).model
    groups = layer_groups(model)
    result = [v.path for group in groups.groups for layer in group for v in layer.weights]
    assert sorted(result) == sorted(v.path for v in model.weights) and len(groups) >= 3
    lowest, top = groups.groups[0][0].weights[0], model.head.kernel
    assert groups.factor(top, 2.6) == 1.0
    assert groups.factor(lowest, 2.6) == pytest.approx(2.6 ** (1 - len(groups)))


@pytest.mark.parametrize("family", registry.SEQ2SEQ)
def test_a_model_that_writes_has_four_groups(family):
    model = fresh(find_task("sequence_to_sequence"), family, "tiny", spelled(), seed=1).model
    new = next(v.path for v in model.weights if v.path.startswith("source_embed/"))
    groups = layer_groups(model, {new})
    result = [v.path for group in groups.groups for layer in group for v in layer.weights]
    assert sorted(result) == sorted(v.path for v in model.weights) and len(groups) == 4
    groups.freeze_below(3)
    assert {v.path.split("/")[0] for v in model.trainable_variables} == {"source_embed", "logits"}


@pytest.mark.parametrize("family", registry.SEQ2SEQ)
def test_hidden_matrices_are_those_between_embeddings_and_output_layer(family):
    model = fresh(find_task("sequence_to_sequence"), family, "tiny", spelled(), seed=1).model
    result = hidden_matrices(model)
    outer = ("source_embed", "target_embed", "logits")
    hidden = [v for v in model.weights if v.path.split("/")[0] not in outer]
    matrices = {v.path for v in hidden if len(v.shape) == 2 and v.name in ("kernel", "recurrent_kernel")}
    assert set(result) == matrices | {v.path for v in hidden if len(v.shape) == 3 and v.name in ("kernel", "direction")}
    gates = {"lstm_cell": 4, "gru_cell": 3, "key_value": 2}
    for path, count in result.items():
        assert count == next((n for part, n in gates.items() if f"/{part}/" in path), 1), path


def test_a_classifiers_head_and_embedding_are_no_hidden_matrices():
    result = hidden_matrices(classifier("lstm").model)
    assert set(result.values()) == {4} and not any("head" in path or "embed" in path for path in result)


def test_kernels_of_convolutions_are_matrices_but_those_of_depthwise_ones_are_not():
    config = {"vocab_size": 9, "norm": True}
    model = registry.find_backbone("tcn").build(registry.find_backbone("tcn").configure("tiny", **config))
    kernels = {v.path for v in model.weights if v.name == "direction"}
    assert len(kernels) == 6 and kernels <= set(hidden_matrices(model))
    rg_lru = registry.find_backbone("rg_lru")
    model = rg_lru.build(rg_lru.configure("tiny", vocab_size=9))
    assert any("convolution/kernel" in v.path for v in model.weights)
    assert not any("convolution" in path for path in hidden_matrices(model))


def test_unfreezing_goes_down_a_group_an_epoch_and_what_is_frozen_stays():
    pipeline = classifier()
    groups = layer_groups(pipeline.model)
    made = make_trainer(
        pipeline,
        reviews(),
        reviews(),
        dataclasses.replace(TRAINING_CONFIG, gradual_unfreezing=True, layer_lr_decay=2.6),
    )
    assert len(groups) == 4
    seen = [weights(pipeline.model)]
    made.on_epoch = lambda row: seen.append(weights(pipeline.model))
    trained = []
    made.on_step = lambda step, total, loss: trained.append(len(pipeline.model.trainable_variables))
    made.run()
    place = {v.path: i for i, group in enumerate(groups.groups) for layer in group for v in layer.weights}
    for epoch in range(4):
        changed = {place[path] for path in place if not np.array_equal(seen[epoch][path], seen[epoch + 1][path])}
        assert changed == set(range(3 - epoch, 4)), epoch
    # A frozen weight has no gradient and no state in the optimizer: the step is that of the others alone.
    sizes = [len([p for p in place if place[p] >= 3 - min(epoch, 3)]) for epoch in range(5)]
    assert trained == [size for size in sizes for _ in range(made.train.per_epoch)]
    assert all(v.trainable for v in pipeline.model.weights)


@pytest.mark.parametrize(
    ("change", "cuts"),
    [
        ({"gradual_unfreezing": True, "layer_lr_decay": 2.6}, (3, 4)),  # at the end of a stage, in the next
        ({"lora_rank": 2, "layer_lr_decay": 2.6}, (2,)),
    ],
    ids=["unfreezing", "low rank"],
)
def test_a_cut_run_goes_on_to_the_same_bits(tmp_path, change, cuts):
    training_config = dataclasses.replace(TRAINING_CONFIG, epochs=2, **change)

    def trainer(folder=None):
        pipeline = classifier(dropout=0.3)
        return pipeline, make_trainer(pipeline, reviews(64), reviews(64), training_config, folder, "go on")

    _, made = trainer(tmp_path / "straight")
    made.run()
    for cut in cuts:

        def interrupt(step, total, loss, cut=cut):
            if step == cut:
                os.kill(os.getpid(), signal.SIGINT)

        folder = tmp_path / str(cut)
        _, first = trainer(folder)
        first.on_step = interrupt
        with pytest.raises(Interrupted):
            first.run()
        keras.utils.set_random_seed(99)
        _, second = trainer(folder)
        assert second.load() and second.step == cut
        second.run()
        for path, value in weights(made.model).items():
            np.testing.assert_array_equal(weights(second.model)[path], value, err_msg=path)
    assert made.curve[-1]["loss"] == second.curve[-1]["loss"]


def batch(pipeline):
    inputs, answers, shares = next(
        iter(pipeline.task.batches(pipeline.preprocessor, reviews(), TRAINING_CONFIG).epoch(0))
    )
    return inputs, answers, shares


@pytest.mark.parametrize("family", FAMILIES)
def test_low_rank_updates_start_at_nothing_and_merge_into_the_same_outputs(family):
    pipeline = classifier(family)
    inputs, answers, shares = batch(pipeline)
    plain = keras.ops.convert_to_numpy(pipeline.model(inputs))
    before = weights(pipeline.model)
    model = LowRank(pipeline.model, 2, layer_groups(pipeline.model))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(inputs)), plain)
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss=CLASSIFICATION.loss(TRAINING_CONFIG))
    for _ in range(2):  # the first step moves only the second of the two matrices, for it is zero
        model.train_on_batch(inputs, answers, sample_weight=shares)
    after = weights(pipeline.model)
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {v.path for v in pipeline.model.head.weights}
    matrices = {path.replace("/", "-") for path in before if path.endswith(("kernel", "direction", "age"))}
    matrices -= {pipeline.model.head.kernel.path.replace("/", "-")}
    adapters = {v.path.split("/")[-1]: keras.ops.convert_to_numpy(v) for v in model.trainable_variables}
    assert {name.removesuffix("-up") for name in adapters if name.endswith("-up")} == matrices
    assert all(np.abs(value).max() > 0 for value in adapters.values())
    unmerged = keras.ops.convert_to_numpy(model(inputs))
    assert np.abs(unmerged - plain).max() > 1e-4
    with model.merged():
        within = keras.ops.convert_to_numpy(pipeline.model(inputs))
    assert all(np.array_equal(after[path], value) for path, value in weights(pipeline.model).items())
    model.merge()
    merged = keras.ops.convert_to_numpy(pipeline.model(inputs))
    np.testing.assert_array_equal(merged, within)
    np.testing.assert_allclose(merged, unmerged, atol=1e-6)
    assert all(v.trainable for v in pipeline.model.weights)


def test_without_groups_every_weight_has_the_same_rate():
    pipeline = speller(spelled())
    assert len(LayerGroups(pipeline.model)) == 1
    assert {LayerGroups(pipeline.model).factor(v, 2.6) for v in pipeline.model.weights} == {1.0}
