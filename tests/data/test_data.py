import csv
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data import read as read_data
from zoo.data.examples import Examples
from zoo.data.lines import MAX_LINE_BYTES, read_lines
from zoo.data.splits import make_parts, split
from zoo.data.tables import read_examples
from zoo.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Write a file of a name and return its path as text."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_a_task_without_targets_reads_a_text_file_or_a_column(write):
    text = read_data.examples(write("a.txt", "ab\n\ncd\n"), layout="inputs")
    assert (text.inputs, text.targets) == (["ab\n\ncd\n"], [""])
    table = write("a.csv", "text,n\nab,1\ncd,2\n")
    rows = read_data.examples(table, "text", layout="inputs")
    assert (rows.inputs, rows.targets) == (["ab", "cd"], ["", ""])
    pieces = read_data.examples(write("a.jsonl", '{"frames": [[60, 64], [62]]}\n'), "frames", layout="inputs")
    assert pieces.inputs == ["[[60, 64], [62]]"]
    with pytest.raises(InputError, match="a.csv: name the column to read: --input COLUMN"):
        read_data.examples(table, layout="inputs")
    with pytest.raises(InputError, match="b.txt: is empty: give a text"):
        read_data.examples(write("b.txt", "\n \n"), layout="inputs")


def test_a_single_text_is_cut_in_order():
    text = "".join(f"line {i}\n" for i in range(100))
    parts, notes = make_parts(Examples([text], [""], ["a.txt"]), None, None, has_labels=False, seed=1)
    assert "".join(part.inputs[0] for part in parts) == text
    assert [part.inputs[0].count("\n") for part in parts] == [81, 10, 9]
    assert all(part.inputs[0].endswith("\n") for part in parts)
    assert notes == ["a single text: its end is the validation part and the test part"]
    one_line, _ = make_parts(Examples(["ab" * 50], [""], ["a.txt"]), None, None, has_labels=False, seed=1)
    assert [len(part.inputs[0]) for part in one_line] == [80, 10, 10]
    with pytest.raises(InputError, match="1 different inputs"):  # a row with a target is not cut
        make_parts(Examples(["cat"], ["K AE1 T"], ["a.csv:2"]), None, None, has_labels=False, seed=1)
    with pytest.raises(InputError, match="a.txt: too short to be cut into three parts"):
        make_parts(Examples(["ab"], [""], ["a.txt"]), None, None, has_labels=False, seed=1)


def read(path):
    return read_examples(path, input="word", target="phones")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "word,phones\nzoo,Z UW1\nnaïve,N AY1\n"),
        ("a.CSV", '\ufeffid,"phones", word\r\n1,Z UW1,zoo\r\n\r\n2," N AY1",naïve'),
        ("a.tsv", "word\tphones\nzoo\tZ UW1\nnaïve\tN AY1\n\n"),
        (
            "a.jsonl",
            '{"word": "zoo", "phones": "Z UW1"}\n\n{"phones": "N AY1", "word": "na\\u00efve", "n": 1}',
        ),
    ],
)
def test_each_kind_of_file_gives_the_same_rows(write, name, content):
    examples = read(write(name, content))
    assert examples.inputs == ["zoo", "naïve"]
    assert examples.targets == ["Z UW1", "N AY1"]
    assert len(examples) == 2


def test_a_row_stands_where_its_first_line_is(write):
    path = write("a.csv", 'word,phones,note\nzoo,Z UW1,"two\nlines"\n\ncat,K AE1 T,\n')
    assert read(path).locations == [f"{path}:2", f"{path}:5"]
    path = write("a.jsonl", '\n{"word": "zoo", "phones": "Z UW1"}\n')
    assert read(path).locations == [f"{path}:2"]


def test_a_table_without_header_has_numbered_columns(write):
    path = write("a.tsv", "άρα\ta ɾ a\n" + 'δ"\tð\n')
    examples = read_examples(path, input="1", target="2", header=False)
    assert examples == Examples(["άρα", 'δ"'], ["a ɾ a", "ð"], [f"{path}:1", f"{path}:2"])


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text.strip())
tables = st.lists(st.tuples(cells, cells), min_size=1, max_size=5)


