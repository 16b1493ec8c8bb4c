import numpy as np
import pytest

from zoo.data.series import read_long, read_wide
from zoo.data.ts import read_ts
from zoo.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Write a file of a name and return its path as text."""

    def write(name, content):
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


HEADER = "# About it\n#\n@problemName Steps\n@timeStamps false\n@missing false\n"
TS = HEADER + "@univariate false\n@dimensions 2\n@equalLength true\n@seriesLength 3\n@classLabel true up Down\n@data\n"


def test_a_ts_file_gives_series_labels_and_places(write):
    path = write("a.ts", TS + "1,2,3:-1, -2e0 ,-3:up\n\n0,0,.5:1,1,1:Down\n")
    examples = read_ts(path)
    np.testing.assert_array_equal(examples.inputs[0], [[1, -1], [2, -2], [3, -3]])
    np.testing.assert_array_equal(examples.inputs[1], [[0, 1], [0, 1], [0.5, 1]])
    assert examples.inputs[0].dtype == np.float32
    assert examples.targets == ["up", "Down"]
    assert examples.locations == [f"{path}:12", f"{path}:14"]


def test_series_of_a_ts_file_may_differ_in_length_unless_it_says_otherwise(write):
    short = "@classLabel true 0 1\n@univariate true\n"
    examples = read_ts(write("a.ts", short + "@data\n1,2,3:0\n4:1\n"))
    assert [series.shape for series in examples.inputs] == [(3, 1), (1, 1)]
    with pytest.raises(InputError, match="a.ts:6: dimension 1 has 1 steps, not 3: give"):
        read_ts(write("a.ts", short + "@equalLength true\n@data\n1,2,3:0\n4:1\n"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,?:1,2,3:up", "step 3 of dimension 1 is '[?]', not a finite number: fill the gap"),
        ("1,2,3:1,NaN,3:up", "step 2 of dimension 2 is 'NaN'"),
        ("1,2,3:1,2,-inf:up", "step 3 of dimension 2 is '-inf'"),
        ("1,2,3:1,2,1e39:up", "step 3 of dimension 2 is '1e39'"),
        ("1,2,3:1,2,1_0:up", "step 3 of dimension 2 is '1_0'"),
        ("1,2,:1,2,3:up", "step 3 of dimension 1 is ''"),
        ("1,2:1,2:up", "dimension 1 has 2 steps, not 3"),
        ("1,2,3:1,2,3,4:up", "dimension 2 has 4 steps, not 3"),
        ("1,2,3:up", "1 dimensions, not 2"),
        ("1,2,3:1,2,3:down", "label 'down' is none of @classLabel's"),
        ("1,2,3:1,2,3", "label '1,2,3' is none of @classLabel's"),
    ],
)
def test_a_bad_series_in_a_ts_file_is_named(write, row, message):
    with pytest.raises(InputError, match=f"a.ts:13: {message}"):
        read_ts(write("a.ts", TS + "1,2,3:1,2,3:up\n" + row + "\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("@problemName A\n@sampling 8\n", "a.ts:2: '@sampling 8' is not understood: write @problemName"),
        ("@missing perhaps\n", "a.ts:1: '@missing perhaps' is not understood"),
        ("@dimensions two\n", "a.ts:1: '@dimensions two' is not understood"),
        ("@classLabel\n", "a.ts:1: '@classLabel' is not understood"),
        ("1,2,3:up\n", "a.ts:1: '1,2,3:up' is not understood"),
        ("@missing false\n@Missing false\n", "a.ts:2: a second line @missing"),
        ("@timeStamps true\n@classLabel true a b\n@data\n(0,1),2:a\n", "a.ts:4: a value without its time stamp"),
        ("@timeStamps true\n@classLabel true a b\n@data\n(0,1),(1,2:a\n", "a.ts:4: a value without its time stamp"),
        ("@classLabel false\n@data\n", "a.ts:2: no classes and no targets above"),
        ("@data\n1,2,3\n", "a.ts:2: no label: end the line with a colon"),
        ("@classLabel true a b\n", "a.ts: has no series: give at least one after a line @data"),
        ("@classLabel true a b\n@data\n\n", "a.ts: has no series"),
        ("", "a.ts: has no series"),
    ],
)
def test_a_bad_header_of_a_ts_file_is_named(write, content, message):
    with pytest.raises(InputError, match=message):
        read_ts(write("a.ts", content))


def test_a_wide_table_has_a_series_a_row(write):
    path = write("a.csv", "t0,kind,t1,t2\n1,walk,2,3\n\n-1,run, .5 ,1e2\n")
    examples = read_wide(path, label="kind")
    np.testing.assert_array_equal(examples.inputs[0], [[1], [2], [3]])
    np.testing.assert_array_equal(examples.inputs[1], [[-1], [0.5], [100]])
    assert examples.inputs[1].dtype == np.float32
    assert (examples.targets, examples.locations) == (["walk", "run"], [f"{path}:2", f"{path}:4"])


def test_a_wide_table_without_header_has_its_label_in_a_numbered_column(write):
    examples = read_wide(write("a.tsv", "2\t0.5\t1.5\n1\t3\t4\n"), label="1", header=False)
    assert examples.targets == ["2", "1"]
    np.testing.assert_array_equal(examples.inputs[0], [[0.5], [1.5]])


def test_a_series_may_be_longer_than_a_line_of_text(write):
    steps = 30_000
    content = ",".join(["kind", *map(str, range(steps))]) + "\n" + ",".join(["a", *["0.25"] * steps]) + "\n"
    assert read_wide(write("a.csv", content), label="kind").inputs[0].shape == (steps, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kind,a,b\nx,1,nan\n", "a.csv:2: column 'b' is 'nan', not a finite number"),
        ("kind,a,b\nx,1,2\nx,,2\n", "a.csv:3: column 'a' is ''"),
        ("kind,a,b\nx,1,2\nx,1\n", "a.csv:3: the row has 2 cells, the first one 3"),
        ("kind,a,b\n,1,2\n", "a.csv:2: column 'kind' is empty"),
        ("kin,a,b\nx,1,2\n", "a.csv:2: no column 'kind'; did you mean 'kin'"),
        ("kind,a,a\nx,1,2\n", "a.csv:1: two columns named 'a'"),
        ("kind;a;b\nx;1;2\n", "a.csv:1: only one column"),
        ("kind\nx\n", "a.csv:2: no column but 'kind'"),
        ("kind,a\n", "a.csv: has no rows"),
    ],
)
def test_a_bad_wide_table_is_named(write, content, message):
    with pytest.raises(InputError, match=message):
        read_wide(write("a.csv", content), label="kind")


def test_another_kind_of_file_is_refused(write):
    with pytest.raises(InputError, match="unknown kind of file '.json'"):
        read_wide(write("a.json", "{}"), label="kind")


def long(path):
    return read_long(path, series="id", time="t", values=["x", "y"], label="kind")


def test_a_long_table_has_a_step_a_row(write):
    path = write("a.csv", "id,t,x,y,kind\nb,0,1,2,run\na,0.5,3,4,walk\nb,2,5,6,run\n")
    examples = long(path)
    np.testing.assert_array_equal(examples.inputs[0], [[1, 2], [5, 6]])
    np.testing.assert_array_equal(examples.inputs[1], [[3, 4]])
    assert examples.inputs[0].dtype == np.float32
    assert (examples.targets, examples.locations) == (["run", "walk"], [f"{path}:2", f"{path}:3"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,0,1,2,run\na,0,1,2,run\n", "a.csv:3: time 0 of series 'a' comes after 0: sort its rows"),
        ("a,1,1,2,run\nb,0,1,2,run\na,0,1,2,run\n", "a.csv:4: time 0 of series 'a' comes after 1"),
        ("a,0,1,2,run\na,1,1,2,walk\n", "a.csv:3: series 'a' is 'walk' here and 'run' at .*a.csv:2"),
        ("a,0,1,inf,run\n", "a.csv:2: column 'y' is 'inf'"),
        ("a,noon,1,2,run\n", "a.csv:2: column 't' is 'noon', not a finite number"),
        ("a,0,1,,run\n", "a.csv:2: column 'y' is empty"),
        (",0,1,2,run\n", "a.csv:2: column 'id' is empty"),
        ("a,0,1,run\n", "a.csv:2: the row has 4 cells"),
        ("", "a.csv: has no rows"),
    ],
)
def test_a_bad_long_table_is_named(write, rows, message):
    with pytest.raises(InputError, match=message):
        long(write("a.csv", "id,t,x,y,kind\n" + rows))


@pytest.mark.parametrize("values", [[], "x", ["x", "x"], ["t"]])
def test_columns_of_a_long_table_are_named_once(write, values):
    path = write("a.csv", "id,t,x,y,kind\na,0,1,2,run\n")
    with pytest.raises(InputError, match="name at least one of values, and each column once"):
        read_long(path, series="id", time="t", values=values, label="kind")
