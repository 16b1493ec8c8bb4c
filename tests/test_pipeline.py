"""Load, save, fine-tune and resume: what a user relies on."""

import dataclasses
import os
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
from spelling import TRAINING_CONFIG, spelled, trainer, untrained

import zoo
from zoo.checkpoints import locate
from zoo.data.examples import Examples
from zoo.errors import InputError, NotFiniteError, WeightsError
from zoo.fitting import recipe_run
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.start import adapt
from zoo.preprocessing.symbols import RESERVED, SymbolTokenizer
from zoo.recipes.recipes import RECIPES
from zoo.tasks.sequence_to_sequence import _without_stress
from zoo.training.config import CHOICES, TrainingConfig
from zoo.training.interruption import Interrupted
from zoo.training.state import STATE


@pytest.mark.parametrize("name", locate.list_models())
def test_golden_outputs_of_every_checkpoint_and_a_copy_with_the_same_bits(name, tmp_path):
    shipped = zoo.load(name)
    golden = shipped.document["golden"]
    outputs = shipped.predict(golden["inputs"], **shipped.task.validation)
    if shipped.spec.task == "forecasting":  # numbers that differ in the last digit between machines
        np.testing.assert_allclose(outputs, golden["outputs"], rtol=1e-3)
    else:
        assert outputs == golden["outputs"]
    for text, expected in zip(golden["inputs"], golden["logits"], strict=True):
        np.testing.assert_allclose(shipped.task.logits(shipped, text), expected, atol=2e-4)
    shipped.save(tmp_path / "copy")
    again = zoo.load(tmp_path / "copy").tensors()
    assert again.keys() == shipped.tensors().keys()
    assert all(np.array_equal(again[path], value) for path, value in shipped.tensors().items())


def test_a_tensor_that_does_not_fit_is_named():
    shipped = zoo.load("gru_small.italy_power_demand")
    tensors = shipped.tensors()
    name = next(iter(tensors))
    with pytest.raises(WeightsError, match=name):
        shipped.assign({**tensors, name: np.zeros((1, 1), "float32")}, "here")
    with pytest.raises(WeightsError, match=name):
        shipped.assign({k: v for k, v in tensors.items() if k != name}, "here")
    with pytest.raises(WeightsError, match="other"):
        shipped.assign({**tensors, "other": np.zeros(1, "float32")}, "here")
    with pytest.raises(InputError, match="an alignment is for models that write a text"):
        shipped.alignment("cat")


@pytest.mark.parametrize("name", locate.list_models("*.cmudict"))
def test_alignment_has_a_row_for_each_symbol_written(name):
    source, target, weights = zoo.load(name).alignment("cat")
    assert source == ["c", "a", "t", "</s>"] and target[-1] == "</s>"
    assert weights.shape == (len(target), len(source))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-4)


def test_without_stress_likelihoods_of_the_same_phones_add_up():
    target = SymbolTokenizer(("A0", "A1", "B"), " ")
    a0, a1, b = (target.encode(symbol)[0] for symbol in target.symbols)
    hypotheses = [([b], np.log(0.4) / 2), ([a0], np.log(0.3) / 2), ([a1], np.log(0.2) / 2)]
    assert _without_stress(hypotheses, target) == ("A",)
    assert _without_stress(hypotheses[:2], target) == ("B",)
    assert _without_stress([([b], -900.0)], target) == ("B",)


def test_asked_without_stress_a_model_writes_none():
    pipeline = untrained(Examples(["ab", "ba"], ["A0 B", "B A1"], ["", ""]))
    for output in pipeline.predict(["ab", "b"], stress=False, beam_size=3):
        assert set(output.split()) <= {"A", "B"}
    with pytest.raises(InputError, match="probabilities"):
        pipeline.predict(["ab"], probabilities=True)


def test_a_limit_draws_the_same_inputs_from_all_over():
    examples = spelled(200)
    pipeline = untrained(examples)
    first, again = (zoo.evaluate(pipeline, examples, limit=20, beam_size=1) for _ in range(2))
    assert first.size == 20 and first.inputs == again.inputs
    assert first.inputs != examples.inputs[:20]


