"""What commands write where a user says: files, links, pipes, devices, and never over what they read."""

import importlib
import json
import os
import stat
import threading

import pytest
from click.testing import CliRunner

from zoo.errors import InputError, StorageError
from zoo.files import check_output, check_output_folder, open_output

main = importlib.import_module("zoo.cli.main").main
MODEL = "rnn_small.cmudict"
TABLE = "word,phones\ncat,K AE1 T\ndog,D AO1 G\n"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(path, data: bytes = b"new\n") -> None:
    with open_output(path) as file:
        file.write(data)


def test_an_ordinary_file_is_replaced_whole_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(ZeroDivisionError), open_output(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    write(path)
    assert path.read_bytes() == b"new\n" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out"]


def test_the_target_of_a_link_is_written_and_the_link_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    for content in (b"one\n", b"two\n"):  # first a link to nothing
        write(link, content)
        assert link.is_symlink() and target.read_bytes() == content


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    fifo, read = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write(fifo)
    reader.join(10)
    assert read == [b"new\n"] and stat.S_ISFIFO(fifo.stat().st_mode)


def test_an_open_file_of_the_process_is_written_to(tmp_path):
    """As bash hands over ``>(cat)``."""
    reader, writer = os.pipe()
    write(f"/dev/fd/{writer}")
    os.close(writer)
    assert os.read(reader, 100) == b"new\n"
    os.close(reader)
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_what_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "data.csv").write_text(TABLE)
    (tmp_path / "same.csv").symlink_to("data.csv")
    with pytest.raises(InputError, match="same.csv: is read as the input: give the output another name"):
        check_output(tmp_path / "same.csv", tmp_path / "data.csv")
    with pytest.raises(InputError, match="is a folder: give the name of a file"):
        check_output(tmp_path)
    with pytest.raises(StorageError, match="no folder .*/none"):
        check_output(tmp_path / "none" / "out")
    with pytest.raises(StorageError, match="no folder .*/data.csv"):
        check_output_folder(tmp_path / "data.csv" / "page")
    check_output_folder(tmp_path / "new" / "page")
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "same.csv"]


def test_a_home_folder_is_what_the_user_means(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write("~/out")
    assert (tmp_path / "out").read_bytes() == b"new\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", MODEL, "{data}", "--input", "word", "--target", "phones", "--predictions", "{data}"),
        ("predict", MODEL, "--file", "{data}", "--input", "word", "--plot", "{picture}"),
        ("finetune", MODEL, "{data}", "--input", "word", "--target", "phones", "--find-rate", "{picture}"),
        ("compare", "{data}", "--models", "gru_tiny", "--input", "word", "--target", "phones", "--plot", "{picture}"),
        ("probe", "gru_small.tiny_shakespeare", "{data}", "--input", "word", "--plot", "{picture}"),
        ("generate", "gru_small.tiny_shakespeare", "--file", "{data}", "--plot", "{picture}"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_command_writes_over_what_it_reads(tmp_path, arguments):
    data, picture = tmp_path / "data.csv", tmp_path / "picture.png"
    data.write_text(TABLE)
    picture.symlink_to(data)
    result = run(*(argument.format(data=data, picture=picture) for argument in arguments))
    assert result.exit_code == 2 and data.read_text() == TABLE
    assert "is read as the input" in result.stderr or "--plot: only for music" in result.stderr


@pytest.mark.parametrize("option", ["--predictions", "--report"])
def test_an_evaluation_that_has_nowhere_to_go_does_not_start(tmp_path, option):
    (tmp_path / "data.csv").write_text(TABLE)
    place = tmp_path / "data.csv" / "out"
    result = run("evaluate", MODEL, tmp_path / "data.csv", "--input", "word", "--target", "phones", option, place)
    assert result.exit_code == 4 and len(result.stderr.splitlines()) == 1 and "no folder" in result.stderr


def test_predictions_go_through_a_link(tmp_path):
    (tmp_path / "data.csv").write_text(TABLE)
    link = tmp_path / "link.jsonl"
    link.symlink_to("real.jsonl")
    result = run(
        *("evaluate", MODEL, tmp_path / "data.csv", "--input", "word", "--target", "phones", "--beam", "1"),
        *("--predictions", link),
    )
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "real.jsonl").read_text().splitlines()]
    assert [row["input"] for row in rows] == ["cat", "dog"] and link.is_symlink()
