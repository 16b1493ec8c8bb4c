"""Bad input from users, through the command: exit code 2, one line with place, reason and remedy, nothing written.

No backend has a part in reading: ``zoo.data`` imports none, so that the lines are the same on each.
"""

import contextlib
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import malformed
import pytest
from click.testing import CliRunner

from zoo.data.lines import MAX_LINE_BYTES

ROOT = Path(__file__).parents[2]
MODEL = "rnn_small.cmudict"
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main

GOOD = b"word,phones\ncat,K AE1 T\n"
LONG = b"a" * 10_000_000
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

# The file's name, its bytes, where the message must point (a line, or 0 for the whole file), and a word of it.
TABLES: dict[str, tuple[str, bytes, int, str]] = {
    "empty": ("a.csv", b"", 0, "no rows"),
    "blank lines": ("a.csv", b"\n\n \n", 0, "no rows"),
    "a byte-order mark alone": ("a.csv", b"\xef\xbb\xbf", 0, "no rows"),
    "header only": ("a.csv", b"word,phones\n", 0, "no rows"),
    "header only, tabs": ("a.tsv", b"word\tphones", 0, "no rows"),
    "Latin-1": ("a.csv", b"word,phones\ncaf\xe9,K\n", 2, "not UTF-8"),
    "Latin-1 in the header": ("a.csv", b"w\xf6rd,phones\ncat,K\n", 1, "not UTF-8"),
    "UTF-16": ("a.csv", GOOD.decode().encode("utf-16"), 1, "not UTF-8"),
    "UTF-16 without a mark": ("a.csv", GOOD.decode().encode("utf-16-le"), 1, "NUL"),
    "UTF-32": ("a.tsv", b"word\tphones\n".decode().encode("utf-32-le"), 1, "NUL"),
    "a cut UTF-8 character": ("a.csv", GOOD + b"caf\xc3,K\n", 3, "not UTF-8"),
    "an overlong UTF-8 character": ("a.csv", GOOD + b"a\xc0\x80,K\n", 3, "not UTF-8"),
    "a surrogate in UTF-8": ("a.csv", GOOD + b"a\xed\xa0\x80,K\n", 3, "not UTF-8"),
    "a NUL byte": ("a.csv", GOOD + b"c\0t,K\n", 3, "NUL"),
    "a picture": ("a.csv", PNG, 1, "not UTF-8"),
    "a spreadsheet": ("a.csv", b"PK\x03\x04\x14\0\x06\0", 1, "NUL"),
    "a compressed file": ("a.jsonl", b"\x1f\x8b\x08\0\0\0\0\0", 1, "not UTF-8"),
    "another kind": ("a.xlsx", GOOD, 0, "unknown kind"),
    "no ending": ("words.", GOOD, 0, "no dataset"),
    "old Macintosh line ends": ("a.csv", b"word,phones\rcat,K\r", 1, "carriage return"),
    "a quote never closed": ("a.csv", GOOD + b'"dog,D\nfox,F\n', 3, "quote"),
    "text after a quote": ("a.csv", GOOD + b'"dog" s,D\n', 3, "quote"),
    "a quoted field of 10 MB": ("a.csv", GOOD + b'"' + (b"a" * 999 + b"\n") * 10_000 + b'",D\n', 3, "quote"),
    "a cell too many": ("a.csv", GOOD + b"dog,D,AO\n", 3, "3 cells"),
    "a cell too few": ("a.csv", GOOD + b"dog\n", 3, "1 cells"),
    "ragged, tabs": ("a.tsv", b"word\tphones\ncat\tK\tAE\n", 2, "3 cells"),
    "semicolons": ("a.csv", b"word;phones\ncat;K\n", 1, "';'"),
    "tabs in a .csv": ("a.csv", b"word\tphones\ncat\tK\n", 1, "'\\t'"),
    "a column missing": ("a.csv", b"words,phones\ncat,K\n", 2, "did you mean 'words'"),
    "a column twice": ("a.csv", b"word,word,phones\na,b,K\n", 1, "two columns"),
    "an empty cell": ("a.csv", GOOD + b"dog, \n", 3, "empty"),
    "a field of 10 MB": ("a.csv", GOOD + LONG + b",K\n", 3, f"{MAX_LINE_BYTES:,} bytes"),
    "a JSON line of 10 MB": ("a.jsonl", b'{"word": "' + LONG + b'"}', 1, f"{MAX_LINE_BYTES:,} bytes"),
    "JSON cut": ("a.jsonl", b'{"word": "cat", "phones": "K', 1, "not JSON"),
    "JSON that is a list": ("a.jsonl", b'["cat", "K"]', 1, "not a JSON object"),
    "one JSON array for all": ("a.jsonl", b'[\n{"word": "cat", "phones": "K"}\n]', 1, "not JSON"),
    "JSON deeper than any": ("a.jsonl", b"[" * 90_000, 1, "not JSON"),
    "NaN": ("a.jsonl", b'{"word": "cat", "phones": "K", "n": NaN}', 1, "NaN"),
    "Infinity": ("a.jsonl", b'{"word": "cat", "phones": "K", "n": -Infinity}', 1, "Infinity"),
    "1e999": ("a.jsonl", b'{"word": "cat", "phones": "K", "n": 1e999}', 1, "1e999"),
    "a number of 5,000 digits": ("a.jsonl", b'{"word": "cat", "n": ' + b"9" * 5000 + b"}", 1, "number"),
    "a key twice": ("a.jsonl", b'{"word": "cat", "word": "dog", "phones": "K"}', 1, "two columns"),
    "a lone surrogate": ("a.jsonl", b'{"word": "\\ud800", "phones": "K"}', 1, "not text"),
    "an escaped NUL": ("a.jsonl", b'{"word": "c\\u0000t", "phones": "K"}', 1, "not text"),
    "a number for a text": ("a.jsonl", b'{"word": 7, "phones": "K"}', 1, "not text"),
    "null for a text": ("a.jsonl", b'{"word": null, "phones": "K"}', 1, "not text"),
    "a letter that the model does not know": ("a.csv", GOOD + b"d0g,K\n", 3, "unknown to this model"),
    "a word too long": ("a.csv", GOOD + b"a" * 100 + b",K\n", 3, "at most"),
}


