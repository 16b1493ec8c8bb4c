"""Examples from tables, Parquet, pandas, NumPy, tf.data and folders of sound."""

import builtins

import numpy as np
import pandas
import pytest
from samples import RATE, slopes, sounds, write_wav

from zoo.data.examples import Examples
from zoo.data.read import examples, from_arrays, named
from zoo.data.sound import Sound
from zoo.errors import InputError

TEXTS = pandas.DataFrame({"text": ["one day", "two days"], "label": ["a", "b"]})


def test_a_frame_and_a_parquet_file_are_read_as_the_same_table(tmp_path):
    TEXTS.to_csv(tmp_path / "a.csv", index=False)
    TEXTS.to_parquet(tmp_path / "a.parquet")
    rows = [examples(data, "text", "label") for data in (TEXTS, tmp_path / "a.parquet", tmp_path / "a.csv")]
    for result in rows:
        assert (result.inputs, result.targets) == (["one day", "two days"], ["a", "b"])
    assert rows[0].locations == ["DataFrame:1", "DataFrame:2"]
    assert rows[1].locations == [f"{tmp_path / 'a.parquet'}:{i}" for i in (1, 2)]
    assert (named(TEXTS), named(tmp_path / "a.parquet")) == ("examples", "a.parquet")


def test_labels_of_a_frame_may_be_numbers_and_categories():
    frame = pandas.DataFrame({"text": ["x", "y"], "n": [3, 5], "c": pandas.Categorical(["u", "v"])})
    assert examples(frame, "text", "n").targets == ["3", "5"]
    assert examples(frame, "text", "c").targets == ["u", "v"]


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        ({"label": ["a", None]}, ("text", "label"), "DataFrame:2: column 'label' is empty: fill it in"),
        ({"text": ["x", float("nan")]}, ("text", "label"), "DataFrame:2: column 'text' is empty"),
        ({}, ("texts", "label"), "DataFrame:1: no column 'texts'; did you mean 'text'"),
        ({}, ("text", ""), "DataFrame: name the columns to read"),
        ({}, ("", "label"), "--task series_classification"),
    ],
)
def test_a_bad_frame_is_named(change, columns, message):
    with pytest.raises(InputError, match=message):
        examples(TEXTS.assign(**change), *columns)


def test_frames_without_rows_and_with_a_column_twice_are_refused():
    with pytest.raises(InputError, match="DataFrame: has no rows"):
        examples(TEXTS[:0], "text", "label")
    with pytest.raises(InputError, match="two columns named 'text'"):
        examples(pandas.concat([TEXTS, TEXTS], axis=1), "text", "label")


def test_series_of_a_frame_stand_in_a_row_in_rows_or_in_a_cell(tmp_path):
    wide = pandas.DataFrame({"kind": ["u", "v"], "t0": [1, 2.5], "t1": [3, 4]})
    result = examples(wide, target="kind", layout="series")
    np.testing.assert_array_equal(result.inputs[1], [[2.5], [4]])
    long = pandas.DataFrame({"id": [1, 2, 1], "t": [0, 0, 1], "x": [1.5, 2, 3], "kind": ["u", "v", "u"]})
    result = examples(long, "x", "kind", series="id", time="t")
    np.testing.assert_array_equal(result.inputs[0], [[1.5], [3]])
    cells = pandas.DataFrame({"series": [[1.0, 2.0], [3.0]], "deep": [[[1, 2], [3, 4]], [[5, 6]]], "kind": ["u", "v"]})
    cells.to_parquet(tmp_path / "cells.parquet")
    for frame in (cells, tmp_path / "cells.parquet"):
        np.testing.assert_array_equal(examples(frame, "series", "kind").inputs[0], [[1], [2]])
        np.testing.assert_array_equal(examples(frame, "deep", "kind").inputs[0], [[1, 2], [3, 4]])
    with pytest.raises(InputError, match="DataFrame:2: column 't0' is ''"):
        examples(wide.assign(t0=[1, None]), target="kind", layout="series")
    with pytest.raises(InputError, match="DataFrame:2: column 't0' is 'inf', not a finite number"):
        examples(wide.assign(t0=[1, np.inf]), target="kind", layout="series")
    with pytest.raises(InputError, match="one row per step needs --series"):
        examples(long, "x", "kind", series="id")


def test_parquet_needs_its_libraries_and_a_whole_file(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="a.parquet: not a Parquet file"):
        examples(tmp_path / "a.parquet", "text", "label")
    with pytest.raises(InputError, match="b.parquet: no such file"):
        examples(tmp_path / "b.parquet", "text", "label")
    importing = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'seqzoo\[parquet\]'"):
        examples(tmp_path / "a.parquet", "text", "label")


