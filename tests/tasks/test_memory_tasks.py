"""The adding problem and copy memory as tasks: what is asked, how it is scored, and that models learn it."""

import math

import numpy as np
import pytest
from keras import ops

from zoo import datasets
from zoo.data.examples import Examples
from zoo.datasets.adding import adding
from zoo.datasets.copy_memory import copy_memory
from zoo.errors import InputError, WeightsError
from zoo.evaluation.measure import evaluate
from zoo.fitting.setup import fresh, make_trainer
from zoo.loading import load
from zoo.models import registry
from zoo.preprocessing.arrays import IdsPreprocessor, NumbersPreprocessor
from zoo.recipes.recipes import RECIPES
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig

LENGTH, BLANK = 12, 6


def sums(count: int, seed: int = 0, length: int = LENGTH) -> Examples:
    inputs, targets = adding.draw(np.random.default_rng(seed), count, length)
    return Examples(list(inputs), list(targets), [f"made:{i + 1}" for i in range(count)])


def copies(count: int, seed: int = 0) -> Examples:
    inputs, targets = copy_memory.draw(np.random.default_rng(seed), count, BLANK)
    return Examples(list(inputs), list(targets), [f"made:{i + 1}" for i in range(count)])


MADE = {"regression": sums, "copying": copies}


def pipeline(task: str, architecture: str = "gru"):
    return fresh(find_task(task), architecture, "tiny", MADE[task](20), seed=1)


@pytest.mark.parametrize("task", MADE)
@pytest.mark.parametrize("architecture", ["lstm", "tcn", "transformer"])
def test_padding_of_shorter_neighbours_changes_no_answer(task, architecture):
    model, examples = pipeline(task, architecture), MADE[task](3)
    short = [row[: LENGTH // 2] for row in examples.inputs[:1]]
    together = model.predict_raw([*short, *examples.inputs])
    alone = [model.predict_raw([row])[0] for row in [*short, *examples.inputs]]
    for left, right in zip(together, alone, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_only_the_last_step_of_a_series_is_asked_for():
    examples = sums(3)
    rows = [examples.inputs[0][:5], *examples.inputs[1:]]
    batches = find_task("regression").batches(
        NumbersPreprocessor(2), Examples(rows, examples.targets, examples.locations), TrainingConfig(batch_size=4)
    )
    short, long = batches.epoch(0, shuffle=False)
    for (inputs, answers, weights), numbers, last in ((short, [0], 4), (long, [1, 2], LENGTH - 1)):
        assert inputs["features"].shape == (4, last + 1 if last != 4 else 6, 2)
        assert weights.sum() == len(numbers) and (weights[: len(numbers), last] == 1).all()
        for place, number in enumerate(numbers):
            np.testing.assert_array_equal(inputs["features"][place, : last + 1], rows[number])
            assert answers[place, last, 0] == examples.targets[number]


def test_every_step_of_a_copy_is_asked_for():
    examples = copies(3)
    batches = find_task("copying").batches(IdsPreprocessor(10), examples, TrainingConfig(batch_size=4))
    ((inputs, answers, weights),) = batches.epoch(0, shuffle=False)
    np.testing.assert_array_equal(inputs["tokens"][:3], examples.inputs)
    np.testing.assert_array_equal(answers[:3], examples.targets)
    assert (weights[:3] == 1).all() and (weights[3:] == 0).all()


def test_scores_of_answers_that_need_no_model():
    examples = sums(5_000)
    mse = find_task("regression").score(NumbersPreprocessor(2), [1.0] * 5_000, examples.targets)["mse"]
    assert mse.low < 1 / 6 < mse.high
    # Blanks, and then any of the eight symbols: the best without memory.
    likely = np.full((BLANK + 20, 10), -np.inf)
    likely[:-10, 0] = 0
    likely[-10:, 1:9] = math.log(1 / 8)
    rows = copies(200)
    values = find_task("copying").score(IdsPreprocessor(10), [likely] * 200, rows.targets)
    assert values["step_loss"].value == pytest.approx(10 * math.log(8) / (BLANK + 20))
    # Of symbols that are equally likely the first one, 1, is said.
    assert values["recall"].value == pytest.approx(np.mean(np.array(rows.targets)[:, -10:] == 1))
    with pytest.raises(InputError, match="^no target asks for a symbol: a recall needs at least one$"):
        find_task("copying").score(IdsPreprocessor(10), [likely] * 2, [[0] * len(likely)] * 2)


@pytest.mark.parametrize(
    ("name", "score", "value"),
    [("adding/t600", "mse", 1 / 6), ("copy_memory/t1000", "step_loss", 0.02039)],
)
def test_baselines_stand_beside_the_published_figures(name, score, value):
    computed = [row for row in datasets.DATASETS[name].published if row["source"] == "computed"]
    assert [row["values"][score] for row in computed] == [pytest.approx(value, rel=1e-3)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "score", "baseline", "training_config"),
    [
        ("regression", "mse", 1 / 6, TrainingConfig(epochs=8, batch_size=50, learning_rate=3e-2, ema_decay=0.9)),
        (
            "copying",
            "step_loss",
            10 * math.log(8) / (BLANK + 20),
            TrainingConfig(epochs=4, batch_size=50, learning_rate=1e-2, ema_decay=0.9, label_smoothing=0.0),
        ),
    ],
)
def test_a_small_model_learns_more_than_there_is_without_memory(task, score, baseline, training_config, tmp_path):
    model = fresh(find_task(task), "transformer", "tiny", MADE[task](20), seed=1, context=32)
    trainer = make_trainer(model, MADE[task](1_000), MADE[task](50, seed=1), training_config)
    trainer.run()
    result = evaluate(model, MADE[task](100, seed=2))
    assert result.values[score].high < baseline
    model.document = {
        "name": "mine",
        "licence": {"weights": "x", "data": "x"},
        "data": {"name": "made", "source": "x", "fingerprint": "0" * 64, "splits": {"train": 1}},
        "training": {
            "recipe": {},
            "seed": 1,
            "backend": "jax",
            "versions": {"keras": "3"},
            "seconds": 1,
            "steps": 1,
            "curve": [],
        },
        "metrics": [result.to_json()],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }
    model.save(tmp_path / "mine")
    row = MADE[task](1, seed=3).inputs
    assert load(tmp_path / "mine").predict(row) == model.predict(row)


def test_a_command_line_gives_json_text():
    np.testing.assert_array_equal(NumbersPreprocessor(2).encode_input("[[0.5, 1], [2, 0]]"), [[0.5, 1], [2, 0]])
    np.testing.assert_array_equal(IdsPreprocessor(10).encode_input(" [3, 9, 0]"), [3, 9, 0])


def test_readable_answers():
    (number,) = pipeline("regression").predict(sums(1).inputs)
    assert isinstance(number, float)
    (ids,) = pipeline("copying").predict(copies(1).inputs)
    assert len(ids) == BLANK + 20 and set(map(type, ids)) == {int}


MEMORY = {name: recipe for name, recipe in RECIPES.items() if recipe.dataset.startswith(("adding", "copy_memory"))}


def test_every_family_has_a_recipe_for_every_memory_task():
    families = {name.partition("_tiny.")[0] for name in MEMORY}
    assert families == set(registry.ARCHITECTURES) - {"min_lstm"}
    assert len(MEMORY) == len(families) * 4


@pytest.mark.parametrize("name", [name for name in MEMORY if name.endswith(("t600", "t1000"))])
def test_recipes_have_the_published_size_and_can_see_the_whole_sequence(name):
    recipe = MEMORY[name]
    adds = recipe.dataset.startswith("adding")
    task = find_task("regression" if adds else "copying")
    architecture = task.architecture(recipe.architecture)
    preprocessor = NumbersPreprocessor(2) if adds else IdsPreprocessor(10)
    config = architecture.config_from(
        {**architecture.sizes[recipe.size], **recipe.config, **task.fields(preprocessor, architecture)}
    )
    model = task.build(architecture, config, preprocessor)
    assert model.count_params() == pytest.approx(70_000 if adds else 16_000, rel=0.2)
    reach = architecture.receptive_field(config)
    # The first of ten symbols is asked for 1,010 steps later.
    assert reach is None or reach >= (600 if adds else 1_011)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\): give \(time, 2\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
        ([[1.0, 2.0], [1.0]], "give a series of numbers"),
        ("0.5,1", "give a series of numbers"),
        ("[[0.5, 1]", "give a series of numbers"),
        ("[" * 100_000, "give a series of numbers"),
        ("[[NaN, 1]]", "step 1 of a series is not finite"),
        ([[1.0, float("nan")]], "step 1 of a series is not finite"),
    ],
)
def test_what_is_no_series_is_named(value, message):
    with pytest.raises(InputError, match=message):
        NumbersPreprocessor(2).encode_input(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 10], "step 2: id 10: give 0 to 9"),
        ([-1], "step 1: id -1"),
        ([], r"give ids"),
        ([0.5], "give ids from 0 to 9"),
        ([[1]], r"shape \(1, 1\)"),
        ("12", "give ids"),
    ],
)
def test_what_is_no_sequence_of_ids_is_named(value, message):
    with pytest.raises(InputError, match=message):
        IdsPreprocessor(10).encode_input(value)