def test_tokenizer_round_trip():
    tokenizer = SymbolTokenizer.fit(["B A", "C A"], separator=" ")
    assert tokenizer.symbols == ("A", "B", "C")
    assert tokenizer.decode(tokenizer.encode("C A B")) == "C A B"
    assert SymbolTokenizer(**tokenizer.to_json()) == tokenizer
    assert tokenizer.extend(["D A"]).symbols == ("A", "B", "C", "D")
    with pytest.raises(InputError, match="'X'"):
        tokenizer.encode("A X")


@pytest.mark.slow
def test_training_learns_to_spell():
    pipeline, made = trainer(
        training_config=TrainingConfig(epochs=60, batch_size=8, learning_rate=0.02, ema_decay=0.9, label_smoothing=0)
    )
    made.run()
    best = min(row["wer"] for row in made.curve)
    assert best < 0.2 < made.curve[0]["wer"]
    examples = spelled()
    outputs = pipeline.predict(examples.inputs, beam_size=1)
    wrong = sum(a != b for a, b in zip(outputs, examples.targets, strict=True))
    assert wrong / len(examples) == pytest.approx(best), "the weights kept are not the best ones"


def test_a_recipe_is_trained_with_the_fields_that_are_set_and_the_command_says_so(monkeypatch, tmp_path):
    seen = {}

    def make(pipeline, examples, validation, training_config, folder, command):
        policy, config = keras.config.dtype_policy().name, pipeline.spec.config
        seen.update(training_config=training_config, policy=policy, config=config, folder=folder, command=command)
        raise InputError("enough")

    few = spelled()
    monkeypatch.setattr(recipe_run, "training_examples", lambda recipe: few)
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: few)
    monkeypatch.setattr(recipe_run, "make_trainer", make)
    out, name = tmp_path / "out", "gru_small.cmudict"
    with pytest.raises(InputError, match="enough"):
        recipe_run.train(name, settings=["precision=mixed_bfloat16", "dropout=0", "patience=null"], output=out)
    recipe = RECIPES[name]
    assert seen["training_config"] == dataclasses.replace(
        recipe.training_config, precision="mixed_bfloat16", patience=None
    )
    assert seen["policy"] == "mixed_bfloat16" and keras.config.dtype_policy().name == "float32"
    assert seen["config"]["dropout"] == 0 and seen["folder"].parent == Path("runs") and seen["folder"].name != name
    sets = "--set=precision=mixed_bfloat16 --set=dropout=0 --set=patience=null"
    assert seen["command"] == f"zoo train {name} {sets} --output={out} --resume"
    with pytest.raises(InputError, match="enough"):
        recipe_run.train(name)
    assert (
        seen["training_config"] == recipe.training_config
        and seen["policy"] == "float32"
        and seen["folder"] == Path("runs") / name
    )
    assert seen["command"] == f"zoo train {name} --resume"


