"""The command line as a user meets it: good input, and bad input with one clear line."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.datasets.catalogue import DATASETS
from zoo.recipes.recipes import RECIPES

ROOT = Path(__file__).parents[2]
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
MODEL = "gru_small.cmudict"


def run(*arguments, input=None):
    return CliRunner().invoke(main, [str(a) for a in arguments], input=input)


def fails(result, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for part in parts:
        assert part in lines[0]


def test_list_shows_every_checkpoint():
    result = run("list")
    assert result.exit_code == 0
    for name in locate.list_models():
        assert name in result.stdout


def test_list_as_json_by_pattern():
    rows = json.loads(run("list", "*.cmudict", "--json").stdout)
    assert [row["name"] for row in rows] == locate.list_models("*.cmudict")
    assert all(row["parameters"] > 0 for row in rows)


@pytest.mark.parametrize("arguments", [["-c", "import zoo"], ["-m", "zoo.cli.main", "list"]], ids=["import", "list"])
def test_it_starts_without_a_warning(arguments):
    run = subprocess.run([sys.executable, "-W", "error", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == "", run.stderr


def test_listing_and_info_import_no_backend():
    code = (
        "import sys, zoo\nfrom zoo.cli.main import main\n"
        "for arguments in (['list'], ['info', 'gru_small.cmudict'], ['--help']):\n"
        "    try: main(arguments)\n"
        "    except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_info_says_what_it_is_and_how_good():
    text = run("info", MODEL).stdout
    record = locate.read_record(MODEL)
    assert record.weights.sha256 in text
    assert "cmudict/published" in text and "Mousa" in text


@pytest.mark.parametrize("command", ["list", "info", "predict", "evaluate", "finetune", "train"])
def test_help_shows_an_example(command):
    text = run(command, "--help").stdout
    assert f"zoo {command}" in text.split("Example:")[1]


def test_predict_words_json_and_standard_input(tmp_path):
    golden = locate.read_record(MODEL).golden
    result = run("predict", MODEL, *golden["inputs"], "--beam", "1")
    expected = [f"{a}\t{b}" for a, b in zip(golden["inputs"], golden["outputs"], strict=True)]
    assert result.stdout.splitlines() == expected
    piped = run("predict", MODEL, "--beam", "1", "--json", input="\n".join(golden["inputs"]) + "\n")
    assert [json.loads(line)["output"] for line in piped.stdout.splitlines()] == golden["outputs"]
    file = tmp_path / "words.txt"
    file.write_text("\n".join(golden["inputs"]) + "\n")
    assert run("predict", MODEL, "--file", file, "--beam", "1").stdout == result.stdout


def test_predict_draws_the_attention(tmp_path):
    picture = tmp_path / "attention.png"
    assert run("predict", MODEL, "phoneme", "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_evaluate_a_file_as_json_with_predictions(tmp_path):
    file, predictions = tmp_path / "words.csv", tmp_path / "out.jsonl"
    file.write_text("word,phones\ncat,K AE1 T\ntomato,T AH0 M EY1 T OW2\ntomato,T AH0 M AA1 T OW2\n")
    result = run(
        "evaluate",
        MODEL,
        file,
        "--input",
        "word",
        "--target",
        "phones",
        "--json",
        "--predictions",
        predictions,
    )
    found = json.loads(result.stdout)
    assert found["size"] == 2
    assert set(found["values"]) == {"wer", "per", "wer_no_stress", "per_no_stress"}
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [row["input"] for row in rows] == ["cat", "tomato"]
    assert len(rows[1]["references"]) == 2


def test_unknown_names_get_the_nearest():
    fails(run("info", "gru_smal.cmudict"), 2, "gru_small.cmudict")
    fails(run("predict", "gru_smal.cmudict", "word"), 2, "gru_small.cmudict")
    fails(run("train", "gru_smal.cmudict"), 2, "nearest: gru_small.cmudict")
    fails(run("train", "xyz"), 2, "zoo list")
    fails(run("evaluate", MODEL, "--dataset", "cmudict/publishd"), 2, "nearest: cmudict/published")
    fails(run("evaluate", MODEL, "--dataset", "xyz"), 2, "zoo list --datasets")
    fails(run("list", "--datasets", "nothing"), 2, "zoo list --datasets")
    fails(run("list", "--datasets", "--architectures"), 2, "ask for one")


def test_lists_the_datasets():
    rows = json.loads(run("list", "--datasets", "--json").stdout)
    assert [row["name"] for row in rows] == list(DATASETS)
    text = run("list", "--datasets", "multi30k/*").stdout
    assert "multi30k/en_de" in text and "test_2016_flickr" in text and "cmudict" not in text


@pytest.mark.parametrize(("times", "told"), [(14.24, True), (0.5, False)])
def test_training_says_where_bfloat16_is_slower_than_float32(monkeypatch, times, told):
    monkeypatch.setattr("zoo.analysis.profiling.bfloat16_slowdown", lambda: times)
    # Without --output nothing is trained.
    result = run("train", MODEL, "--set", "precision=mixed_bfloat16")
    assert result.exit_code == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 + told and "--output" in lines[-1]
    assert not told or lines[0].startswith("note: bfloat16 matrix products take 14.2 times as long")


def process(*arguments):
    """Run the command in a process of its own, with all that a backend writes as it starts."""
    code = f"from zoo.cli.main import main; main({[str(a) for a in arguments]!r})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    del environment["TF_CPP_MIN_LOG_LEVEL"]  # the tests' own: a user has not set it
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("predict", "gru_smal.cmudict", "cat"), "gru_small.cmudict"),
        (("evaluate", "gru_smal.cmudict", "--dataset", "cmudict"), "gru_small.cmudict"),
        (("finetune", "gru_smal.cmudict", "x.csv", "--input", "a", "--target", "b", "--output", "no"), MODEL),
        (("predict", MODEL, "caf\u2603"), "'\u2603'"),
        (("evaluate", MODEL, "none.csv", "--input", "a", "--target", "b"), "none.csv"),
    ],
)
def test_an_error_is_the_only_line_on_the_screen(arguments, part):
    done = process(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert part in done.stderr


def test_a_prediction_is_the_only_line_on_the_screen():
    done = process("predict", MODEL, "cat")
    assert (done.stdout, done.stderr) == ("cat\tK AE1 T\n", "")


def test_a_backend_that_does_not_start_says_why(tmp_path):
    (tmp_path / "keras.py").write_text("import os; os.write(2, b'no such library\\n'); raise ImportError('broken')")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from zoo.cli import backend; backend.start()"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert "no such library" in done.stderr and "broken" in done.stderr


def test_a_table_without_column_names(tmp_path):
    file = tmp_path / "words.tsv"
    file.write_text("cat\tK AE1 T\ndog\tD AO1 G\n")
    result = run("evaluate", MODEL, file, "--no-header", "--input", "1", "--target", "2", "--json")
    assert json.loads(result.stdout)["size"] == 2


@pytest.mark.parametrize(
    ("words", "part"), [(["na☃ve"], "'☃'"), ([""], "empty"), (["a" * 10_000], "10,000"), (["42"], "'4'")]
)
def test_words_that_cannot_be_read(words, part):
    fails(run("predict", MODEL, *words), 2, part)


def test_bad_lines_are_named_and_nothing_is_predicted_if_the_user_is_strict(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("cat\nd0g\n")
    result = run("predict", MODEL, "--file", file, "--strict")
    fails(result, 2, "words.txt:2", "'0'")
    assert not result.stdout


def test_bad_tables_leave_nothing_behind(tmp_path):
    output = tmp_path / "mine"
    arguments = ("--input", "word", "--target", "phones", "--output", output)
    for content, part in (
        ("word,sound\ncat,K\n", "phones"),
        ("", "no rows"),
        ("word,phones\n", "words.csv"),
        ("word,phones\ncat,K,T\n", "words.csv:2"),
    ):
        file = tmp_path / "words.csv"
        file.write_text(content)
        fails(run("finetune", MODEL, file, *arguments), 2, part)
        assert not output.exists()
    (tmp_path / "latin.csv").write_bytes("word,phones\ncafé,K\n".encode("latin-1"))
    fails(run("finetune", MODEL, tmp_path / "latin.csv", *arguments), 2, "latin.csv:2")
    fails(run("predict", MODEL, "--file", tmp_path / "none.txt"), 2, "none.txt")
    assert not output.exists()


def test_the_commands_beside_the_articles_claims_parse_and_name_what_there_is():
    text = (ROOT / "docs" / "experiments" / "the-fall-of-rnn.md").read_text(encoding="utf-8")
    commands = re.findall(r"`zoo ([a-z]+ [^`]+)`", text)
    assert len(commands) > 10
    for command in commands:
        name, *arguments = shlex.split(command.replace("NAME", MODEL))
        main.get_command(None, name).make_context(name, list(arguments))
        if name in ("train", "evaluate"):
            assert arguments[0] in (RECIPES if name == "train" else locate.list_models()), command
