"""Standard streams: full, closed, of another encoding; arguments that are not UTF-8; narrow terminals."""

import importlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo.escape import escape, printable

main = importlib.import_module("zoo.cli.main").main
tables = importlib.import_module("zoo.cli.tables")
ROOT = Path(__file__).parents[2]
PRINTING = [["list"], ["list", "--json"], ["info", "gru_small.cmudict"], ["weights", "list"], ["--help"], ["--version"]]


def process(arguments, shell: str = "", **more):
    """Run ``python -m zoo`` in bash, with redirections."""
    command = ["bash", "-c", f'"$@" {shell}', "bash", sys.executable, "-m", "zoo", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
@pytest.mark.parametrize("shell", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written_is_one_line_and_exit_code_4(arguments, shell):
    done = process(arguments, shell)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 4 and line.startswith("error: standard output"), line
    assert ("No space left" in line) == (shell == ">/dev/full")


def test_a_reader_that_has_gone_ends_without_a_word():
    done = process(["list"], "| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (1, b"") or done.returncode == 0


def test_closed_standard_error_and_input_change_nothing():
    assert process(["list", "*.cmudict"], "2>&-").stdout == process(["list", "*.cmudict"]).stdout != b""
    done = process(["predict", "gru_small.cmudict"], "<&-")
    assert done.returncode == 2 and done.stderr == b"error: stdin: is empty: give one input per line\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [*PRINTING, ["info", "нет"], ["list", "☃"]], ids=" ".join)
def test_no_encoding_ends_in_a_traceback(arguments, encoding):
    done = process(arguments, PYTHONIOENCODING=encoding)
    assert done.returncode in (0, 2) and b"Traceback" not in done.stderr
    done.stderr.decode("ascii" if encoding == "ascii" else "latin-1")


def test_json_is_json_in_every_encoding(monkeypatch):
    output = importlib.import_module("zoo.cli.output")
    for encoding in ("ascii", "latin-1", "utf-8"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
        code = f"from zoo.cli.output import *; prepare_streams(); echo_json({'☃ é'!r})"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, cwd=ROOT, check=True)
        assert json.loads(done.stdout.decode(encoding)) == "☃ é"
    assert output.escape("é\udce9\x1b[31m\n") == "é\\xe9\\x1b[31m\\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "gru_small.cmudict", b"caf\xe9"],
        ["predict", "tcn_small.film_reviews", b"caf\xe9"],
        ["generate", "gru_small.tiny_shakespeare", "--prompt", b"caf\xe9"],
        ["evaluate", "gru_small.cmudict", "a.csv", "--input", b"caf\xe9", "--target", "b"],
    ],
)
def test_arguments_that_are_not_utf_8_are_named(arguments):
    done = process(arguments)
    assert done.returncode == 2
    assert done.stderr == b"error: 'caf\\xe9': not UTF-8 text: set the terminal to UTF-8\n"


def test_utf_8_is_read_under_any_locale():
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = process(["predict", "gru_small.cmudict", "caf☃"], **environment)
    assert done.returncode == 2 and b"has '\\u2603', unknown" in done.stderr


def test_warnings_of_other_packages_are_no_errors_of_a_command():
    done = process(["predict", "gru_small.cmudict", "cat"], PYTHONWARNINGS="error")
    assert (done.returncode, done.stdout) == (0, b"cat\tK AE1 T\n"), done.stderr


def test_a_name_with_terminal_codes_does_not_reach_the_terminal():
    for arguments in (["info", "a\x1b[31m\nb"], ["list", "\x1b]0;x\x07"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2 and result.stderr.strip().isprintable(), result.stderr


def in_terminal(columns: int, arguments) -> str:
    """Returns what a terminal of so many columns shows."""
    parent, child = pty.openpty()
    command = f"stty cols {columns}; exec {sys.executable} -m zoo {' '.join(arguments)}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    running = subprocess.Popen(
        ["bash", "-c", command], cwd=ROOT, env=environment, stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 65_536):
            shown += part
    except OSError:  # the other end is closed
        pass
    assert running.wait(60) == 0, shown
    return shown.decode()


def test_a_narrow_terminal_gets_a_block_a_record():
    text = in_terminal(40, ["list", "'*.cmudict'"])
    lines = text.splitlines()
    assert "name: gru_small.cmudict" in lines and "…" not in text
    assert all(len(line) <= 40 for line in lines)
    wide = in_terminal(200, ["list", "'*.cmudict'"])
    assert "name: " not in wide and len(wide.splitlines()) < len(lines)


def test_labels_are_no_markup(capsys):
    tables.print_table(["system"], [["always '[/bold] :smile:'"]], "a title")
    assert "always '[/bold] :smile:'" in capsys.readouterr().out


def test_escaping_leaves_writing_alone():
    text = "naïve Привет हिन्दी 日本語 👩\u200d🚀 \xa0 \\n"
    assert escape(text) == text
    assert escape("a\tb\r\n\x1b\x9b\u202e\u2028") == "a\\tb\\r\\n\\x1b\\x9b\\u202e\\u2028"
    assert printable("a\xa0b\u3000c\td\udce9") == "a b c\\td\\xe9"
