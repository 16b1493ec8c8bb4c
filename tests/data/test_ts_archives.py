"""Forms of the ``.ts`` format that the public archives have."""

import numpy as np
import pytest

from zoo.data.read import examples
from zoo.errors import InputError
from zoo.tasks.infer import infer_task


@pytest.fixture
def write(tmp_path):
    def written(text, name="a.ts"):
        (tmp_path / name).write_text(text, "utf-8")
        return examples(tmp_path / name)

    return written


def test_without_a_list_of_classes_the_labels_stand_behind_the_last_colon(write):
    result = write("@problemName X\n@data\n1,2,3:4,5,6:up\n1,2,3:4,5,6:down\n")
    assert result.targets == ["up", "down"]
    np.testing.assert_array_equal(result.inputs[0], [[1, 4], [2, 5], [3, 6]])
    assert result.reading.notes[0].startswith("the file lists no classes")


def test_targets_may_be_numbers(write):
    lines = "".join(f"1,{i},3:{i / 7}\n" for i in range(40))
    result = write(f"@targetLabel true\n@data\n{lines}")
    assert result.targets[:2] == ["0.0", str(1 / 7)] and not result.reading.notes
    assert infer_task(result) == "series_classification", "fine_tune looks at the targets first"


def test_time_stamps_are_left_out_and_told(write):
    result = write(
        "@timeStamps true\n@classLabel true a b\n@data\n"
        "(2004-02-01 00:00:00,1.5),(2004-02-01 01:00:00,2):(0, 3),(1,4):a\n(0,5),(1,6):(0,7),(1,8):b\n"
    )
    np.testing.assert_array_equal(result.inputs[0], [[1.5, 3], [2, 4]])
    assert result.targets == ["a", "b"] and result.reading.notes[0].startswith("time stamps are not read")


def test_padding_at_the_end_is_taken_off_and_a_gap_inside_is_an_error(write):
    header = "@missing true\n@seriesLength 4\n@classLabel true a\n@data\n"
    result = write(header + "1,2,NaN,?:3,4,?,NaN:a\n1,2,3,4:5,6,7,8:a\n")
    assert [series.shape for series in result.inputs] == [(2, 2), (4, 2)]
    assert result.reading.notes == ("1 series are padded with missing values at their end, which are taken off",)
    with pytest.raises(InputError, match="a.ts:3: step 2 of dimension 1 is 'NaN'"):
        write("@classLabel true a\n@data\n1,NaN,3:a\n")


def test_the_ending_may_be_in_capitals(write):
    assert write("@classLabel true a\n@data\n1,2:a\n", "B.TS").targets == ["a"]
