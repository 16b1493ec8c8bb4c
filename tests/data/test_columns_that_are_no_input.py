"""Row numbers among the steps of a series, and names of sound files among texts."""

import numpy as np
import pandas
import pytest
from samples import sounds, write_wav

from zoo.data.read import examples
from zoo.data.sound import Sound
from zoo.errors import InputError
from zoo.tasks.infer import infer_task


def noise(rows=30):
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(rows, 5)), columns=[f"t{i}" for i in range(5)])
    return frame.assign(label=["a", "b"] * (rows // 2))


@pytest.mark.parametrize("rows", [4, 30])
def test_the_index_that_pandas_writes_is_no_step(tmp_path, rows):
    noise(rows).to_csv(tmp_path / "a.csv")
    result = examples(tmp_path / "a.csv", target="label", layout="series")
    np.testing.assert_allclose(result.inputs[0][:, 0], noise(rows).iloc[0, :5].to_numpy(float), rtol=1e-6)
    assert result.reading.left_out == ("",)
    assert result.reading.notes[0].startswith("column '' numbers or names the rows")


@pytest.mark.parametrize("name", ["id", "Index", "Unnamed: 0", "series_id", "uuid"])
def test_columns_that_name_the_rows_are_no_steps(name):
    frame = noise().assign(**{name: [f"P{i:03}" for i in range(30)]})
    result = examples(frame, target="label", layout="series")
    assert result.inputs[0].shape == (5, 1) and result.reading.left_out == (name,)


def test_a_first_column_that_grows_by_whole_numbers_is_no_step_unless_it_is_named():
    frame = noise()
    frame.insert(0, "n", np.arange(30) * 3 + 7)
    result = examples(frame, target="label", layout="series")
    assert result.inputs[0].shape == (5, 1) and result.reading.left_out == ("n",)
    result = examples(frame, "n,t0,t1", "label", layout="series")
    assert result.inputs[1].shape == (3, 1) and result.inputs[1][0, 0] == 10 and not result.reading.notes
    shuffled = frame.assign(n=np.random.default_rng(1).permutation(frame["n"]))
    assert examples(shuffled, target="label", layout="series").inputs[0].shape == (6, 1)


def test_series_of_json_stand_in_numbers(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": 1, "t0": 1.5, "t1": 2, "label": "a"}\n{"id": 2, "t0": 3, "t1": 4, "label": 1}\n')
    result = examples(file, target="label", layout="series")
    np.testing.assert_array_equal(result.inputs[1], [[3], [4]])
    assert result.targets == ["a", "1"]
    file.write_text('{"t0": 1, "t1": null, "label": "a"}\n')
    with pytest.raises(InputError, match="a.jsonl:1: column 't1' is not text"):
        examples(file, target="label", layout="series")
    file.write_text('{"s": "x", "t": 1, "v": 2, "label": "a"}\n{"s": "x", "t": 2, "v": 3, "label": "a"}\n')
    assert examples(file, "v", "label", series="s", time="t").inputs[0].tolist() == [[2], [3]]


def test_names_of_sound_files_in_a_table_are_sounds(tmp_path):
    made = sounds(6)
    for i, sound in enumerate(made.inputs):
        write_wav(tmp_path / "clips" / f"{i}.WAV", sound.samples)
    table = tmp_path / "a.csv"
    lines = [f"clips/{i}.WAV,{label}\n" for i, label in enumerate(made.targets)]
    table.write_text("path,label\n" + "".join(lines))
    result = examples(table, "path", "label")
    assert all(isinstance(value, Sound) for value in result.inputs) and result.targets == made.targets
    np.testing.assert_array_equal(result.inputs[3].samples, made.inputs[3].samples)
    assert result.reading.notes == ("the inputs name sound files, which are read as sounds",)
    assert infer_task(result) == "series_classification"
    table.write_text("path,label\n" + "".join([*lines, "clips/none.wav,low\n"]))
    with pytest.raises(InputError, match="a.csv:8: clips/none.wav: no such file: correct the name"):
        examples(table, "path", "label")
    table.write_text("path,label\nnone.wav,low\nnor.wav,high\n")
    assert examples(table, "path", "label").inputs == ["none.wav", "nor.wav"], "texts, as no such file exists"
