"""Every form in which users hand over inputs and examples in Python, and what is refused in one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from zoo.data import read
from zoo.data.objects import as_inputs, as_labels, as_pair, as_table
from zoo.data.sound import Sound
from zoo.errors import InputError

WORDS = ["good", "bad"]
TABLES = [
    {"text": WORDS, "label": np.array([1, 0])},
    [{"text": "good", "label": 1}, {"text": "bad", "label": 0}],
    pd.DataFrame({"text": WORDS, "label": [1, 0]}, index=["a", "b"]),
    pa.table({"text": WORDS, "label": [1, 0]}),
]


@pytest.mark.parametrize(
    "data",
    [
        WORDS,
        tuple(WORDS),
        iter(WORDS),
        [b"good", b"bad"],
        np.array(WORDS),
        np.array(WORDS, object),
        np.array([b"good", b"bad"]),
        pd.Series(WORDS, index=["a", "b"]),
        pd.Index(WORDS),
        pa.array(WORDS),
        pa.chunked_array([WORDS]),
        {"text": WORDS},
        [{"text": "good"}, {"text": "bad"}],
        pd.DataFrame({"text": WORDS}),
        pa.table({"text": WORDS}),
    ],
)
def test_forms_of_texts(data):
    assert as_inputs(data) == WORDS


def test_single_inputs():
    sound = Sound(np.zeros(9), 8_000)
    for value, expected in (("good", "good"), (b"good", "good"), (Path("a.wav"), Path("a.wav")), (sound, sound)):
        assert as_inputs(value) == [expected]


def test_arrays_have_an_input_per_row():
    series = np.arange(12.0).reshape(2, 3, 2)
    for data in (series, list(series)):
        result = as_inputs(data)
        assert len(result) == 2
        np.testing.assert_array_equal(np.stack(result), series)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "None is not an input: give texts"),
        (3, "3 is not an input"),
        (float("nan"), "nan is not an input"),
        ([1.5], "row 1: 1.5 is a number"),
        (["good", None], r"row 2: the input is missing \(None\)"),
        (pd.Series(["good", None, "bad"]), "row 2: the input is missing"),
        (pd.Series(["good", pd.NA], dtype="string"), "row 2: the input is missing"),
        (pa.array(["good", None]), "row 2: the input is missing"),
        ([b"\xff"], "row 1: b'.xff' is not UTF-8"),
        (object(), "an input of type object"),
        ([object()], "row 1: a value of type object"),
        (TABLES[0], "a table of 2 columns"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ({"a": 3}, "column 'a' of type int: give a list or an array"),
        ([{"a": 1}, {"b": 1}], "row:2: columns b, the first row has a"),
    ],
)
def test_what_is_refused(data, message):
    with pytest.raises(InputError, match=message) as caught:
        as_inputs(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", TABLES, ids=lambda data: type(data).__name__)
def test_tables_give_rows_with_their_places(data):
    table = as_table(data)
    assert table is not None
    rows = list(table)
    assert [row for _, row in rows] == [{"text": "good", "label": 1}, {"text": "bad", "label": 0}]
    assert [place.rpartition(":")[2] for place, _ in rows] == ["1", "2"]


@pytest.mark.parametrize(
    "labels", [[1, 0], np.array([1, 0]), np.array([[1], [0]]), np.array([[0, 1], [1, 0]]), [[0.0, 1.0], [1.0, 0.0]]]
)
def test_forms_of_labels(labels):
    assert list(as_labels(labels)) == [1, 0]


def test_labels_of_two_classes_at_once_are_refused():
    with pytest.raises(InputError, match=r"labels of shape \(2, 2\): give one per row, or one-hot rows"):
        as_labels(np.array([[1, 1], [0, 1]]))


def test_pairs():
    assert as_pair((WORDS, [1, 0])) == (WORDS, [1, 0])
    assert as_pair([("good", 1), ("bad", 0)]) == (WORDS, [1, 0])
    assert as_pair("table.csv") is None and as_pair({"text": WORDS}) is None


@pytest.mark.parametrize("data", TABLES, ids=lambda data: type(data).__name__)
def test_tables_are_read_as_examples(data):
    result = read.examples(data, input="text", target="label")
    assert result.inputs == WORDS and result.targets == ["1", "0"]


def test_a_missing_cell_of_a_table_names_its_row():
    with pytest.raises(InputError, match="table:2: column 'text' is empty"):
        read.examples({"text": ["good", None], "label": [1, 0]}, input="text", target="label")


def test_a_torch_dataset_and_its_loader_are_read():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.ones(4, 3), torch.tensor([0, 1, 0, 1]))
    for data in (dataset, torch.utils.data.DataLoader(dataset, batch_size=2)):
        result = read.examples(data)
        assert result.targets == ["0", "1", "0", "1"] and result.inputs[0].shape == (3, 1)