def test_arrays_of_series_and_lists_of_texts():
    result = examples((np.arange(6).reshape(2, 3), np.array([1, 0])))
    assert result.targets == ["1", "0"] and result.locations == ["row:1", "row:2"]
    np.testing.assert_array_equal(result.inputs[1], [[3], [4], [5]])
    assert result.inputs[0].dtype == np.float32
    assert examples((np.zeros((2, 3, 4)), ["a", "b"])).inputs[0].shape == (3, 4)
    assert examples(([np.zeros(3), np.zeros((5, 1))], ["a", "b"])).inputs[1].shape == (5, 1)
    assert examples((["one", b"two"], [True, np.bool_(False)])) == Examples(
        ["one", "two"], ["True", "False"], ["row:1", "row:2"]
    )
    sound = Sound(np.arange(5), RATE)
    assert examples(([sound], ["a"])).inputs == [sound]
    assert examples(result) is result


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1, 2], [1, np.nan]], ["a", "b"], "row:2: step 2 is nan, not a finite number"),
        ([[1, 2], [1, np.inf]], ["a", "b"], "row:2: step 2 is inf"),
        ([[1, 2]], ["a", "b"], "1 rows and 2 labels"),
        ([], [], "0 rows and 0 labels"),
        ([[1, 2]], [np.nan], "row:1: nan is neither a label"),
        ([[1, 2]], [[0, 1]], "row:1: .* is neither a label"),
        ([[1, 2]], [" "], "row:1: the label is empty"),
        ([object()], ["a"], "row:1: .* is not a series"),
        ([np.zeros((0, 2))], ["a"], "row:1: a series of shape"),
    ],
)
def test_bad_arrays_are_named(x, y, message):
    with pytest.raises(InputError, match=message):
        from_arrays(x, y)


def test_what_is_no_data_is_refused():
    for data in (3, [1, 2], object()):
        with pytest.raises(InputError, match="give a file, a folder, a DataFrame or"):
            examples(data)


def test_rows_of_tf_data():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((np.ones((4, 3), np.float32), ["a", "b", "a", "b"]))
    result = examples(data)
    assert result.targets == ["a", "b", "a", "b"] and result.inputs[0].shape == (3, 1)
    assert examples(tf.data.Dataset.from_tensor_slices((["one", "two"], [1, 0]))).inputs == ["one", "two"]
    batched = examples(data.batch(2))
    assert batched.targets == result.targets and np.array_equal(batched.inputs, result.inputs)
    one_hot = tf.data.Dataset.from_tensor_slices((np.ones((4, 3), np.float32), np.eye(2)[[0, 1, 0, 1]]))
    assert examples(one_hot).targets == examples(one_hot.batch(3)).targets == ["0", "1", "0", "1"]
    with pytest.raises(InputError, match=r"give one of \(x, y\)"):
        examples(tf.data.Dataset.from_tensor_slices([1, 2]))


def test_a_folder_has_a_folder_for_each_label(tmp_path):
    for i, (sound, label) in enumerate(zip(sounds(4).inputs, sounds(4).targets, strict=True)):
        write_wav(tmp_path / label / f"{i}.wav", sound.samples)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "low" / ".DS_Store").write_bytes(b"x")
    result = examples(tmp_path)
    assert result.targets == ["high", "high", "low", "low"]
    assert result.locations[0] == str(tmp_path / "high" / "1.wav")
    np.testing.assert_array_equal(result.inputs[0].samples, sounds(4).inputs[1].samples)
    with pytest.raises(InputError, match="has no columns: leave"):
        examples(tmp_path, "a", "b")
    (tmp_path / "low" / "9.mp3").write_bytes(b"x")
    with pytest.raises(InputError, match=r"low/9.mp3: not a .wav file"):
        examples(tmp_path)
    (tmp_path / "low" / "9.mp3").rename(tmp_path / "low" / "9.wav")
    with pytest.raises(InputError, match=r"low/9.wav: not a sound file"):
        examples(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"lay them out as LABEL/NAME.wav"):
        examples(tmp_path / "empty")


def test_a_ts_file_needs_no_columns(tmp_path):
    series = slopes(2).inputs
    rows = [":".join(",".join(map(str, channel)) for channel in one.T) + ":up" for one in series]
    (tmp_path / "a.ts").write_text("@classLabel true up down\n@data\n" + "\n".join(rows) + "\n")
    np.testing.assert_allclose(examples(tmp_path / "a.ts").inputs[1], series[1])
    with pytest.raises(InputError, match="has no columns"):
        examples(tmp_path / "a.ts", target="label")
