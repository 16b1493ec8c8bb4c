"""Fine-tuning as somebody with a table meets it: parts, warnings, the card, predictions on the same columns."""

import csv
import dataclasses
import importlib
import io
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from samples import reviews, slopes

import zoo
from zoo.checkpoints.card import model_card
from zoo.data.columns import Columns
from zoo.data.examples import Examples, identity
from zoo.data.read import examples as read_inputs
from zoo.data.splits import make_parts, split, together
from zoo.data.tables import read_examples
from zoo.errors import InputError
from zoo.fitting import transfer
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.rate_finder import find_rate
from zoo.fitting.start import TEXT, ULMFIT, default_training_config, prepare, with_min_steps
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
TRAINING_CONFIG = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.01, ema_decay=0.9)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def spoken(count: int = 120) -> Examples:
    """Reviews by twelve people, each of one opinion."""
    made = reviews(count)
    people = [f"{made.targets[i]} {i // 2 % 6}" for i in range(count)]
    return Examples(made.inputs, made.targets, made.locations, people)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "reviews.csv"
    made = spoken()
    rows = zip(made.inputs, made.targets, made.groups, strict=True)
    with open(file, "w", newline="") as opened:
        csv.writer(opened).writerows([("text", "label", "person"), *rows])
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A checkpoint to start from."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    fine_tune("gru_tiny", reviews(), training_config=TRAINING_CONFIG, output=folder)
    return folder


def test_rows_of_a_group_are_never_on_two_sides_and_each_side_has_both_labels():
    parts, notes = make_parts(spoken(), None, None, has_labels=True, seed=1)
    groups = [set(part.groups) for part in parts]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert sum(map(len, parts)) == 120 and not notes
    assert all(set(part.targets) == {"praise", "blame"} for part in parts)
    shuffled = spoken().select(np.random.default_rng(0).permutation(120))
    again, _ = make_parts(shuffled, None, None, has_labels=True, seed=1)
    assert [set(part.groups) for part in again] == groups, "the order of the rows must not matter"


def test_a_group_goes_by_its_commonest_label():
    mixed = Examples([f"t{i}" for i in range(6)], ["a", "a", "b", "b", "b", "a"], [""] * 6, list("112233"))
    rest, held = split(mixed, 0.3, 1, stratify=True)
    assert {len(rest), len(held)} == {2, 4} and not set(rest.groups) & set(held.groups)
    with pytest.raises(InputError, match="1 different groups"):
        split(Examples(["a", "b"], ["x", "y"], ["f:1", "f:2"], ["1", "1"]), 0.5, 1)


def test_what_is_on_both_sides_is_counted_whatever_its_case():
    train = Examples(["One day", "two", "three", "five"], ["x", "y", "x", "y"], ["a:1", "a:2", "a:3", "a:4"])
    test = Examples(["ONE DAY", "Two", "four"], ["x", "y", "x"], ["b:1", "b:2", "b:3"])
    with pytest.raises(InputError) as error:
        make_parts(train, test, test, has_labels=True, seed=1)
    assert str(error.value) == (
        "b:1: 'ONE DAY' of the validation part is in the training part too (a:1), like 1 other row: remove one of each,"
        " or leave them out of the training part with --skip-bad-rows"
    )
    parts, notes = make_parts(train, test.select([0, 2]), test.select([1]), True, seed=1, skip_overlap=True)
    assert [part.inputs for part in parts] == [["three", "five"], ["ONE DAY", "four"], ["Two"]]
    assert notes == ["2 training rows are in the validation or test part too; left out of the training"]
    grouped = Examples(["five", "six"], ["x", "x"], ["c:1", "c:2"], ["anna", "bo"])
    with pytest.raises(InputError, match="b:9: group 'bo' of the validation part is in the training part too .c:2."):
        make_parts(grouped, Examples(["new"], ["x"], ["b:9"], ["bo"]), grouped, has_labels=True, seed=1)
    of_bo = Examples(["new"], ["x"], ["b:9"], ["bo"])
    assert make_parts(grouped, of_bo, of_bo, True, seed=1, skip_overlap=True)[0][0].groups == ["anna"]


