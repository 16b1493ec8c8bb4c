"""Prediction and evaluation read every form that fine-tuning reads, by the columns of the record."""

import csv
import importlib
import io

import numpy as np
import pandas
import pytest
from click.testing import CliRunner
from samples import sounds, write_wav

from zoo.data.columns import Columns
from zoo.data.unlabelled import read_unlabelled
from zoo.errors import InputError

main = importlib.import_module("zoo.cli.main").main
VALUES = np.random.default_rng(0).normal(size=(3, 24)).round(3)
MODEL = "gru_small.italy_power_demand"


def wide(**more):
    frame = pandas.DataFrame(VALUES, columns=[f"t{i}" for i in range(24)])
    return frame.assign(**more)


def long():
    rows = [(f"s{i}", t, VALUES[i, t]) for i in range(3) for t in range(24)]
    return pandas.DataFrame(rows, columns=["id", "t", "x"])


def read(path, layout="series", keep=(), **columns):
    bad = []
    result = read_unlabelled(path, Columns(**columns), layout, keep, bad.append)
    return result, list(map(str, bad))


def test_wide_tables_with_and_without_the_target_and_what_was_left_out(tmp_path):
    wide().to_csv(tmp_path / "a.csv", index=False)
    wide(kind=["u", "v", "u"]).to_parquet(tmp_path / "b.parquet")
    wide(kind=["u", "v", "u"]).to_json(tmp_path / "c.jsonl", orient="records", lines=True)
    wide().to_csv(tmp_path / "d.csv")
    for name, left_out in (("a.csv", ()), ("b.parquet", ()), ("c.jsonl", ()), ("d.csv", ("",))):
        result, bad = read(tmp_path / name, target="kind", left_out=left_out)
        np.testing.assert_allclose(result.inputs, VALUES[:, :, None], rtol=1e-6)
        assert not bad and result.names == result.locations
    one = wide(n=[7, 8, 9])[["n", *wide().columns]][:1]
    one.to_csv(tmp_path / "e.csv", index=False)
    assert read(tmp_path / "e.csv", left_out=("n",))[0].inputs[0].shape == (24, 1), "one row cannot show that n counts"


def test_long_tables_ts_files_and_folders_of_sounds(tmp_path):
    long().to_csv(tmp_path / "a.csv", index=False)
    result, _ = read(tmp_path / "a.csv", input="x", series="id", time="t", target="kind")
    np.testing.assert_allclose(result.inputs, VALUES[:, :, None], rtol=1e-6)
    lines = "".join(f"{','.join(map(str, row))}:?\n" for row in VALUES[:, :5])
    (tmp_path / "a.ts").write_text(f"@classLabel true ? a\n@data\n{lines}")
    assert len(read(tmp_path / "a.ts")[0].inputs) == 3
    for i, sound in enumerate(sounds(4).inputs):
        write_wav(tmp_path / "clips" / f"{i % 2}" / f"{i}.wav", sound.samples)
    (tmp_path / "clips" / "no.wav").write_bytes(b"RIFF")
    result, bad = read(tmp_path / "clips")
    assert [name.rpartition("/")[2] for name in result.names] == ["0.wav", "2.wav", "1.wav", "3.wav"]
    assert len(bad) == 1 and "no.wav: not a sound file" in bad[0]


def test_texts_tokens_and_names_of_sounds(tmp_path):
    frame = pandas.DataFrame({"id": [1, 2], "text": ["one day", "two"], "tokens": [["fly", "to"], ["go"]]})
    frame.to_parquet(tmp_path / "a.parquet")
    result, _ = read(tmp_path / "a.parquet", "rows", ("id",), input="text")
    assert result.inputs == result.names == ["one day", "two"] and result.kept == [{"id": "1"}, {"id": "2"}]
    assert read(tmp_path / "a.parquet", "tokens", input="tokens")[0].inputs == ["fly to", "go"]
    write_wav(tmp_path / "a.wav", sounds(1).inputs[0].samples)
    (tmp_path / "a.csv").write_text("path\na.wav\n")
    result, _ = read(tmp_path / "a.csv", input="path")
    assert result.names == [str(tmp_path / "a.wav")]


def test_bad_rows_are_told_and_bad_columns_refused(tmp_path):
    wide(t3=[1, None, 2]).to_csv(tmp_path / "a.csv", index=False)
    result, bad = read(tmp_path / "a.csv")
    assert len(result.inputs) == 2 and bad == [
        f"{tmp_path / 'a.csv'}:3: column 't3' is '', not a finite number: fill the gap or remove the series"
    ]
    with pytest.raises(InputError, match="column 't0' has one number per row, not a series: leave --input out"):
        read(tmp_path / "a.csv", input="t0")
    with pytest.raises(InputError, match="no column 'none'"):
        read(tmp_path / "a.csv", keep=("none",))
    with pytest.raises(InputError, match="name the column to read: --input COLUMN"):
        read(tmp_path / "a.csv", "rows")
    with pytest.raises(InputError, match="name the columns: --series COLUMN --time COLUMN"):
        read(tmp_path / "a.csv", series="id")


def test_the_command_answers_every_form_alike(tmp_path):
    wide(name=list("abc")).to_csv(tmp_path / "a.csv", index=False)
    wide().to_parquet(tmp_path / "b.parquet")
    long().to_csv(tmp_path / "c.csv", index=False)
    answers = []
    for arguments in (
        ["a.csv", "--input", ",".join(wide().columns), "--keep", "name"],
        ["b.parquet"],
        ["c.csv", "--series", "id", "--time", "t", "--input", "x"],
    ):
        result = CliRunner().invoke(main, ["predict", MODEL, "--file", str(tmp_path / arguments[0]), *arguments[1:]])
        assert result.exit_code == 0, result.output
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        answers.append([(row["prediction"], row["probability"]) for row in rows])
    assert answers[0] == answers[1] == answers[2] and len(answers[0]) == 3
    result = CliRunner().invoke(main, ["predict", MODEL, "--file", str(tmp_path / "a.csv"), "--input", "t0"])
    assert result.exit_code == 2 and "one number per row, not a series" in result.stderr and not result.stdout