@given(tables)
def test_csv_reads_back_what_the_csv_module_writes(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("word", "phones"), *table])
    examples = read(path)
    assert list(zip(examples.inputs, examples.targets, strict=True)) == [(a.strip(), b.strip()) for a, b in table]


@given(tables)
def test_jsonl_reads_back_what_the_json_module_writes(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("".join(json.dumps({"word": a, "phones": b}) + "\n" for a, b in table))
    examples = read(path)
    assert list(zip(examples.inputs, examples.targets, strict=True)) == [(a.strip(), b.strip()) for a, b in table]


long = "a" * (MAX_LINE_BYTES + 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", ": has no rows"),
        ("a.csv", "\ufeff", ": has no rows"),
        ("a.csv", "word,phones\n", ": has no rows"),
        ("a.jsonl", "\n", ": has no rows"),
        ("a.xlsx", "PK", ": unknown kind of file '.xlsx': give a .csv"),
        ("a.csv", "word,phones\nzoo,Z\nna\xefve,N\n".encode("latin-1"), ":3: byte 3 (0xef) is not UTF-8"),
        ("a.csv", "word,phones\nzoo,Z\n".encode("utf-16"), ":1: byte 1 (0xff) is not UTF-8"),
        ("a.csv", b"word,phones\nzoo,Z\0\n", ":2: a NUL byte"),
        ("a.csv", "word,phones\rzoo,Z\r", ":1: a carriage return inside a line"),
        ("a.csv", 'word,phones\nzoo,Z\n"cat,K\ndog,D\n', ":3: a quote opens in this row"),
        ("a.csv", 'word,phones\n"zoo" x,Z\n', ":2: a quote opens in this row"),
        ("a.csv", 'word,phones\n"zoo,Z\n' + "cat,K\n" * 50_000, ":2: a quote opens in this row"),
        ("a.csv", "word,phones\nzoo,Z,UW\n", ":2: the row has 3 cells, the first one 2"),
        ("a.tsv", "word\tphones\nzoo\n", ":2: the row has 1 cells, the first one 2"),
        (
            "a.csv",
            "words,phones,n\nzoo,Z,1\n",
            ":2: no column 'word'; did you mean 'words'? there are: 'words', ",
        ),
        ("a.jsonl", '{"wrod": "zoo", "phones": "Z"}', ":1: no column 'word'; did you mean 'wrod'?"),
        ("a.csv", "word,phones,word\nzoo,Z,1\n", ":1: two columns named 'word'"),
        ("a.jsonl", '{"word": "zoo", "phones": "Z", "word": "b"}', ":1: two columns named 'word'"),
        ("a.csv", "word,phones\nzoo,Z\ncat,  \n", ":3: column 'phones' is empty"),
        ("a.csv", "word;phones\nzoo;Z\n", ":1: only one column, and ';' in it"),
        ("a.csv", "word\tphones\nzoo\tZ\n", ":1: only one column, and '\\t' in it"),
        ("a.tsv", "word,phones\nzoo,Z\n", ":1: only one column, and ',' in it"),
        ("a.csv", f"word,phones\n{long},Z\n", ":2: a line of more than 10,000,000 bytes"),
        ("a.jsonl", '{"word": "zoo"\n', ":1: not JSON (Expecting"),
        ("a.jsonl", "[" * 50_000, ":1: not JSON (a number is too long or a nesting too deep)"),
        ("a.jsonl", "9" * 5_000, ":1: not JSON (a number is too long or a nesting too deep)"),
        ("a.jsonl", '["zoo", "Z"]', ":1: not a JSON object"),
        ("a.jsonl", '{"word": "zoo", "phones": true}', ":1: column 'phones' is not text"),
        (
            "a.jsonl",
            '{"word": "\\ud800", "phones": "Z"}',
            ":1: column 'word' has characters that are not text",
        ),
        (
            "a.jsonl",
            '{"word": "a\\u0000", "phones": "Z"}',
            ":1: column 'word' has characters that are not text",
        ),
    ],
)
def test_a_bad_table_is_one_line_with_its_place(write, name, content, message):
    path = write(name, content)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(path + message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("reader", [read, read_lines])
def test_a_path_that_is_no_file_is_named(tmp_path, reader):
    (tmp_path / "folder.csv").mkdir()
    for path, message in [
        (tmp_path / "none.csv", "no such file"),
        (tmp_path / "folder.csv", "is a folder"),
        (tmp_path / "folder.csv" / "a\0.csv", "cannot be read"),
    ]:
        with pytest.raises(InputError) as error:
            reader(path)
        assert str(error.value).startswith(f"{path}: {message}")


@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl"]), st.binary(max_size=40))
def test_any_bytes_give_rows_or_one_line(tmp_path_factory, name, content):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(b"word,phones\n" + content if name == "a.csv" else content)
    try:
        assert len(read(path)) > 0
    except InputError as error:
        assert "\n" not in str(error)


def test_lines_come_with_their_places(write):
    path = write("words.txt", "\ufeffzoo\r\n naïve ")
    assert read_lines(path) == (["zoo", "naïve"], [f"{path}:1", f"{path}:2"])


def test_lines_come_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"zoo\ncat\n")))
    assert read_lines("-") == (["zoo", "cat"], ["stdin:1", "stdin:2"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": is empty"),
        ("zoo\n\ncat\n", ":2: the line is empty"),
        (b"zoo\n\x89PNG", ":2: byte 1 (0x89) is not UTF-8"),
        (b"zoo\0", ":1: a NUL byte"),
        (long, ":1: a line of more than 10,000,000 bytes"),
    ],
)
def test_a_bad_line_is_one_line_with_its_place(write, content, message):
    path = write("words.txt", content)
    with pytest.raises(InputError) as error:
        read_lines(path)
    assert str(error.value).startswith(path + message)


