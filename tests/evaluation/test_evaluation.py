"""A file is measured row by row; what comes out is what its rows in memory give."""

import gzip
import json
import types

import pytest
from samples import slopes, sounds

import zoo
from zoo import datasets
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.tables import read_examples
from zoo.errors import InputError
from zoo.evaluation import sources
from zoo.models import registry
from zoo.tasks import FORECASTERS, find_task

WORDS = ["ab", "ba", "ab", "aab", "b", "ab", "abb"]
PHONES = ["A B", "B A", "A C", "A A B", "B", "A B C", "A B B"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "words.jsonl"
    rows = [json.dumps({"word": w, "phones": p}) for w, p in zip(WORDS, PHONES, strict=True)]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def source_of(multi_reference, data, limit=None, **columns):
    model = types.SimpleNamespace(task=find_task("sequence_to_sequence" if multi_reference else "classification"))
    return sources.source(model, data, "", Columns(**columns), limit, BadRows())


def held(path, multi_reference):
    return source_of(multi_reference, read_examples(path, "word", "phones"))[0]


@pytest.mark.parametrize("multi_reference", [True, False])
@pytest.mark.parametrize("part", [2, 3, 100])
def test_cases_of_a_file_are_those_of_its_examples(file, multi_reference, part, monkeypatch):
    monkeypatch.setattr(sources, "PART", part)
    source, name, split = source_of(multi_reference, file, input="word", target="phones")
    assert (name, split, len(source)) == ("words.jsonl", "all", 5 if multi_reference else 7)
    for _ in range(2):  # it can be read again
        rows = [(p.inputs, p.references, p.locations) for p in source.parts()]
        assert all(len(inputs) <= part for inputs, _, _ in rows)
        inputs, references, location = ([x for row in rows for x in row[i]] for i in range(3))
        expected = held(file, multi_reference).cases
        assert (inputs, references, location) == (expected.inputs, expected.references, expected.locations)


@pytest.mark.parametrize("multi_reference", [True, False])
def test_a_limit_draws_the_same_cases_from_file_and_examples(file, multi_reference):
    for limit in (1, 3, 50):
        source = source_of(multi_reference, file, limit, input="word", target="phones")[0]
        other = source_of(multi_reference, read_examples(file, "word", "phones"), limit)[0]
        assert len(source) == len(other)
        assert [p.inputs for p in source.parts()] == [p.inputs for p in other.parts()]


def test_parts_change_no_score(tmp_path, monkeypatch):
    path = tmp_path / "words.csv"
    path.write_text("word,phones\nkeras,K EH1 R AH0 S\nzoo,Z UW1\nkeras,K EH1 R AA0 S\ncat,K AE1 T\n", "utf-8")
    pipeline = zoo.load("gru_small.cmudict")
    columns = {"input": "word", "target": "phones"}
    whole = zoo.evaluate(pipeline, read_examples(path, **columns), beam_size=1)
    monkeypatch.setattr(sources, "PART", 2)
    seen, sizes = [], []
    result = zoo.evaluate(
        pipeline,
        path,
        **columns,
        beam_size=1,
        keep=False,
        on_start=sizes.append,
        on_prediction=lambda *row: seen.append(row),
    )
    assert result.values == whole.values and result.size == whole.size == 3
    assert seen == list(zip(whole.inputs, whole.outputs, whole.references, strict=True))
    assert result.outputs == [] and sizes == [3]
    # Marks in the references of a later part count for all: none is scored as if no reference had them.
    path.write_text("word,phones\nkeras,K EH R AH S\nzoo,Z UW\ncat,K AE1 T\n", "utf-8")
    assert "wer" in zoo.evaluate(pipeline, path, **columns, beam_size=1).values


def test_a_bad_row_is_told_before_the_first_answer(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("word,phones\nkeras,K EH1 R AH0 S\nz€o,Z UW1\n", "utf-8")
    answered = []
    with pytest.raises(InputError, match="words.csv:3: "):
        zoo.evaluate(
            zoo.load("gru_small.cmudict"),
            path,
            input="word",
            target="phones",
            on_prediction=lambda *row: answered.append(row),
        )
    assert not answered


@pytest.mark.slow  # starts processes
def test_processes_change_nothing(tmp_path, monkeypatch):
    """Words that stand in several parts, quoted cells with line ends, blank lines, rows that cannot be used."""
    rows = ["word,phones"]
    for i in range(40):
        rows += [f'"{"abcdefg"[i % 7]}{"hij"[i % 3]}","K AE1\nT"' if i % 4 else f"cat{'s' * (i % 5)},K AE1 T", ""]
    path = tmp_path / "words.csv"
    path.write_text("\n".join([*rows[:20], "z€o,Z", "x,", *rows[20:]]), "utf-8")
    monkeypatch.setattr(sources, "PART", 5)
    result = []
    for processes in (1, 2):
        seen, notes = [], []
        report = zoo.evaluate(
            "lstm_tiny.cmudict",
            path,
            input="word",
            target="phones",
            beam_size=1,
            skip_bad_rows=True,
            processes=processes,
            on_prediction=lambda *row, seen=seen: seen.append(row),
            on_message=notes.append,
        )
        result.append((report, seen, notes))
    assert result[0] == result[1]
    assert result[0][0].left_out == 2 and result[0][0].size > 15


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize("multi_reference", [True, False])
def test_a_part_of_a_file_is_read_as_the_whole_is(tmp_path, monkeypatch, multi_reference, ending, limit):
    path = tmp_path / f"words{ending}"
    text = 'word,phones\n"a","K\nT"\n\nb,"T"\nä,Z\n"a",B\nc,"D\n"\n'.encode()
    path.write_bytes(gzip.compress(text) if ending == ".csv.gz" else text)
    monkeypatch.setattr(sources, "PART", 2)
    source = source_of(multi_reference, path, limit, input="word", target="phones")[0]
    parts = list(source.parts())
    assert [source.without_lines().read(span) for span in source.spans()] == parts
    assert len(parts) == (2 if limit else 3 - multi_reference)


def test_bad_rows_are_named_together_or_left_out_and_counted(tmp_path):
    good = ["cat,K AE1 T", "dog,D AO1 G", "zoo,Z UW1"]
    path = tmp_path / "words.csv"
    path.write_text("word,phones\n" + "\n".join([good[0], "na☃ve,N", good[1], "a,b,c", "x,", good[2]]) + "\n", "utf-8")
    columns = {"input": "word", "target": "phones"}
    with pytest.raises(InputError) as caught:
        zoo.evaluate("lstm_tiny.cmudict", path, **columns)
    lines = caught.value.lines()
    assert [line.split(": ")[0] for line in lines[:2]] == [f"{path}:5", f"{path}:6"] and "--skip-bad-rows" in lines[-1]
    notes = []
    result = zoo.evaluate("lstm_tiny.cmudict", path, **columns, skip_bad_rows=True, on_message=notes.append)
    assert notes[0] == "3 rows were left out" and {note.split(": ")[0] for note in notes[1:]} == {
        f"{path}:{line}" for line in (3, 5, 6)
    }
    (tmp_path / "good.csv").write_text("word,phones\n" + "\n".join(good) + "\n", "utf-8")
    expected = zoo.evaluate("lstm_tiny.cmudict", tmp_path / "good.csv", **columns)
    assert result.values == expected.values and result.names == expected.names
    assert (result.size, result.left_out, expected.left_out) == (3, 3, 0)
    assert result.to_json()["left_out"] == 3 and "left_out" not in expected.to_json()


def test_words_of_a_dataset_that_the_model_cannot_read_count_as_wrong(monkeypatch):
    words = zoo.Examples(["na☃ve", "cat", "☃"], ["N AY1", "K AE1 T", "S N OW1"], ["a:1", "a:2", "a:3"])
    monkeypatch.setattr(datasets, "load", lambda name, split: words)
    notes = []
    result = zoo.evaluate("lstm_tiny.cmudict", "cmudict", on_message=notes.append)
    assert notes[0] == "2 rows were not read and count as wrong"
    assert (result.size, result.left_out, result.outputs) == (3, 0, ["", "K AE1 T", ""])
    assert result.values["wer"].value == pytest.approx(2 / 3) and result.values["per"].value == pytest.approx(5 / 8)
    left_out = zoo.evaluate("lstm_tiny.cmudict", "cmudict", skip_bad_rows=True)
    assert (left_out.size, left_out.left_out) == (1, 2)


@pytest.mark.parametrize("task", sorted({dataset.task for dataset in datasets.DATASETS.values()} - set(FORECASTERS)))
def test_a_dataset_of_another_task_is_refused_before_it_is_read(task, monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda name, split: pytest.fail(f"{name} is read"))
    model = types.SimpleNamespace(task=find_task(task))
    for name, dataset in datasets.DATASETS.items():
        if dataset.task != task:
            with pytest.raises(InputError, match=f"{name} is for {dataset.task}, and the model for {task}: choose"):
                sources.source(model, name, "test", Columns(), None, BadRows())


def test_a_dataset_of_other_languages_is_refused():
    document = {"data": {"name": "multi30k/en_de"}}
    model = types.SimpleNamespace(task=find_task("translation"), document=document)
    with pytest.raises(InputError, match="tatoeba/de_en has other languages than the model, en_de: .* multi30k/en_de"):
        sources.source(model, "tatoeba/de_en", "test", Columns(), None, BadRows())


@pytest.mark.parametrize(("name", "has"), [("fsdd", "sounds"), ("ucr/gun_point", "series of numbers")])
def test_sounds_and_series_of_numbers_are_not_taken_for_each_other(name, has, monkeypatch):
    made = {"fsdd": sounds(4), "ucr/gun_point": slopes(4)}
    monkeypatch.setattr(datasets, "load", lambda name, split: made[name])
    task = find_task("series_classification")
    other = next(examples for key, examples in made.items() if key != name)
    preprocessor = task.fit(other, registry.find_backbone("gru"))
    model = types.SimpleNamespace(task=task, preprocessor=preprocessor, document=None)
    with pytest.raises(InputError, match=f"dataset {name} has {has}, and the model reads .*: choose another one"):
        sources.source(model, name, "test", Columns(), None, BadRows())
    model.preprocessor = task.fit(made[name], registry.find_backbone("gru"))
    assert len(sources.source(model, name, "test", Columns(), None, BadRows())[0]) == 4


def test_nothing_is_measured_where_no_row_can_be_used(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("word,phones\nna☃ve,N\n", "utf-8")
    with pytest.raises(InputError, match="no row can be used: .*words.csv:2"):
        zoo.evaluate("lstm_tiny.cmudict", path, input="word", target="phones", skip_bad_rows=True)


def test_characters_that_are_read_as_others_are_told():
    notes = []
    examples = zoo.Examples(["don’t", "cat"], ["D OW1 N T", "K AE1 T"], ["a:1", "a:2"])
    zoo.evaluate("lstm_tiny.cmudict", examples, on_message=notes.append)
    assert notes == ["1 input has characters that are read as others: 'don’t' as \"don't\""]
