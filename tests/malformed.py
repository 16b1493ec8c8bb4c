"""Malformed checkpoints, each made from a good one, for tests/test_malformed.py and benchmarks/fuzz.py."""

import copy
import hashlib
import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RECORD, WEIGHTS = "record.json", "model.safetensors"
DELETED = object()


def document_for(name: str) -> dict[str, Any]:
    """Returns what a record says beside spec and weights."""
    training = {"recipe": {}, "seed": 1, "backend": "jax", "versions": {"keras": "3"}, "seconds": 1.0, "steps": 1}
    return {
        "name": name,
        "licence": {"weights": "Apache-2.0", "data": "CC0-1.0"},
        "data": {"name": "words", "source": "made up", "fingerprint": "0" * 64, "splits": {"train": 1}},
        "training": {**training, "curve": []},
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }


def good(folder: Path) -> Path:
    """Writes a tiny checkpoint with fresh weights, as ``Pipeline.save`` would after training."""
    from zoo import models
    from zoo.pipeline import Pipeline
    from zoo.preprocessing import SymbolTokenizer, TransductionPreprocessor
    from zoo.spec import ModelSpec

    letters, phones = SymbolTokenizer(tuple("abc")), SymbolTokenizer(("A", "B"), " ")
    preprocessor = TransductionPreprocessor(letters, phones, 8, 8)
    config = models.find_seq2seq("gru").configure("tiny", source_symbols=letters.size, target_symbols=phones.size)
    spec = ModelSpec("gru", "tiny", copy.deepcopy(vars(config)), "transduction", preprocessor.to_json())
    Pipeline(spec, document_for(folder.name)).save(folder, dtype="float16")
    return folder


TARGETS = {"classification": ["yes", "no", "yes", "no"], "tagging": ["O B I", "O B I", "B", "B"]}


def good_of(task_name: str, folder: Path) -> Path:
    """The same for a model that tells labels or tags, its preprocessor the task's own."""
    from zoo.data import Examples
    from zoo.pipeline import Pipeline
    from zoo.tasks import find_task

    task = find_task(task_name)
    architecture = task.architecture("gru")
    texts = ["a good day", "a bad day", "good", "bad"]
    preprocessor = task.fit(Examples(texts, TARGETS[task_name], ["a", "b", "c", "d"]), architecture)
    spec = task.spec(architecture, "tiny", preprocessor, dict(architecture.sizes["tiny"]))
    Pipeline(spec, document_for(folder.name)).save(folder, dtype="float16")
    return folder


Spoil = Callable[[Path], object]


def document_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / RECORD).read_text())


def key(path: str, value: Any) -> Spoil:
    """Sets one key of the record, given as ``a.b.c``; ``DELETED`` takes it out."""

    def spoil(folder: Path) -> None:
        document = document_of(folder)
        place = document
        *parents, last = path.split(".")
        for name in parents:
            place = place[name]
        if value is DELETED:
            del place[last]
        else:
            place[last] = value
        (folder / RECORD).write_text(json.dumps(document))

    return spoil


def text(change: Callable[[bytes], bytes]) -> Spoil:
    """Changes the record's bytes."""
    return lambda folder: (folder / RECORD).write_bytes(change((folder / RECORD).read_bytes()))


def shape(value: Any, dtype: Any = "float16") -> Spoil:
    """Declares one more tensor in the record."""
    return key("weights.tensors.new", {"shape": value, "dtype": dtype})


def data(change: Callable[[bytes], bytes]) -> Spoil:
    """Changes the bytes of the weights, but not what the record says of them."""
    return lambda folder: (folder / WEIGHTS).write_bytes(change((folder / WEIGHTS).read_bytes()))