def test_whether_there_is_a_run_to_resume_is_said_before_any_data_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(recipe_run.datasets, "load", lambda *names: pytest.fail("read"))
    folder = tmp_path / "gru_small.cmudict"
    with pytest.raises(InputError, match=f"^{folder}: no run to resume: start it without --resume"):
        recipe_run.train("gru_small.cmudict", runs=tmp_path, resume=True)
    folder.mkdir()
    (folder / STATE).touch()
    with pytest.raises(InputError, match=f"^{folder}: has an unfinished run: go on with --resume, or delete it"):
        recipe_run.train("gru_small.cmudict", runs=tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "expected FIELD=VALUE, a field being one of attention, augment, batch_size"),
        ("colour=red", "expected FIELD=VALUE"),
        ("source_symbols=4", "expected FIELD=VALUE"),
        ("epochs=0", "epochs = 0: expected 1 or more"),
        ("epochs=2.5", "epochs = '2.5' is not of type int"),
        ("epochs=true", "epochs = 'True' is not of type int"),
        ("ema_decay=1", "ema_decay = 1: expected 0 or more, and less than 1"),
        ("learning_rate=NaN", "learning_rate = nan: expected 0 or more"),
        ("learning_rate=[1]", "learning_rate = '.1.' is not of type float"),
        ("schedule=square", "schedule = 'square': there are cosine, slanted_triangular"),
        ("encoder_layers=many", "encoder_layers = 'many' is not of type int"),
        ("encoder_layers=0", "encoder_layers must be in"),
    ],
)
def test_what_a_recipe_cannot_be_set_to(setting, message, monkeypatch, tmp_path):
    monkeypatch.setattr(recipe_run.datasets, "load", lambda name, split: pytest.fail("the data were read"))
    with pytest.raises(InputError, match=message):
        recipe_run.train("gru_small.cmudict", tmp_path / "out", tmp_path / "runs", settings=[setting])
    with pytest.raises(InputError, match="--output: missing for a changed recipe"):
        recipe_run.train("gru_small.cmudict", runs=tmp_path / "runs", settings=[setting])
    assert not list(tmp_path.iterdir())


def test_a_signal_before_the_first_step_ends_the_run_there(tmp_path, monkeypatch):
    _, made = trainer(tmp_path)
    enter = made._enter

    def interrupt(epoch):
        enter(epoch)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(made, "_enter", interrupt)
    with pytest.raises(Interrupted) as caught:
        made.run()
    assert caught.value.exit_code == 143 and made.step == 0
    _, second = trainer(tmp_path)
    assert second.load() and second.step == 0


@pytest.mark.parametrize("optimizer", CHOICES["optimizer"])
def test_a_cut_run_goes_on_to_the_same_bits(optimizer, tmp_path):
    training_config = dataclasses.replace(TRAINING_CONFIG, optimizer=optimizer)
    straight, made = trainer(training_config=training_config)
    made.run()
    _, first = trainer(tmp_path, training_config)

    def interrupt(step, total, loss):
        if step == made.train.per_epoch + 2:
            os.kill(os.getpid(), signal.SIGINT)

    first.on_step = interrupt
    with pytest.raises(Interrupted, match="go on") as caught:
        first.run()
    assert caught.value.exit_code == 130
    keras.utils.set_random_seed(99)  # nothing may depend on what the process did before
    _, second = trainer(tmp_path, training_config)
    assert second.load() and second.step == made.train.per_epoch + 2
    # A validation may take minutes: it is cut short, and done again in the next run.
    second.validate = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted, match="go on") as caught:
        second.run()
    assert caught.value.exit_code == 143
    resumed, second = trainer(tmp_path, training_config)
    assert second.load() and second.step == 2 * made.train.per_epoch and len(second.curve) == 1
    second.run()
    assert second.step == made.step
    for path, value in straight.tensors().items():
        assert np.array_equal(resumed.tensors()[path], value), path
    drop = ("seconds",)
    assert [{k: v for k, v in row.items() if k not in drop} for row in second.curve] == [
        {k: v for k, v in row.items() if k not in drop} for row in made.curve
    ]


def test_a_state_of_another_plan_is_refused(tmp_path):
    _, first = trainer(tmp_path)
    first.save()
    _, other = trainer(tmp_path, TrainingConfig(epochs=4, batch_size=8))
    with pytest.raises(InputError, match="another training_config"):
        other.load()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(tmp_path):
    pipeline, made = trainer(tmp_path)
    made.save()
    kept = (tmp_path / "state.safetensors").read_bytes()
    variable = pipeline.model.trainable_variables[0]
    variable.assign(np.full(variable.shape, np.nan, "float32"))
    with pytest.raises(NotFiniteError, match=f"{variable.path} is not finite"):
        made.save()
    with pytest.raises(NotFiniteError, match="step 1"):
        made.run()
    assert (tmp_path / "state.safetensors").read_bytes() == kept


