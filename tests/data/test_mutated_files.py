"""Mutations of users' files: each is read, or refused in one line, within seconds and little memory."""

import contextlib
import json
import random
import resource
import signal
import struct
import subprocess
import sys

import mido
import numpy as np
import pandas
import pytest

from zoo.data.columns import Columns
from zoo.data.dialects import Dialect, read_table
from zoo.data.read import examples
from zoo.data.sound import read_wav
from zoo.errors import InputError
from zoo.preprocessing.midi import read_midi

SECONDS = 10  # that one file may take on a busy machine
MEGABYTES = 300
FEW, MANY = 40, 2_000
INTERESTING = [
    b"",
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b'"',
    b",",
    b"\n",
    b"\r",
    b"nan",
    b"1e999",
    b"-1",
    b"[" * 200,
]


def _wav() -> bytes:
    samples = (8_000 * np.sin(np.arange(400) / 5)).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 28 + len(samples) + 8)
        + b"WAVE"
        + form
        + struct.pack("<4sI", b"data", len(samples))
        + samples
    )


def _mid(path) -> bytes:
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    for note in (60, 64, 67):
        track += [mido.Message("note_on", note=note, velocity=64), mido.Message("note_off", note=note, time=480)]
    mido.MidiFile(type=1, tracks=[track, track]).save(path)
    return path.read_bytes()


def _parquet(path) -> bytes:
    rows = 20
    frame = pandas.DataFrame({"text": [f"text {i}" for i in range(rows)], "label": ["a", "b"] * (rows // 2)})
    frame.assign(x=[[1.0, 2.0]] * rows, n=range(rows)).to_parquet(path)
    return path.read_bytes()


TS = b"@problemName A\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n" + b"".join(
    b"1,2.5,-3:4,5,6:%s\n" % label for label in (b"a", b"b", b"a")
)
CSV = b'text,label,n\n"a, b",x,1.5\nc,y,2\nd e f,x,3\n"g ""h""",y,4\n'
JSONL = b"".join(
    json.dumps({"text": f"text {i}", "label": "ab"[i % 2], "tags": ["O", "B-x"]}).encode() + b"\n" for i in range(6)
)


def _mutated(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.choice([1, 1, 1, 2, 4, 16])):
        place = generator.randrange(len(changed) + 1)
        kind = generator.randrange(6)
        if kind == 0 and place < len(changed):
            changed[place] = generator.randrange(256)
        elif kind == 1 and place < len(changed):
            changed[place] ^= 1 << generator.randrange(8)
        elif kind == 2:
            del changed[place : place + generator.choice([1, 4, 40])]
        elif kind == 3:
            changed[place:place] = generator.choice(INTERESTING)
        elif kind == 4:
            changed[place : place + 4] = generator.choice(INTERESTING)
        else:
            start = generator.randrange(len(changed) + 1)
            changed[place:place] = changed[start : start + generator.choice([1, 20, 200])]
        if not changed:
            return b""
    return bytes(changed[: generator.randrange(len(changed))]) if generator.random() < 0.1 else bytes(changed)


def _read_csv(path):
    examples(path, "text", "label")


def _read_dialect(path):
    rows, _ = read_table(path, True, Dialect.parse("auto"))
    assert rows and all(isinstance(cell, str) for _, row in rows for cell in row.values())


def _wide(path):
    examples(path, target="label", layout="series")


READERS = {
    "a.wav": [read_wav],
    "a.mid": [lambda path: read_midi(path, 0.1)],
    "a.ts": [examples],
    "a.csv": [_read_csv, _read_dialect, _wide],
    "a.jsonl": [_read_csv, lambda path: examples(path, "text", "tags"), _wide],
    "a.parquet": [_read_csv, lambda path: examples(path, "x", "n")],
}


def original(name: str, folder) -> bytes:
    made = {"a.wav": _wav, "a.ts": lambda: TS, "a.csv": lambda: CSV, "a.jsonl": lambda: JSONL}
    writers = {"a.mid": _mid, "a.parquet": _parquet}
    return made[name]() if name in made else writers[name](folder / name)


def read_mutations(name: str, folder, start: int, count: int) -> None:
    """Read so many mutations of a file; raises what no user should see."""
    whole, path = original(name, folder), folder / name
    for seed in range(start, start + count):
        path.write_bytes(_mutated(whole, random.Random(seed)))
        for number, read in enumerate(READERS[name]):
            signal.alarm(SECONDS)
            try:
                read(path)
            except InputError as error:
                assert "\n" not in str(error) and str(path) in str(error), (name, seed, number, str(error))
            except BaseException as error:
                raise AssertionError(
                    f"{name}, seed {seed}, reader {number}: {type(error).__name__}: {error}"
                ) from error
            finally:
                signal.alarm(0)


def measure(name: str, folder, start: int, count: int) -> None:
    """Read the file and its mutations, and raise if these took more memory than it."""
    for read in READERS[name]:
        (folder / name).write_bytes(original(name, folder))
        with contextlib.suppress(InputError):  # these tables have texts among their columns
            read(folder / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_mutations(name, folder, start, count)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"{name}: {grown:.0f} MB more"


@pytest.mark.parametrize("name", READERS)
def test_a_mutated_file_is_read_or_refused_in_one_line(name, tmp_path):
    read_mutations(name, tmp_path, 0, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_mutated_files(name, tmp_path):
    """In a process of its own, whose memory nothing else has grown."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import test_mutated_files as t;"
        "t.measure(sys.argv[2], pathlib.Path(sys.argv[3]), 0, int(sys.argv[4]))"
    )
    folder = str(__import__("pathlib").Path(__file__).parent)
    result = subprocess.run(
        [sys.executable, "-c", code, folder, name, tmp_path, str(MANY)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2_000:]


def test_columns_that_name_what_is_not_there_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    with pytest.raises(InputError, match="no column 'none'"):
        examples(tmp_path / "a.csv", **vars(Columns(input="none", target="label")))