def test_the_same_words_of_two_people_are_noted_and_not_refused():
    rows = Examples([f"yes {i % 4}" for i in range(40)], ["a", "b"] * 20, [""] * 40, [str(i // 2) for i in range(40)])
    parts, notes = make_parts(rows, None, None, has_labels=True, seed=1)
    both = sum(identity(text) in set(map(identity, parts[0].inputs)) for text in parts[1].inputs)
    assert notes[0] == f"{both} of the validation part's inputs are in other groups of the training part too"


def test_a_label_that_looks_like_a_gap_is_kept_and_told(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text,label\n" + "".join(f"word {i},{('NA', 'b')[i % 2]}\n" for i in range(40)))
    parts, notes = make_parts(read_examples(file, "text", "label"), None, None, has_labels=True, seed=1)
    assert "NA" in parts[0].targets
    assert notes[0].startswith("'NA' is used as a label in 20 rows")


def test_groups_are_read_from_tables_and_from_nothing_else(table):
    result = read_inputs(table, input="text", target="label", group="person")
    assert result.groups == spoken().groups and together(result)[0] == result.groups[0].encode()
    frame = importlib.import_module("pandas").read_csv(table)
    assert read_inputs(frame, input="text", target="label", group="person").groups == result.groups
    with pytest.raises(InputError, match="no column 'persons'; did you mean 'person'"):
        read_inputs(table, input="text", target="label", group="persons")
    with pytest.raises(InputError, match="group 'person': only the rows of a table of texts have groups"):
        read_inputs((["a", "b"], ["x", "y"]), group="person")


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    def bits(seed):
        training_config = TrainingConfig(
            epochs=1, batch_size=16, seed=seed, layer_lr_decay=2.6, schedule="slanted_triangular"
        )
        mine = fine_tune("gru_tiny", reviews(60), training_config=training_config)
        return b"".join(value.tobytes() for _, value in sorted(mine.tensors().items()))

    first = bits(3)
    keras.utils.set_random_seed(99)
    assert bits(3) == first and bits(4) != first


def test_a_pretrained_classifier_is_fine_tuned_by_the_transfer_recipe_and_nothing_else_is():
    for task in ("series_classification", "tagging"):
        assert default_training_config(find_task(task)) == ULMFIT
    assert default_training_config(find_task("classification")) == TEXT
    assert default_training_config(find_task("classification"), lora=True) == ULMFIT
    fresh, pretrained = default_training_config(None), default_training_config(find_task("sequence_to_sequence"))
    assert (fresh.epochs, pretrained.epochs) == (60, 15) and pretrained.min_steps == 300
    assert fresh.schedule == pretrained.schedule != ULMFIT.schedule
    assert ULMFIT.gradual_unfreezing and ULMFIT.layer_lr_decay == 2.6 and ULMFIT.schedule == "slanted_triangular"


def test_few_rows_are_passed_over_more_often():
    def epochs(count, **changes):
        training_config = dataclasses.replace(TRAINING_CONFIG, **changes)
        start = prepare("gru_tiny", reviews(count), Columns(), training_config=training_config)
        assert f", at most {start.training_config.epochs} epochs;" in start.lines()[2]
        return start.training_config.epochs, -(-start.sizes["train"] // TRAINING_CONFIG.batch_size)

    assert epochs(60)[0] == TRAINING_CONFIG.epochs == 2
    few, steps = epochs(60, min_steps=20)
    assert (few - 1) * steps < 20 <= few * steps
    assert epochs(600, min_steps=20)[0] == 2


@pytest.mark.parametrize(
    ("steps", "epochs", "patience"), [(125, 15, 5), (20, 15, 5), (13, 24, 8), (3, 100, 33), (1, 300, 100)]
)
def test_the_patience_grows_with_the_epochs_of_few_rows(steps, epochs, patience):
    config = with_min_steps(default_training_config(find_task("sequence_to_sequence")), steps)
    assert (config.epochs, config.patience) == (epochs, patience)
    assert with_min_steps(dataclasses.replace(ULMFIT, patience=None), steps).patience is None


def test_low_rank_updates_are_merged_into_an_ordinary_checkpoint(base, table, tmp_path):
    folder = tmp_path / "mine"
    result = run(
        *("finetune", base, table, "--input", "text", "--target", "label"),
        *("--output", folder, "--epochs", "2", "--lora-rank", "2", "--rate", "0.01"),
    )
    assert result.exit_code == 0, result.output
    assert "LoRA: " in result.stderr
    before, after = zoo.load(base).tensors(), zoo.load(folder).tensors()
    assert {path: value.shape for path, value in before.items()} == {path: v.shape for path, v in after.items()}
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert moved and not any(path.endswith("embeddings") for path in moved)
    assert any("recurrent_kernel" in path for path in moved) and not any("cell/bias" in path for path in moved)
    result = run(
        "finetune", "gru_tiny", table, "--input", "text", "--target", "label", "--output", "no", "--lora-rank", "2"
    )
    assert result.exit_code == 2 and "lora_rank: needs a pretrained model" in result.stderr


def test_from_a_table_to_a_card_and_predictions_on_the_same_columns(base, table, tmp_path):
    folder = tmp_path / "mine"
    columns = ("--input", "text", "--target", "label", "--group", "person")
    result = run("finetune", base, table, *columns, "--output", folder, "--epochs", "2")
    assert result.exit_code == 0, result.output
    assert (
        f"training: from {base.name}, at most 2 epochs; learning rate 0.001, slanted_triangular, divided by 1.3"
        in result.stderr
    )
    record = zoo.read_record(folder)
    card = (folder / "README.md").read_text("utf-8")
    values = record.metrics[0]["values"]["accuracy"]
    for part in (
        f"Base model: {base.name}",
        "`blame`, `praise`",
        "columns: input `text`, target `label`, group `person`",
        "whole groups by column `person`, seed 1",
        record.data["fingerprint"],
        f"train {record.data['splits']['train']}",
        f"{100 * values['value']:.2f} % ({100 * values['low']:.2f} - {100 * values['high']:.2f})",
        "baseline: always '",
        "layer_lr_decay 1.3",
        "| 2 | ",
        "Licence of the weights: as the data's, and as the base model's",
        "zoo predict path/of/this/folder --file data.csv --input text",
    ):
        assert part in card, part
    assert model_card(record.to_json()) == card, "the card is the record's and nothing else"

    result = run("predict", folder, "--file", table)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["text"] for row in rows] == spoken().inputs
    again = zoo.load(folder)
    likely = again.predict(spoken().inputs, probabilities=True)
    assert [row["prediction"] for row in rows] == again.predict(spoken().inputs)
    assert [float(row["probability"]) for row in rows] == pytest.approx([max(p.values()) for p in likely], abs=1e-4)
    result = run("predict", folder, "--file", table, "--input", "person", "--json")
    assert [json.loads(line)["input"] for line in result.stdout.splitlines()] == spoken().groups

    for arguments, message in (
        (("--file", table, "--input", "texts"), f"error: {table}:2: no column 'texts'; did you mean 'text'?"),
        (("a film", "--input", "text"), "error: --input: needs a table"),
    ):
        result = run("predict", folder, *arguments)
        assert result.exit_code == 2 and result.stderr.startswith(message) and not result.stdout, result.output
    result = run("predict", "gru_small.cmudict", "--file", table)
    assert result.stderr == f"error: {table}: input column unknown: give --input COLUMN\n"
    again.save(folder)
    assert (folder / "README.md").read_text("utf-8") == card


def test_what_would_change_nothing_is_refused_and_nothing_is_left(tmp_path):
    table = tmp_path / "words.csv"
    table.write_text("word,phones\n" + "".join(f"w{i:02},W {i // 10} {i % 10}\n" for i in range(40)))
    columns = ("--input", "word", "--target", "phones", "--epochs", "1", "--output", tmp_path / "mine")
    for option, of in (
        ("--augment", "sequence_to_sequence has no augmentation"),
        ("--class-balanced", "no single label"),
    ):
        result = run("finetune", "gru_tiny", table, *columns, option)
        assert result.exit_code == 2 and f"{option[2:]}: " in result.stderr and of in result.stderr
    with pytest.raises(InputError, match="augment: series_classification has no augmentation"):
        fine_tune("gru_tiny", slopes(), training_config=dataclasses.replace(TRAINING_CONFIG, augment=True))
    assert [path.name for path in tmp_path.iterdir()] == ["words.csv"]


def test_fine_tuning_in_another_precision_is_refused():
    with pytest.raises(InputError, match="^precision mixed_bfloat16: .* leave it out$"):
        fine_tune(
            "gru_tiny", reviews(), training_config=dataclasses.replace(TRAINING_CONFIG, precision="mixed_bfloat16")
        )


def test_the_search_of_a_rate_starts_from_a_linear_head_where_fine_tuning_does(base, monkeypatch):
    started = []
    monkeypatch.setattr(transfer, "start_from", lambda *arguments: started.append(arguments))
    find_rate(base, reviews(), steps=10)
    assert len(started) == 1
    find_rate(base, reviews(), steps=10, pretrained=False)
    assert len(started) == 1


def test_the_search_of_a_rate_rises_until_the_loss_is_lost(base, table, tmp_path):
    found = find_rate(base, reviews(), steps=40)
    assert found.rates == sorted(found.rates) and len(found.rates) == len(found.losses) <= 40
    assert found.rates[0] == pytest.approx(1e-6, rel=1e-4)
    assert found.suggestion == pytest.approx(found.rates[int(np.argmin(found.losses))] / 10)
    assert found.losses[-1] > min(found.losses)
    with pytest.raises(InputError, match="5 steps: give at least 10"):
        find_rate(base, reviews(), steps=5)
    picture, columns = tmp_path / "rates.png", ("--input", "text", "--target", "label")
    result = run("finetune", base, table, *columns, "--find-rate", picture)
    assert result.exit_code == 0 and result.stdout.startswith("--rate "), result.output
    assert picture.read_bytes().startswith(b"\x89PNG") and [file.name for file in tmp_path.iterdir()] == ["rates.png"]
    for arguments, message in (
        (("--find-rate", "rates.gif"), "unknown format: use .png"),
        ((), "--output: missing: give a folder"),
        (("--output", tmp_path / "no", "--lora-rank", "2", "--plain"), "omit --plain"),
    ):
        result = run("finetune", base, table, *columns, *arguments)
        assert result.exit_code == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
