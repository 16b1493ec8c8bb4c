"""What spoils a good checkpoint, one way or at random: for malformed_corpus.py and benchmarks/fuzz.py."""

import copy
import hashlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import samples

from zoo.data.examples import Examples

RECORD, WEIGHTS = "record.json", "model.safetensors"
DELETED = object()


def good(folder: Path) -> Path:
    """Write a tiny checkpoint with fresh weights, as ``Pipeline.save`` would after training."""
    from zoo.checkpoints.spec import ModelSpec
    from zoo.models import registry
    from zoo.pipeline import Pipeline
    from zoo.preprocessing.sequence_to_sequence import SequenceToSequencePreprocessor
    from zoo.preprocessing.symbols import SymbolTokenizer

    letters, phones = SymbolTokenizer(tuple("abc")), SymbolTokenizer(("A", "B"), " ")
    preprocessor = SequenceToSequencePreprocessor(letters, phones, 8, 8)
    config = registry.find_seq2seq("gru").configure(
        "tiny", source_vocab_size=letters.size, target_vocab_size=phones.size
    )
    spec = ModelSpec("gru", "tiny", copy.deepcopy(vars(config)), "sequence_to_sequence", preprocessor.to_json())
    Pipeline(spec, samples.document(folder.name)).save(folder, dtype="float16")
    return folder


def _texts(targets: list[str]) -> Examples:
    return Examples(["a good day", "a bad day", "good", "bad"], targets, ["a", "b", "c", "d"])


# Of each kind: its task, an architecture (all of the zoo's between them), and what its preprocessor is fitted to.
KINDS: dict[str, tuple[str, str, Callable[[], Examples]]] = {
    "labels": ("classification", "gru", lambda: _texts(["yes", "no", "yes", "no"])),
    "documents": ("classification", "hierarchical_attention_network", lambda: _texts(["yes", "no", "yes", "no"])),
    "tags": ("tagging", "gru", lambda: _texts(["O B I", "O B I", "B", "B"])),
    "series": ("series_classification", "lstm", lambda: samples.slopes(6)),
    "log_mel": ("series_classification", "rnn", lambda: samples.sounds(4)),
    "waveform": ("series_classification", "tcn", lambda: samples.sounds(4)),
    "music": ("music_modelling", "hierarchical_attention", lambda: samples.tunes(2)),
    "characters": ("language_modelling", "transformer", lambda: samples.verses(20)),
    "numbers": ("regression", "wavenet", lambda: Examples([np.zeros((2, 2), "float32")], [0.0], ["a"])),
    "ids": ("copying", "gru", lambda: Examples([[1, 9]], [[0, 1]], ["a"])),
}


def good_of(kind: str, folder: Path) -> Path:
    """The same for another of ``KINDS``, its preprocessor the task's own."""
    from zoo.pipeline import Pipeline
    from zoo.tasks import find_task

    name, family, made = KINDS[kind]
    task = find_task(name)
    architecture = task.architecture(family)
    preprocessor = task.fit(made(), architecture)
    spec = task.spec(architecture, "tiny", preprocessor, dict(architecture.sizes["tiny"]))
    Pipeline(spec, samples.document(folder.name)).save(folder, dtype="float16")
    return folder


Spoil = Callable[[Path], object]


def document_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / RECORD).read_text())


def key(path: str, value: Any) -> Spoil:
    """Set one key of the record, given as ``a.b.c`` or ``a.b.2``; ``DELETED`` takes it out."""

    def spoil(folder: Path) -> None:
        document = document_of(folder)
        place: Any = document
        *parents, last = path.split(".")
        for name in parents:
            place = place[name]
        last = int(last) if isinstance(place, list) else last
        if value is DELETED:
            del place[last]
        else:
            place[last] = value
        (folder / RECORD).write_text(json.dumps(document))

    return spoil


def text(change: Callable[[bytes], bytes]) -> Spoil:
    """Change the record's bytes."""
    return lambda folder: (folder / RECORD).write_bytes(change((folder / RECORD).read_bytes()))


def shape(value: Any, dtype: Any = "float16") -> Spoil:
    """Declare one more tensor in the record."""
    return key("weights.tensors.new", {"shape": value, "dtype": dtype})


def data(change: Callable[[bytes], bytes]) -> Spoil:
    """Change the bytes of the weights, but not what the record says of them."""
    return lambda folder: (folder / WEIGHTS).write_bytes(change((folder / WEIGHTS).read_bytes()))