def test_a_weight_that_is_not_finite_stops_at_its_step_and_keeps_the_state(tmp_path):
    pipeline, made = trainer(tmp_path)
    made.save()
    kept = (tmp_path / "state.safetensors").read_bytes()
    variable = next(v for v in pipeline.model.trainable_variables if v.path == "source_embed/embeddings")

    def spoil(step, total, loss):
        if step == 2:  # the row of an id that no text has: no loss shows it
            value = keras.ops.convert_to_numpy(variable).copy()
            value[0, 0] = np.inf
            variable.assign(value)

    made.on_step = spoil
    with pytest.raises(NotFiniteError, match="step 2: source_embed/embeddings is not finite"):
        made.run()
    assert (tmp_path / "state.safetensors").read_bytes() == kept


def test_adapting_keeps_what_is_known():
    base = untrained(spelled())
    other = Examples(["abz"], ["A ʒ"], ["made:1"])
    adapted = adapt(base, [other])
    assert adapted.preprocessor.source.symbols == ("a", "b", "c", "d", "e", "z")
    assert adapted.preprocessor.target.symbols == ("A", "ʒ")
    old, new = base.tensors(), adapted.tensors()
    np.testing.assert_array_equal(new["source_embed/embeddings"][: RESERVED + 5], old["source_embed/embeddings"])
    np.testing.assert_array_equal(
        new["target_embed/embeddings"][: RESERVED + 1], old["target_embed/embeddings"][: RESERVED + 1]
    )
    np.testing.assert_array_equal(new["logits/kernel"][:, : RESERVED + 1], old["logits/kernel"][:, : RESERVED + 1])
    np.testing.assert_array_equal(new["readout/kernel"], old["readout/kernel"])


def test_fine_tuning_saves_a_folder_that_loads(tmp_path):
    base = untrained(spelled())
    training_config = TrainingConfig(epochs=2, batch_size=8, patience=1, learning_rate=0.01)
    rows = spelled(200)
    mine = fine_tune(base, rows, training_config=training_config, output=tmp_path / "mine")
    again = zoo.load(tmp_path / "mine")
    assert again.predict(["abc", "ed"]) == mine.predict(["abc", "ed"])
    record = locate.read_record(tmp_path / "mine")
    assert sum(record.data["splits"].values()) == len(rows)
    assert record.metrics[0]["size"] == record.data["splits"]["test"]


def test_an_interrupted_fine_tuning_goes_on_to_the_same_weights(tmp_path):
    base, rows = untrained(spelled()), spelled(200)
    training_config = TrainingConfig(epochs=2, batch_size=8, learning_rate=0.01)
    straight = fine_tune(base, rows, training_config=training_config, output=tmp_path / "straight")

    def interrupt(step, total, loss):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="the same command with --resume") as caught:
        fine_tune(
            base,
            rows,
            training_config=training_config,
            output=tmp_path / "mine",
            callbacks=Callbacks(on_step=interrupt),
        )
    assert caught.value.exit_code == 143
    assert sorted(os.listdir(tmp_path)) == ["mine.unfinished", "straight"]
    with pytest.raises(InputError, match="has an unfinished run: go on with --resume"):
        fine_tune(base, rows, training_config=training_config, output=tmp_path / "mine")
    with pytest.raises(InputError, match="made with another data"):
        fine_tune(
            base,
            rows.select(range(3, len(rows))),
            training_config=training_config,
            output=tmp_path / "mine",
            resume=True,
        )
    resumed = fine_tune(base, rows, training_config=training_config, output=tmp_path / "mine", resume=True)
    for path, value in straight.tensors().items():
        assert np.array_equal(resumed.tensors()[path], value), path
    assert sorted(os.listdir(tmp_path)) == ["mine", "straight"]
    with pytest.raises(InputError, match="no run to resume"):
        fine_tune(base, rows, training_config=training_config, output=tmp_path / "other", resume=True)


def test_an_input_on_both_sides_is_refused():
    base = untrained(spelled())
    with pytest.raises(InputError, match="training part too"):
        fine_tune(base, spelled(), test=spelled())