def test_bad_rows_are_named_by_their_place():
    for task, examples, message in (
        ("regression", Examples([np.zeros((3, 2))], ["x"], ["a:7"]), "a:7: 'x': give a number"),
        ("regression", Examples([np.zeros((3, 2))], [np.inf], ["a:7"]), "a:7: target 'inf'"),
        ("copying", Examples([[1, 2]], [[1]], ["a:7"]), "a:7: 2 ids and 1 targets"),
        ("copying", Examples([[1, 12]], [[1, 1]], ["a:7"]), "a:7: step 2: id 12"),
    ):
        preprocessor = NumbersPreprocessor(2) if task == "regression" else IdsPreprocessor(10)
        with pytest.raises(InputError, match=message):
            find_task(task).batches(preprocessor, examples, TrainingConfig())


@pytest.mark.parametrize("kind", [NumbersPreprocessor, IdsPreprocessor])
def test_preprocessors_survive_json_and_refuse_what_they_did_not_write(kind):
    one = kind(3)
    assert kind.from_json(one.to_json()) == one
    for state in ({}, {**one.to_json(), "more": 1}, dict.fromkeys(one.to_json(), 0), dict.fromkeys(one.to_json(), "3")):
        with pytest.raises(WeightsError):
            kind.from_json(state)


def test_a_model_that_sees_the_future_is_refused():
    architecture = find_task("copying").architecture("tcn")
    config = architecture.configure("tiny", vocab_size=10, causal=False)
    with pytest.raises(InputError, match="needs a causal tcn"):
        find_task("copying").build(architecture, config, IdsPreprocessor(10))


def test_golden_logits_are_those_of_the_last_step():
    model = pipeline("copying")
    (row,) = copies(1).inputs
    logits = model.task.logits(model, row)
    np.testing.assert_allclose(ops.log_softmax(logits), model.predict_raw([row])[0][-1], atol=1e-5)