def rehashed(folder: Path, raw: bytes) -> None:
    """Put other bytes in the weights' place, and their true size and hash into the record."""
    (folder / WEIGHTS).write_bytes(raw)
    document = document_of(folder)
    document["weights"] |= {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    (folder / RECORD).write_text(json.dumps(document))


def split(raw: bytes) -> tuple[dict, bytes]:
    length = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def header(change: Callable[[dict], object]) -> Spoil:
    """Change the header of the weights in place; padded with spaces to its old length where it got shorter."""

    def spoil(folder: Path) -> None:
        raw = (folder / WEIGHTS).read_bytes()
        result, body = split(raw)
        replaced = change(result)
        written = replaced if isinstance(replaced, bytes) else json.dumps(replaced or result).encode()
        written = written.ljust(len(raw) - 8 - len(body))
        rehashed(folder, struct.pack("<Q", len(written)) + written + body)

    return spoil


def first(**changes: Any) -> Spoil:
    """Change the header's entry of the first tensor."""
    return header(lambda result: result[min(result)].update(changes))


def length(value: int) -> Spoil:
    """A header length that is not the header's."""
    return lambda folder: rehashed(folder, struct.pack("<Q", value) + (folder / WEIGHTS).read_bytes()[8:])


def number(value: float) -> Spoil:
    """Put a number in the place of the last weight."""
    return lambda folder: rehashed(folder, (folder / WEIGHTS).read_bytes()[:-2] + np.float16(value).tobytes())


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    """Put something else in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def renamed(result: dict) -> dict:
    return {("other" if name == min(result) else name): entry for name, entry in result.items()}


def twice(result: dict) -> bytes:
    return json.dumps(result).encode()[:-1] + f', "{min(result)}": {{}}}}'.encode()


def swapped(result: dict) -> None:
    """Give two tensors of the same size each other's place: to be refused they need not be, only never mixed."""
    one, two = sorted(result)[:2]
    result[one]["data_offsets"], result[two]["data_offsets"] = result[two]["data_offsets"], result[one]["data_offsets"]


def many(count: int) -> Spoil:
    return key("weights.tensors", {f"layer_{i}/kernel": {"shape": [1], "dtype": "float16"} for i in range(count)})


NASTY = [
    None,
    True,
    -1,
    0,
    1,
    7,
    10**8,
    10**400,
    0.5,
    -1e308,
    "",
    " ",
    "x",
    "\n",
    "\ud800",
    "../..",
    [],
    [[]],
    {},
    "A" * 99,
]


def mutate(folder: Path, random_: random.Random) -> str:
    """Spoil a good checkpoint at random: a value of the record, bytes of the record, or bytes of the weights.

    Returns what was changed: ``"record"`` or ``"weights"``.
    """
    kind = random_.choice(("value", "bytes", "header", "weights"))
    if kind == "value":
        document = document_of(folder)
        places = list(_places(document))
        for _ in range(random_.randint(1, 3)):
            place, name = random_.choice(places)
            change = random_.random()
            if change < 0.2 and isinstance(place, dict):
                place.pop(name, None)
            elif change < 0.3 and isinstance(place, dict):
                place[f"{name}{random_.choice(['', 'x', chr(0), '/'])}x"] = random_.choice(NASTY)
            else:
                place[name] = random_.choice(NASTY)
        (folder / RECORD).write_text(json.dumps(document), "utf-8")
        return "record"
    if kind == "bytes":
        (folder / RECORD).write_bytes(_scrambled((folder / RECORD).read_bytes(), random_))
        return "record"
    raw = (folder / WEIGHTS).read_bytes()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    changed = _scrambled(raw[:end], random_) + raw[end:] if kind == "header" else _scrambled(raw, random_)
    # With its true hash in the record: what it holds must be refused, not that it was changed.
    rehashed(folder, changed)
    return "weights"


def attempt(folder: Path, known: Any) -> None:
    """Load a checkpoint up to its tensors, and the model too where the record's spec is not the known one."""
    from zoo.checkpoints import locate
    from zoo.checkpoints.tensors import read_tensors
    from zoo.loading import load
    from zoo.tasks import find_preprocessor

    record, file = locate.resolve(folder)
    tensors = read_tensors(file, record)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    if record.spec != known:
        # As the command does, before any backend starts.
        find_preprocessor(record.spec.task, record.spec.preprocessor, str(folder))
        load(folder)


def _places(value: Any):
    """Yield (container, key) of every value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield value, name
        yield from _places(inner)


def _scrambled(raw: bytes, random_: random.Random) -> bytes:
    """Overwrite, insert, remove or repeat a few bytes at random places."""
    changed = bytearray(raw)
    for _ in range(random_.choice((1, 1, 1, 2, 8))):
        place, count = random_.randrange(len(changed) + 1), random_.choice((1, 1, 2, 8, 64))
        piece = random_.choice((random_.randbytes(count), bytes(count), b"\xff" * count, bytes(changed[:count])))
        keep = random_.choice((0, count, count))
        changed[place : place + keep] = piece if random_.random() < 0.8 else b""
    return bytes(changed)