def refused(result, place: str, part: str) -> None:
    assert result.exit_code == 2, result.output
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {place}: ") and part in line, line
    reason = line.removeprefix(f"error: {place}: ")
    assert re.search("[:;?] [a-z{]", reason), f"no remedy: {line}"
    assert line.isprintable() and len(line) < 1000


def run(*arguments, input=None):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)


def test_there_are_forty_and_more():
    assert len(TABLES) + len(LINES) >= 40


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table(tmp_path, name):
    file, content, line, part = TABLES[name]
    path = tmp_path / file
    path.write_bytes(content)
    predictions = tmp_path / "out.jsonl"
    options = ("--input", "word", "--target", "phones", "--predictions", predictions)
    result = run("evaluate", MODEL, path, *options)
    if name == "no ending":
        assert result.exit_code == 2 and part in result.stderr
    else:
        refused(result, f"{path}:{line}" if line else str(path), part)
    assert not predictions.exists()


LINES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 0, "is empty"),
    "an empty line": (b"cat\n\ndog\n", 2, "is empty"),
    "Latin-1": (b"cat\ncaf\xe9\n", 2, "not UTF-8"),
    "a NUL byte": (b"c\0t\n", 1, "NUL"),
    "a picture": (PNG, 1, "not UTF-8"),
    "old Macintosh line ends": (b"cat\rdog\r", 1, "carriage return"),
    "a line of 10 MB": (LONG + b"\ncat\n", 1, f"{MAX_LINE_BYTES:,} bytes"),
    "a letter that the model does not know": (b"cat\nd0g\n", 2, "unknown to this model"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("piped", [False, True], ids=["file", "stdin"])
def test_a_bad_line(tmp_path, name, piped):
    content, line, part = LINES[name]
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    place = "stdin" if piped else str(path)
    result = run("predict", MODEL, "--strict", *([] if piped else ["--file", path]), input=content if piped else None)
    refused(result, f"{place}:{line}" if line else place, part)


@contextlib.contextmanager
def ordinary_user():
    """Give up root's right to read everything, where the tests run as root."""
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_what_is_no_readable_file(command):
    folder = Path(subprocess.check_output(["mktemp", "-d", "--suffix=.csv"], text=True).strip())
    folder.chmod(0o755)
    (folder / "secret.csv").write_bytes(GOOD)
    (folder / "secret.csv").chmod(0)
    os.mkfifo(folder / "fifo.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "zeros.csv").symlink_to("/dev/zero")
    more = ("--input", "word", *(("--target", "phones") if command == "evaluate" else ()))
    try:
        # Python's own files may be root's, too: what the command imports is imported first.
        run(command, MODEL, *(("--file",) if command == "predict" else ()), folder / "none.csv", *more)
        for path, part in {
            folder / "none.csv": "no such file",
            folder: "is a folder",
            folder / "fifo.csv": "not an ordinary file",
            folder / "zeros.csv": "not an ordinary file",
            folder / "loop.csv": "cannot be read",
            folder / "secret.csv": "cannot be read",
            folder / "none.csv" / "x.csv": "no such file",
        }.items():
            with ordinary_user():
                result = run(command, MODEL, *(("--file",) if command == "predict" else ()), path, *more)
            refused(result, str(path), part)
    finally:
        shutil.rmtree(folder)


def fine_tuned(tmp_path, model, rows, *more):
    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    options = ("--input", "text", "--target", "label", "--output", tmp_path / "mine", *more)
    result = run("finetune", model, file, *options)
    assert result.exit_code == 2 and not (tmp_path / "mine").exists(), result.output
    return file, result.stderr.splitlines()[-1]


def test_labels_that_teach_nothing(tmp_path):
    classifier = malformed.good_of("labels", tmp_path / "tiny.labels")
    same = [(f"day {i}", "good") for i in range(40)]
    file, line = fine_tuned(tmp_path, classifier, same)
    assert line == f"error: {file}: only one label, 'good': give examples of at least two"
    mixed = [(f"day {i}", ("good", "bad")[i % 2]) for i in range(40)]
    (tmp_path / "test.csv").write_text("text,label\nsome day,good\nmy day,never seen\n")
    _, line = fine_tuned(tmp_path, classifier, mixed, "--validation", tmp_path / "test.csv", "--epochs", "1")
    assert line.startswith(f"error: {tmp_path / 'test.csv'}:3: label 'never seen' of the validation part is not in")
    (tmp_path / "test.csv").write_text("text,label\nsome day,yes\nmy day,never seen\n")
    options = ("--input", "text", "--target", "label")
    result = run("evaluate", classifier, tmp_path / "test.csv", *options)
    line = result.stderr.splitlines()[-1]  # behind a note about unknown tokens
    assert result.exit_code == 2 and line.startswith(f"error: {tmp_path / 'test.csv'}:3") and "never seen" in line
    file, line = fine_tuned(tmp_path, classifier, [("day", "good")])
    assert line.startswith(f"error: {file}: 1 different inputs: ")


def test_reading_imports_no_backend():
    heavy = "{'numpy', 'keras', 'tensorflow', 'jax', 'torch'}"
    code = f"import sys, zoo.data.tables; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "[]\n"


def test_a_pipe_is_answered_as_it_comes():
    code = f"from zoo.cli.main import main; main(['predict', {MODEL!r}, '--beam', '1'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout and process.stderr
    for word in ("cat", "dog"):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(f"{word}\t")
    process.stdin.write("d0g\n")
    process.stdin.flush()
    assert process.stderr.readline().startswith("error: stdin:3: 'd0g' has '0'")
    process.stdin.write("cow\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("cow\t")
    process.stdin.close()
    assert process.wait(60) == 7
