"""Malformed checkpoints, each made from a good one, for tests/test_malformed.py and benchmarks/fuzz.py."""

import os

import numpy as np
from malformed import (
    DELETED,
    RECORD,
    WEIGHTS,
    Spoil,
    data,
    first,
    header,
    instead,
    key,
    length,
    many,
    number,
    renamed,
    shape,
    swapped,
    text,
    twice,
)

# Each one's name, what spoils it, and what the message must name beside the file.
Corpus = dict[str, tuple[Spoil, str]]

CONFIG = "spec.config."
SYMBOLS = "spec.preprocessor.source.symbols"

CORPUS: Corpus = {
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
OF_A_CLASSIFIER: Corpus = {
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

OF_A_TAGGER: Corpus = {
    "no tags": (key("spec.preprocessor.tags", []), "tag"),
    "a tag twice": (key("spec.preprocessor.tags", ["O", "O", "I"]), "tags"),
    "tags in a text": (key("spec.preprocessor.tags", "OBI"), "tags"),
    "a tag too many": (key("spec.preprocessor.tags", ["O", "B", "I", "X"]), "asks for more"),
    "a sentence of no subwords": (key("spec.preprocessor.max_length", 0), "max_length"),
    "a pattern for words": (key(TOKENIZER + "pre_tokenizer", {"type": "Split", **PATTERN}), "pre_tokenizer"),
}

FRONT_END = "spec.preprocessor.front_end."
OF_A_SERIES: Corpus = {
    "no labels": (key("spec.preprocessor.labels", []), "label"),
    "series of no steps": (key("spec.preprocessor.max_length", 0), "max_length"),
    "series of 1e12 steps": (key("spec.preprocessor.max_length", 10**12), "max_length"),
    "another front end": (key(FRONT_END + "kind", "pickle"), "front_end.kind"),
    "a front end in a list": (key("spec.preprocessor.front_end", ["numbers"]), "front_end"),
    "a kind in a list": (key(FRONT_END + "kind", ["numbers"]), "front_end.kind"),
    "no mean": (key(FRONT_END + "mean", []), "mean"),
    "a mean of text": (key(FRONT_END + "mean", ["0", "0"]), "mean"),
    "a mean of 1e300": (key(FRONT_END + "mean", [1e14, 1e300]), "spec.preprocessor"),
    "a scale of nothing": (key(FRONT_END + "scale", [0.0, 1.0]), "scale"),
    "a scale below nothing": (key(FRONT_END + "scale", [-1.0, 1.0]), "scale"),
    "scales of other channels": (key(FRONT_END + "scale", [1.0]), "scale"),
    "a channel more": (
        lambda folder: [key(FRONT_END + name, [1.0, 1.0, 1.0])(folder) for name in ("mean", "scale")],
        "features",
    ),
    "the rate of a sound": (key(FRONT_END + "rate", 8_000), "front_end"),
}

OF_A_LOG_MEL: Corpus = {
    "a rate of nothing": (key(FRONT_END + "rate", 0), "rate"),
    "a rate of 1e9": (key(FRONT_END + "rate", 10**9), "rate"),
    "half a sample a second": (key(FRONT_END + "rate", 0.5), "rate"),
    "100,000 bands": (
        lambda folder: [key(FRONT_END + name, [1.0] * 100_000)(folder) for name in ("mean", "scale")],
        "mean and scale",
    ),
}

OF_A_WAVEFORM: Corpus = {
    "no samples a step": (key(FRONT_END + "frame", 0), "frame"),
    "1e9 samples a step": (key(FRONT_END + "frame", 10**9), "frame"),
    "another number of samples a step": (key(FRONT_END + "frame", 17), "features"),
    "mu below nothing": (key(FRONT_END + "mu", -1), "mu"),
    "mu of true": (key(FRONT_END + "mu", True), "mu"),
    "a receptive field without end": (key(CONFIG + "levels", 60_000), "levels"),
}

OF_MUSIC: Corpus = {
    "a piano of 10^9 keys": (key("spec.preprocessor.keys", 10**9), "keys"),
    "another lowest key": (key("spec.preprocessor.lowest", 0), "keys"),
    "no keyboard": (key("spec.preprocessor", {}), "spec.preprocessor"),
    "a window of no steps": (key(CONFIG + "window", 0), "window"),
    "windows of 65,536 steps": (key(CONFIG + "window", 65_536), "window"),
    "a thousand levels": (key(CONFIG + "levels", 1_000), "levels"),
}

OF_CHARACTERS: Corpus = {
    "no characters": (key("spec.preprocessor.symbols", []), "symbols"),
    "a character twice": (key("spec.preprocessor.symbols", ["a", "a"]), "symbols"),
    "two characters as one": (key("spec.preprocessor.symbols", ["ab"]), "symbols"),
    "characters in a text": (key("spec.preprocessor.symbols", "abc"), "symbols"),
    "characters of another number": (key("spec.preprocessor.symbols", ["a"]), "vocabulary"),
    "crops of one character": (key("spec.preprocessor.context", 1), "context"),
    "crops of 1e12 characters": (key("spec.preprocessor.context", 10**12), "context"),
    "a look back of nothing": (key(CONFIG + "context", 0), "context"),
    "heads that do not divide the width": (key(CONFIG + "heads", 7), "heads"),
}

OF_NUMBERS: Corpus = {
    "no numbers a step": (key("spec.preprocessor.features", 0), "features"),
    "1e9 numbers a step": (key("spec.preprocessor.features", 10**9), "features"),
    "another number a step": (key("spec.preprocessor.features", 3), "features"),
    "20,000 layers": (key(CONFIG + "layers", 20_000), "layers"),
    "20,000 stacks": (key(CONFIG + "stacks", 20_000), "stacks"),
}

OF_IDS: Corpus = {
    "no ids": (key("spec.preprocessor.symbols", 0), "symbols"),
    "1e9 ids": (key("spec.preprocessor.symbols", 10**9), "symbols"),
    "ids in a list": (key("spec.preprocessor.symbols", [1, 2]), "symbols"),
    "another number of ids": (key("spec.preprocessor.symbols", 12), "vocabulary"),
}

# By the kind of checkpoint that each corpus spoils, as ``malformed.KINDS`` names them.
OF_A_KIND: dict[str, Corpus] = {
    "labels": OF_A_CLASSIFIER,
    "tags": OF_A_TAGGER,
    "series": OF_A_SERIES,
    "log_mel": OF_A_LOG_MEL,
    "waveform": OF_A_WAVEFORM,
    "music": OF_MUSIC,
    "characters": OF_CHARACTERS,
    "numbers": OF_NUMBERS,
    "ids": OF_IDS,
}