def numbered(inputs):
    return Examples(inputs, [str(i) for i in range(len(inputs))], [f"a.csv:{i + 2}" for i in range(len(inputs))])


def test_split_keeps_every_row_once_and_an_input_on_one_side():
    examples = numbered([f"word{i % 50}" if i < 100 else f"WORD{i % 50}" for i in range(150)])
    training, validation = split(examples, 0.2, seed=1)
    assert sorted(training.locations + validation.locations) == sorted(examples.locations)
    assert {w.lower() for w in training.inputs}.isdisjoint(w.lower() for w in validation.inputs)
    assert len({w.lower() for w in validation.inputs}) == 10
    row = dict(zip(examples.locations, zip(examples.inputs, examples.targets, strict=True), strict=True))
    for part in (training, validation):
        assert list(zip(part.inputs, part.targets, strict=True)) == [row[location] for location in part.locations]
        assert part.locations == [
            location for location in examples.locations if location in set(part.locations)
        ]  # their order is kept


def test_split_depends_on_inputs_and_seed_and_not_on_the_order_of_rows():
    words = [f"word{i}" for i in range(40)]
    _, validation = split(numbered(words), 0.25, seed=1)
    _, reversed_rows = split(numbered(words[::-1]), 0.25, seed=1)
    _, another = split(numbered(words), 0.25, seed=2)
    assert set(validation.inputs) == set(reversed_rows.inputs)
    assert set(validation.inputs) != set(another.inputs)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_split_leaves_neither_side_empty(fraction):
    training, validation = split(numbered(["a", "b", "c"]), fraction, seed=0)
    assert {len(training), len(validation)} == {1, 2}


def test_split_refuses_what_cannot_be_split():
    with pytest.raises(InputError, match="1 different inputs"):
        split(numbered(["a", "A"]), 0.5, seed=0)
    for fraction in (0, 1, float("nan")):
        with pytest.raises(InputError, match="validation share"):
            split(numbered(["a", "b"]), fraction, seed=0)


def test_columns_of_examples_are_equally_long():
    with pytest.raises(InputError, match="2 inputs, 1 targets"):
        Examples(["a", "b"], ["c"], ["d", "e"])
