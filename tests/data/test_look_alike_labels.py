"""Labels that differ only in case, spaces or invisible characters."""

from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.data.labels import are_measured, look_alikes, unify
from zoo.data.splits import make_parts
from zoo.fitting.start import prepare
from zoo.training.config import TrainingConfig

LABELS = ["pos"] * 4 + ["POS"] * 2 + ["po\u200bs", "\uff30os", "neg", "neg  ative", "neg ative"]


def rows():
    labels = [("pos", "neg", "POS", "Neg", "po\u200bs", "neg")[i % 6] for i in range(120)]
    return Examples([f"text {i}" for i in range(120)], labels, [f"made:{i + 1}" for i in range(120)])


def test_look_alikes_are_grouped_and_others_are_not():
    assert look_alikes(LABELS) == [
        [("pos", 4), ("POS", 2), ("po\u200bs", 1), ("\uff30os", 1)],
        [("neg  ative", 1), ("neg ative", 1)],
    ]
    assert unify(LABELS) == ["pos"] * 8 + ["neg", "neg ative", "neg ative"]
    assert unify(["POS", "x"], known=["Pos", "y"]) == ["Pos", "x"]


def test_a_note_names_the_pairs_and_shows_what_is_invisible():
    _, notes = make_parts(rows(), None, None, True, 1)
    assert notes == [
        "labels that look alike are separate classes: 'neg' in 40 rows and 'Neg' in 20 rows; 'pos' in 20 rows and"
        " 'POS' in 20 rows and 'po\\u200bs' in 20 rows: --strip-labels merges them"
    ]


def test_stripped_they_are_one_label_in_all_parts():
    start = prepare("gru_tiny", rows(), Columns(strip_labels=True), training_config=TrainingConfig(epochs=1))
    assert start.pipeline.preprocessor.labels == ("neg", "pos")
    assert [set(part.targets) for part in start.parts] == [{"neg", "pos"}] * 3
    assert "3 spellings of labels are read as others that look alike" in start.notes


def test_numbers_are_measured_where_there_are_more_than_classes_would_be():
    assert are_measured([str(1 + i / 7) for i in range(40)])
    assert are_measured([str(i) for i in range(18, 80)])
    assert not are_measured([str(1 + i % 5) for i in range(400)]), "stars"
    assert not are_measured([str(i / 2 % 5) for i in range(400)]), "half stars"
    assert not are_measured([str(i) for i in range(50)] + ["nan"])
    assert not are_measured([f"{i}_000" for i in range(50)])
