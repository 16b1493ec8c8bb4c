"""Tables as spreadsheets write them."""

import gzip

import pytest

from zoo.data.dialects import Dialect
from zoo.data.read import examples
from zoo.errors import InputError

PLAIN = "text;price;label\nein Film;1,5;gut\nMüller;-2,25;schlecht\nnoch einer;3;gut\n"


@pytest.fixture
def write(tmp_path):
    def written(content, name="a.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return written


def read(path, dialect="auto", **columns):
    result = examples(path, **{"input": "text", "target": "label", "dialect": dialect, **columns})
    return result.inputs, result.targets, result.reading.notes


INPUTS, LABELS = ["ein Film", "Müller", "noch einer"], ["gut", "schlecht", "gut"]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN, "cells are separated by ';'"),
        ("sep=;\n" + PLAIN, "the first line names the separator, ';'"),
        (PLAIN.encode("utf-16"), "read as utf-16;"),
        (PLAIN.encode("utf-16-le"), "read as utf-16-le;"),
        (PLAIN.encode("cp1252"), "read as cp1252; for another encoding --dialect encoding=NAME"),
        (PLAIN.encode("utf-8-sig").replace(b"\n", b"\r\n"), "cells are separated by ';'"),
        ("Umsatz 2024\n\n# Quelle\n" + PLAIN, "2 lines before the header are left out"),
        (PLAIN.replace("\n", ";;\n"), "2 empty columns at the end are left out"),
        (PLAIN + ";;\n;;\n", "2 empty rows are left out"),
        (PLAIN.replace(";", "\t"), "cells are separated by '\\t'"),
        (PLAIN.replace(";", "|"), "decimal commas in 'price' are read as points"),
    ],
)
def test_what_a_spreadsheet_writes_is_read_and_told(write, content, note):
    inputs, labels, notes = read(write(content))
    assert inputs == INPUTS and labels == LABELS
    assert any(line.startswith(note) for line in notes), notes
    assert read(write(content), target="price")[1] == ["1.5", "-2.25", "3"]


def test_a_strict_reader_refuses_it_and_names_the_option(write):
    with pytest.raises(InputError, match="a.csv:1: only one column, and ';' in it: .* or use --dialect auto"):
        read(write(PLAIN), dialect="")


def test_a_plain_table_is_read_alike_without_a_note(write):
    plain = 'text,label\n"a, b",x\nc,y\n'
    assert read(write(plain)) == (["a, b", "c"], ["x", "y"], ())
    assert read(write(gzip.compress(plain.encode()), "a.CSV.GZ"), dialect="")[0] == ["a, b", "c"]
    assert read(write(gzip.compress(plain.encode()), "a.csv.gz"))[0] == ["a, b", "c"]


@pytest.mark.parametrize(
    ("content", "dialect", "message"),
    [
        (
            "a;1,5\nb;2,5\n",
            "auto",
            "a.csv:1: cells may be separated by ',' and ';': set it with --dialect 'separator=,'",
        ),
        (
            "text;price;label\na;1,250;x\nb;2,125;y\n",
            "auto",
            "a.csv:2: column 'price': '1,250' has a decimal comma or thousands: set it",
        ),
        ("текст,метка\nфильм,да\n".encode("cp1251"), "auto", "a.csv:1: is not UTF-8: name the encoding"),
        (PLAIN.encode("cp1252"), "encoding=utf-8", "a.csv:3: is not utf-8: name it with --dialect encoding=NAME"),
        ("text;label\na;x\nb\n", "auto", "a.csv:3: the row has 1 cells, the first one 2"),
        ('text;label\n"a;x\n', "auto", "a.csv:2: a quote opens"),
        ("text;label\n", "auto", "a.csv: has no rows"),
        ("", "auto", "a.csv: has no rows"),
        ("text;text\na;b\n", "auto", "a.csv:1: two columns named 'text'"),
        ("text;label\na\0;x\n", "encoding=utf-8", "a.csv:2: a NUL byte"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_an_error_with_its_place(write, content, dialect, message):
    with pytest.raises(InputError) as error:
        read(write(content), dialect)
    assert message in str(error.value)


def test_the_user_decides(write):
    thousands = "text;price;label\na;1,250;x\nb;2,125;y\n"
    assert read(write(thousands), "auto decimal=,", target="price")[1] == ["1.250", "2.125"]
    assert read(write(thousands), "auto decimal=.", target="price")[1] == ["1,250", "2,125"]
    assert read(write("текст,метка\nфильм,да\n".encode("cp1251")), "encoding=cp1251", input="текст", target="метка")[
        0
    ] == ["фильм"]
    assert read(write("x\ny\ntext\tlabel\na\tb\n"), "skip=2 separator=tab")[0] == ["a"]
    assert Dialect.parse("separator=tab skip=2") == Dialect(None, "\t", None, 2)
    for text in ("automatic", "separator=ab", "decimal=;", "skip=-1", "encoding=none", "quote="):
        with pytest.raises(InputError, match="--dialect"):
            Dialect.parse(text)


def test_long_documents_are_read_from_tables_and_lines(write):
    long = "word " * 100_000
    assert len(read(write(f"text,label\n{long},x\nb,y\n"), "")[0][0]) == len(long.strip())
    assert len(read(write(f'{{"text": "{long}", "label": "x"}}\n', "a.jsonl"), "")[0][0]) == len(long.strip())
