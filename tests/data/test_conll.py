"""A token and a tag per line, and lists of tokens and tags."""

import json

import pandas
import pytest

from zoo.data.read import examples
from zoo.errors import InputError
from zoo.tasks.infer import infer_task

NER = "-DOCSTART- -X- O\n\nfly VB O\nto TO O\nRome NNP I-city\n\n\ngo VB O\nhome NN O\n"
UD = (
    "# sent_id = 1\n# text = Vámonos al mar\n1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_\n"
    + "".join(
        f"{i}\t{word}\t_\t{tag}\tX\t_\t0\t_\t_\t_\n"
        for i, word, tag in ((1, "Vamos", "VERB"), (2, "nos", "PRON"), ("2.1", "x", "X"), (3, "a l", "ADP"))
    )
    + "\n1\t#\t_\tSYM\tX\t_\t0\t_\t_\t_\n"
)


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        (tmp_path / name).write_text(text, "utf-8")
        return str(tmp_path / name)

    return written


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "A.CONLL"])
def test_sentences_stand_between_empty_lines(write, name):
    result = examples(write(name, NER))
    assert result.inputs == ["fly to Rome", "go home"] and result.targets == ["O O I-city", "O O"]
    assert [place.rpartition(":")[2] for place in result.locations] == ["3", "8"]
    assert examples(write(name, NER), "1", "2").targets == ["VB TO NNP", "VB NN"]
    assert infer_task(result) == "tagging"


def test_a_tsv_with_empty_lines_is_read_by_sentences_whether_or_not_it_names_its_columns(write):
    text = NER.replace(" ", "\t").partition("\n\n")[2]
    for result in (
        examples(write("a.tsv", text)),
        examples(write("a.tsv", text), "1", "3", header=False),
        examples(write("a.tsv", "word\tpos\ttag\n" + text), "word", "tag"),
    ):
        assert result.inputs == ["fly to Rome", "go home"] and result.targets == ["O O I-city", "O O"]
    single = examples(write("a.tsv", text), "1", "3", header=False, layout="rows")
    assert single.inputs == ["fly", "to", "Rome", "go", "home"]


def test_universal_dependencies_by_the_names_of_their_columns(write):
    result = examples(write("a.conllu", UD))
    assert result.inputs == ["Vamos nos a_l", "#"] and result.targets == ["VERB PRON ADP", "SYM"]
    assert "spaces inside 1 tokens or tags are read as _" in result.reading.notes
    assert examples(write("a.conllu", UD), "FORM", "XPOS").targets == ["X X X", "X"]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a O\nb O\nc\n", (), "a.conll:3: 1 columns, the other lines have 2"),
        ("a\nb\n", (), "a.conll: only one column"),
        ("\n\n", (), "a.conll: has no tokens"),
        ("-DOCSTART- O\n", (), "a.conll: has no sentence"),
        ("a\t\nb\tO\n", (), "a.conll:1: an empty token or tag"),
        ("a O\n", ("1", "7"), "a.conll: no column '7'; there are: 1, 2"),
    ],
)
def test_a_bad_line_is_named(write, text, columns, message):
    with pytest.raises(InputError, match=message):
        examples(write("a.conll", text), *columns)


def test_lists_of_tokens_and_tags_in_json_frames_and_parquet(write, tmp_path):
    rows = [{"tokens": ["fly", "to", "Rome"], "tags": ["O", "O", "B-city"]}, {"tokens": ["go"], "tags": ["O"]}]
    numbered = [{**row, "tags": [int(tag != "O") for tag in row["tags"]]} for row in rows]
    for made, names in ((rows, ""), (numbered, "O,B-city")):
        file = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in made))
        frame = pandas.DataFrame(made)
        frame.to_parquet(tmp_path / "a.parquet")
        for data in (file, frame, tmp_path / "a.parquet"):
            result = examples(data, "tokens", "tags", tag_names=names)
            assert result.inputs == ["fly to Rome", "go"] and result.targets == ["O O B-city", "O"]
            assert infer_task(result) == "tagging"
    with pytest.raises(InputError, match="DataFrame:1: column 'tags': tag 0: tags have no names: name them"):
        examples(pandas.DataFrame(numbered), "tokens", "tags")
    with pytest.raises(InputError, match="tag 1: only 1 tags are named"):
        examples(pandas.DataFrame(numbered), "tokens", "tags", tag_names="O")
    with pytest.raises(InputError, match="'New York' is not a token"):
        examples(pandas.DataFrame([{"tokens": ["New York"], "tags": ["O"]}]), "tokens", "tags")


def test_targets_of_json_may_be_numbers_and_inputs_series(write):
    result = examples(write("a.jsonl", '{"x": [1, 2], "y": 1.5}\n{"x": [[3, 4]], "y": 2}\n'), "x", "y")
    assert result.targets == ["1.5", "2"] and [x.shape for x in result.inputs] == [(2, 1), (1, 2)]