def rehashed(folder: Path, raw: bytes) -> None:
    """Puts other bytes in the weights' place, and their true size and hash into the record."""
    (folder / WEIGHTS).write_bytes(raw)
    document = document_of(folder)
    document["weights"] |= {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    (folder / RECORD).write_text(json.dumps(document))


def split(raw: bytes) -> tuple[dict, bytes]:
    length = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def header(change: Callable[[dict], object]) -> Spoil:
    """Changes the header of the weights in place; padded with blanks to its old length where it got shorter."""

    def spoil(folder: Path) -> None:
        raw = (folder / WEIGHTS).read_bytes()
        found, body = split(raw)
        replaced = change(found)
        written = replaced if isinstance(replaced, bytes) else json.dumps(replaced or found).encode()
        written = written.ljust(len(raw) - 8 - len(body))
        rehashed(folder, struct.pack("<Q", len(written)) + written + body)

    return spoil


def first(**changes: Any) -> Spoil:
    """Changes the header's entry of the first tensor."""
    return header(lambda found: found[min(found)].update(changes))


def length(value: int) -> Spoil:
    """A header length that is not the header's."""
    return lambda folder: rehashed(folder, struct.pack("<Q", value) + (folder / WEIGHTS).read_bytes()[8:])


def number(value: float) -> Spoil:
    """Puts a number in the place of the last weight."""
    return lambda folder: rehashed(folder, (folder / WEIGHTS).read_bytes()[:-2] + np.float16(value).tobytes())


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    """Puts something else in the place of a file."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def renamed(found: dict) -> dict:
    return {("other" if name == min(found) else name): entry for name, entry in found.items()}


def twice(found: dict) -> bytes:
    return json.dumps(found).encode()[:-1] + f', "{min(found)}": {{}}}}'.encode()


def swapped(found: dict) -> None:
    """Gives two tensors of the same size each other's place: to be refused they need not be, only never mixed."""
    one, two = sorted(found)[:2]
    found[one]["data_offsets"], found[two]["data_offsets"] = found[two]["data_offsets"], found[one]["data_offsets"]


def many(count: int) -> Spoil:
    return key("weights.tensors", {f"layer_{i}/kernel": {"shape": [1], "dtype": "float16"} for i in range(count)})


CONFIG = "spec.config."
SYMBOLS = "spec.preprocessor.source.symbols"

# Each one's name, what spoils it, and what the message must name beside the file.
CORPUS: dict[str, tuple[Spoil, str]] = {
    # The record's text.
    "record: empty": (text(lambda t: b""), "not valid JSON"),
    "record: cut": (text(lambda t: t[: len(t) // 2]), "not valid JSON"),
    "record: more after it": (text(lambda t: t + b"{}"), "not valid JSON"),
    "record: UTF-16": (text(lambda t: t.decode().encode("utf-16")), "not valid JSON"),
    "record: Latin-1": (text(lambda t: t.replace(b"made up", b"m\xe4de up")), "not valid JSON"),
    "record: byte-order mark": (text(lambda t: b"\xef\xbb\xbf" + t), "not valid JSON"),
    "record: NUL bytes": (text(lambda t: bytes(len(t))), "not valid JSON"),
    "record: 100,000 arrays deep": (text(lambda t: b"[" * 100_000), "deeper"),
    "record: 100,000 objects deep": (text(lambda t: b'{"a":' * 100_000), "deeper"),
    "record: an array": (text(lambda t: b"[]"), "expected an object"),
    "record: a text": (text(lambda t: b'"record"'), "expected an object"),
    "record: null": (text(lambda t: b"null"), "expected an object"),
    "record: 5 MB": (text(lambda t: t + b" " * 5_000_000), "bytes of JSON"),
    "record: a million empty arrays": (text(lambda t: b"[" + b"[]," * 1_300_000 + b"[]]"), "lists and objects"),
    "record: 200,000 empty arrays": (text(lambda t: b"[" + b"[]," * 199_000 + b"[]]"), "expected an object"),
    "record: 300,000 keys": (
        text(lambda t: b"{" + b",".join(b'"%d":0' % i for i in range(300_000)) + b"}"),
        "missing",
    ),
    "record: a key twice": (text(lambda t: t[:-3] + b',"format": 1}'), "twice"),
    "record: NaN": (text(lambda t: t.replace(b'"seconds": 1.0', b'"seconds": NaN')), "not finite"),
    "record: Infinity": (text(lambda t: t.replace(b'"seconds": 1.0', b'"seconds": Infinity')), "not finite"),
    "record: 1e999": (text(lambda t: t.replace(b'"seconds": 1.0', b'"seconds": 1e999')), "not finite"),
    "record: 5,000 digits": (text(lambda t: t.replace(b'"seed": 1', b'"seed": ' + b"9" * 5000)), "not valid JSON"),
    # The record's keys.
    "format 2": (key("format", 2), "format"),
    "format as text": (key("format", "1"), "format"),
    "an unknown key": (key("__reduce__", ["os.system", "true"]), "__reduce__"),
    "no hash": (key("weights.sha256", DELETED), "weights.sha256"),
    "a short hash": (key("weights.sha256", "00"), "weights.sha256"),
    "no licence": (key("licence.weights", DELETED), "licence.weights"),
    "an empty licence": (key("licence.data", " "), "licence.data"),
    "no data source": (key("data.source", DELETED), "data.source"),
    "no versions": (key("training.versions", {}), "training.versions"),
    "a name that leads out": (key("name", "../../etc/passwd"), "name"),
    "an absolute name": (key("name", "/etc/passwd"), "name"),
    "a name with a NUL": (key("name", "a\0b"), "name"),
    "a name that colours the terminal": (key("name", "\x1b[31mred"), "name"),
    "a size that colours the terminal": (key("spec.size", "\x1b[31mred"), "spec.size"),
    "a version that colours the terminal": (key("training.versions", {"\x1b[31m": "1"}), "training.versions"),
    "a lone surrogate": (key("data.source", "\ud800"), "data.source"),
    "weights outside": (key("weights.file", "../model.safetensors"), "weights.file"),
    "weights at an absolute path": (key("weights.file", "/dev/zero"), "weights.file"),
    "weights in a pickle": (key("weights.file", "model.pkl"), "weights.file"),
    "negative bytes": (key("weights.bytes", -1), "weights.bytes"),
    "a terabyte": (key("weights.bytes", 2**40), "weights.bytes"),
    "other parameters": (key("weights.parameters", 1), "weights.parameters"),
    "no tensors": (key("weights.tensors", {}), "weights.tensors"),
    "20,000 tensors": (many(20_000), "weights.tensors"),
    "a tensor name with a line end": (
        key("weights.tensors.a\nb", {"shape": [1], "dtype": "float16"}),
        "weights.tensors",
    ),
    "a tensor of 8e72 values": (shape([10**9] * 8), "weights.tensors.new"),
    "a tensor of 9 axes": (shape([1] * 9), "weights.tensors.new"),
    "a tensor without values": (shape([0]), "weights.tensors.new"),
    "a negative axis": (shape([-1]), "weights.tensors.new"),
    "half an axis": (shape([1.5]), "weights.tensors.new"),
    "an axis that is true": (shape([True]), "weights.tensors.new"),
    "a tensor of objects": (shape([1], "object"), "weights.tensors.new"),
    "a tensor of bfloat16": (shape([1], "bfloat16"), "weights.tensors.new"),
    # The model that the record asks for.
    "units = 1e8": (key(CONFIG + "encoder_units", 100_000_000), "encoder_units"),
    "units beyond the declared tensors": (key(CONFIG + "encoder_units", 65_536), "asks for more"),
    "an embedding beyond the declared tensors": (key(CONFIG + "embedding", 65_536), "asks for more"),
    "negative units": (key(CONFIG + "decoder_units", -8), "decoder_units"),
    "no units": (key(CONFIG + "decoder_units", 0), "decoder_units"),
    "half a unit": (key(CONFIG + "decoder_units", 8.5), "decoder_units"),
    "units as text": (key(CONFIG + "decoder_units", "8"), "decoder_units"),
    "units = true": (key(CONFIG + "decoder_units", True), "decoder_units"),
    "units = null": (key(CONFIG + "decoder_units", None), "decoder_units"),
    "units in a list": (key(CONFIG + "decoder_units", [8]), "decoder_units"),
    "20,000 layers": (key(CONFIG + "encoder_layers", 20_000), "encoder_layers"),
    "16 layers where 1 is declared": (key(CONFIG + "encoder_layers", 16), "asks for more"),
    "an unknown field": (key(CONFIG + "function", "os.system"), "function"),
    "a field missing": (key(CONFIG + "source_symbols", DELETED), "source_symbols"),
    "another attention": (key(CONFIG + "attention", "__import__('os')"), "attention"),
    "a dropout of 1": (key(CONFIG + "dropout", 1.0), "dropout"),
    "a config in a list": (key("spec.config", []), "spec.config"),
    "an architecture that is a module": (key("spec.architecture", "os:system"), "os:system"),
    "a Lambda layer": (key("spec.architecture", "keras.layers:Lambda"), "keras.layers:Lambda"),
    "an unknown task": (key("spec.task", "exec"), "exec"),
    "fewer symbols than ids": (key(SYMBOLS, ["a"]), "source_symbols"),
    "a symbol twice": (key(SYMBOLS, ["a", "a", "b"]), "source.symbols"),
    "an empty symbol": (key(SYMBOLS, ["a", "", "b"]), "source.symbols"),
    "numbers for symbols": (key(SYMBOLS, [1, 2, 3]), "source.symbols"),
    "a text for symbols": (key(SYMBOLS, "abc"), "source.symbols"),
    "another separator": (key("spec.preprocessor.target.separator", "|"), "target.separator"),
    "a preprocessor without tokenizer": (key("spec.preprocessor.source", DELETED), "spec.preprocessor"),
    "a tokenizer that is a list": (key("spec.preprocessor.source", []), "preprocessor.source"),
    "inputs of 1e12 symbols": (key("spec.preprocessor.max_source", 10**12), "max_source"),
    "a longest output as text": (key("spec.preprocessor.max_target", "8"), "max_target"),
    # The weights file, against its record.
    "weights: empty": (data(lambda d: b""), "holds 0 bytes"),
    "weights: cut": (data(lambda d: d[: len(d) // 2]), "bytes, its record says"),
    "weights: a byte more": (data(lambda d: d + b"\0"), "bytes, its record says"),
    "weights: a bit flipped": (data(lambda d: d[:-1] + bytes([d[-1] ^ 1])), "SHA-256"),
    "weights: a pickle": (data(lambda d: b"\x80\x04cos\nsystem\n".ljust(len(d))), "SHA-256"),
    "weights: HDF5": (data(lambda d: b"\x89HDF\r\n\x1a\n".ljust(len(d))), "SHA-256"),
    # The weights file, with its true hash in the record.
    "header: 2^63 bytes": (length(2**63), "header"),
    "header: 2^64 - 1 bytes": (length(2**64 - 1), "header"),
    "header: no bytes": (length(0), "header"),
    "header: one byte more": (lambda folder: length(len((folder / WEIGHTS).read_bytes()))(folder), "header"),
    "header: not JSON": (header(lambda found: b"import os"), "not valid JSON"),
    "header: an array": (header(lambda found: b"[]"), "header is not an object"),
    "header: deep": (header(lambda found: b"[" * 500), "not valid JSON"),
    "header: a tensor twice": (header(twice), "twice"),
    "header: a tensor missing": (header(lambda found: found.pop(min(found)) and None), "missing"),
    "header: a tensor more": (header(lambda found: found.update({"a": {}})), "'a'"),
    "header: a tensor renamed": (header(renamed), "missing"),
    "header: metadata": (header(lambda found: found.update({"__metadata__": {"a": "b"}})), "__metadata__"),
    "header: another shape": (first(shape=[7, 11]), "dtype or shape"),
    "header: no shape": (first(shape=None), "dtype or shape"),
    "header: float32": (first(dtype="F32"), "dtype or shape"),
    "header: int8": (first(dtype="I8"), "dtype or shape"),
    "header: an unknown dtype": (first(dtype="__import__"), "dtype or shape"),
    "header: an entry that is a number": (header(lambda found: found.update({min(found): 1})), "dtype or shape"),
    "header: offsets that overlap": (first(data_offsets=[0, 2]), "data_offsets"),
    "header: negative offsets": (first(data_offsets=[-2, 0]), "data_offsets"),
    "header: offsets beyond the end": (first(data_offsets=[2**62, 2**63]), "data_offsets"),
    "header: offsets beyond 64 bits": (first(data_offsets=[2**80, 2**81]), "data_offsets"),
    "header: offsets the wrong way round": (first(data_offsets=[2, 0]), "data_offsets"),
    "header: offsets that are fractions": (first(data_offsets=[0.0, 2.0]), "data_offsets"),
    "header: offsets that are one number": (first(data_offsets=0), "data_offsets"),
    "header: places of two tensors swapped": (header(swapped), "data_offsets"),
    "weights: NaN": (number(np.nan), "NaN"),
    "weights: infinity": (number(np.inf), "infinity"),
    "weights: minus infinity": (number(-np.inf), "infinity"),
    # What stands in the folder.
    "weights: none": (lambda folder: (folder / WEIGHTS).unlink(), "no such file"),
    "weights: a folder": (instead(WEIGHTS, lambda file: file.mkdir()), "not an ordinary file"),
    "weights: a FIFO": (instead(WEIGHTS, os.mkfifo), "not an ordinary file"),
    "weights: a link to /dev/zero": (instead(WEIGHTS, lambda file: file.symlink_to("/dev/zero")), "not an ordinary"),
    "weights: a link to another file": (instead(WEIGHTS, lambda file: file.symlink_to(__file__)), "its record says"),
    "weights: a link to nothing": (instead(WEIGHTS, lambda file: file.symlink_to("nothing")), "no such file"),
    "weights: a link to itself": (instead(WEIGHTS, lambda file: file.symlink_to(file)), "symbolic links"),
    "record: a folder": (instead(RECORD, lambda file: file.mkdir()), RECORD),
    "record: a FIFO": (instead(RECORD, os.mkfifo), RECORD),
    "record: a link to /dev/zero": (instead(RECORD, lambda file: file.symlink_to("/dev/zero")), RECORD),
    "record: a link to a text": (instead(RECORD, lambda file: file.symlink_to(__file__)), "not valid JSON"),
}

TOKENIZER = "spec.preprocessor.tokenizer."
PATTERN = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
ADDED = {"id": 99, "content": "new", "special": True} | dict.fromkeys(
    ("single_word", "lstrip", "rstrip", "normalized"), False
)
OF_A_CLASSIFIER: dict[str, tuple[Spoil, str]] = {
    "no labels": (key("spec.preprocessor.labels", []), "labels"),
    "a label twice": (key("spec.preprocessor.labels", ["no", "no"]), "labels"),
    "labels that are numbers": (key("spec.preprocessor.labels", [0, 1]), "labels"),
    "a label too many": (key("spec.preprocessor.labels", ["a", "b", "c"]), "asks for more"),
    "a text of no subwords": (key("spec.preprocessor.max_length", 0), "max_length"),
    "a text of 1e12 subwords": (key("spec.preprocessor.max_length", 10**12), "max_length"),
    "sentences as text": (key("spec.preprocessor.sentences", "1"), "sentences"),
    "no tokenizer": (key("spec.preprocessor.tokenizer", {}), "tokenizer"),
    "a tokenizer that is a path": (key("spec.preprocessor.tokenizer", "/etc/passwd"), "tokenizer"),
    "a pattern that takes for ever": (key(TOKENIZER + "normalizer", PATTERN), "no patterns"),
    "another normalizer": (key(TOKENIZER + "normalizer", {"type": "Precompiled"}), "tokenizer.normalizer"),
    "another model": (key(TOKENIZER + "model.type", "WordPiece"), "tokenizer.model"),
    "a decoder": (key(TOKENIZER + "decoder", {"type": "ByteLevel"}), "tokenizer.decoder"),
    "subwords that are a list": (key(TOKENIZER + "model.vocab", []), "tokenizer"),
    "an id beyond the embedding": (key(TOKENIZER + "model.vocab.a", 10**6), "tokenizer"),
    "a subword that merges lead to is missing": (key(TOKENIZER + "model.vocab.good</w>", DELETED), "model.merges"),
    "a number of a subword in a list": (key(TOKENIZER + "model.vocab.a", [2]), "tokenizer"),
    "a kind of normalizer in a list": (key(TOKENIZER + "normalizer.type", ["Sequence"]), "spec.preprocessor"),
    "a merge that leads nowhere": (key(TOKENIZER + "model.merges", [["a", "zzz"]]), "model.merges"),
    "a token beyond the subwords": (key(TOKENIZER + "added_tokens", [ADDED]), "added_tokens"),
    "another number of subwords": (key(CONFIG + "vocabulary", 5), "vocabulary"),
    "an embedding beyond the declared tensors": (key(CONFIG + "width", 60_000), "asks for more"),
    "the other task": (key("spec.task", "transduction"), "spec.preprocessor"),
}

OF_A_TAGGER: dict[str, tuple[Spoil, str]] = {
    "no tags": (key("spec.preprocessor.tags", []), "tag"),
    "a tag twice": (key("spec.preprocessor.tags", ["O", "O", "I"]), "tags"),
    "tags in a text": (key("spec.preprocessor.tags", "OBI"), "tags"),
    "a tag too many": (key("spec.preprocessor.tags", ["O", "B", "I", "X"]), "asks for more"),
    "a sentence of no subwords": (key("spec.preprocessor.max_length", 0), "max_length"),
    "a pattern for words": (key(TOKENIZER + "pre_tokenizer", {"type": "Split", **PATTERN}), "pre_tokenizer"),
}

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
    """Spoils a good checkpoint at random: a value of the record, bytes of the record, or bytes of the weights.

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
    """Loads a checkpoint up to its tensors, and the model too where the record's spec is not the known one."""
    from zoo import hub
    from zoo.pipeline import load
    from zoo.tasks import find_preprocessor
    from zoo.weights_file import read_tensors

    record, file = hub.locate(folder)
    tensors = read_tensors(file, record)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    if record.spec != known:
        # As the command does, before any backend starts.
        find_preprocessor(record.spec.task, record.spec.preprocessor, str(folder))
        load(folder)


def _places(value: Any):
    """Yields (container, key) of every value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield value, name
        yield from _places(inner)


def _scrambled(raw: bytes, random_: random.Random) -> bytes:
    """Overwrites, inserts, removes or repeats a few bytes at random places."""
    changed = bytearray(raw)
    for _ in range(random_.choice((1, 1, 1, 2, 8))):
        place, count = random_.randrange(len(changed) + 1), random_.choice((1, 1, 2, 8, 64))
        piece = random_.choice((random_.randbytes(count), bytes(count), b"\xff" * count, bytes(changed[:count])))
        keep = random_.choice((0, count, count))
        changed[place : place + keep] = piece if random_.random() < 0.8 else b""
    return bytes(changed)
