"""Records: what is read is what was written, and what no record may hold is refused by file and key."""

import copy
import json

import pytest
from samples import RECORD

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record, is_name
from zoo.checkpoints.strict_json import MAX_JSON_BYTES, parse_json
from zoo.errors import WeightsError
from zoo.files import integrity_error
from zoo.recipes.reached import REACHED
from zoo.recipes.recipes import RECIPES


def changed(path, value):
    """Returns the document with one place set to ``value``, or taken out where it is ``None``."""
    document = copy.deepcopy(RECORD)
    *parents, last = path
    place = document
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def test_a_record_survives_text_and_back():
    record = Record.from_json(RECORD, "record.json")
    text = record.to_text()
    again = Record.from_json(parse_json(text.encode(), "record.json"), "record.json")
    assert again == record
    assert again.to_json() == json.loads(text) == RECORD
    assert record.weights.tensors["model/dense/kernel"].shape == (2, 3)


def test_beam_and_logits_may_be_left_out():
    document = changed(["golden", "logits"], None)
    del document["metrics"][0]["beam"]
    assert Record.from_json(document, "record.json").to_json() == document


def every_key(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from every_key(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from every_key(inner, (*path, index))


FREE = {"config", "preprocessor", "recipe", "versions", "splits", "values", "tensors"}
REQUIRED = [
    path
    for path in every_key(RECORD)
    if path[-1] not in ("beam", "logits") and not FREE & set(map(str, path[:-1])) and "curve" not in path[:-1]
]


@pytest.mark.parametrize("path", REQUIRED, ids=lambda path: ".".join(map(str, path)))
def test_each_missing_key_is_named(path):
    with pytest.raises(WeightsError, match=f"place/record.json: .*{path[-1]}: missing"):
        Record.from_json(changed(path, None), "place/record.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], 2, "update seqzoo"),
        (["format"], True, "format: expected a whole number"),
        (["extra"], 1, "extra: unknown key"),
        (["data", "extra"], 1, "data.extra: unknown key"),
        (["spec", "extra"], 1, "spec.extra: unknown key"),
        (["spec", "size"], 3, "spec.size: expected a string"),
        (["spec", "config"], [], "spec.config: expected an object"),
        (["spec", "config", "hidden_dim"], 10**8, "spec.config.hidden_dim: 100000000 is beyond"),
        (["spec", "config", "hidden_dim"], 10**4000, "spec.config.hidden_dim: 10000000000000000000 is beyond"),
        (["spec", "config", "hidden_dim"], float("nan"), "spec.config.hidden_dim: nan is beyond"),
        (["name"], "../gru", "name: may hold"),
        (["name"], "a/b", "name: may hold"),
        (["name"], "", "name: expected a text"),
        (["name"], "red\x1b[31m", "name: expected a text on one line"),
        (["weights", "file"], "../model.safetensors", "weights.file: must be model.safetensors"),
        (["weights", "file"], "model.h5", "weights.file: must be model.safetensors"),
        (["weights", "sha256"], "abc", "weights.sha256"),
        (["weights", "bytes"], 20, "weights.bytes: does not agree"),
        (["weights", "bytes"], 2**40, "weights.bytes: does not agree"),
        (["weights", "parameters"], 8, "weights.parameters: the tensors add up to 7"),
        (["weights", "parameters"], -7, "weights.parameters: expected a whole number"),
        (["weights", "tensors"], {}, "weights.tensors: expected 1 to"),
        (["weights", "tensors", "t"], {"shape": [0], "dtype": "float16"}, "none empty"),
        (["weights", "tensors", "t"], {"shape": [10**9] * 8, "dtype": "float16"}, "more than"),
        (["weights", "tensors", "t"], {"shape": [1] * 9, "dtype": "float16"}, "up to 8 axes"),
        (["weights", "tensors", "t"], {"shape": [1], "dtype": "object"}, "dtype must be one of"),
        (["weights", "tensors", "t\n"], {"shape": [1], "dtype": "float16"}, r"'weights.tensors.t\\n'"),
        (["licence", "data"], " ", "licence.data: expected a text"),
        (["data", "fingerprint"], "abc", "data.fingerprint"),
        (["data", "splits"], {"train": 1.5}, "data.splits.train: expected a whole number"),
        (["training", "backend"], "numpy", "training.backend"),
        (["training", "versions"], {}, "training.versions"),
        (["training", "seconds"], "1", "training.seconds: expected a number"),
        (["metrics", 0, "values", "wer"], 0.2, r"metrics\[0\].values.wer: expected an object"),
        (["golden", "outputs"], [], "golden: one output per input"),
        (["golden", "outputs"], ["\ud800"], "golden.outputs.*surrogate"),
    ],
)
def test_what_no_record_may_hold_is_named(path, value, message):
    with pytest.raises(WeightsError, match=f"^record.json: .*{message}") as caught:
        Record.from_json(changed(path, value), "record.json")
    assert str(caught.value).isprintable()


def test_a_record_of_a_newer_version_says_so_whatever_its_keys():
    newer = {**changed(["format"], 2), "added_later": 1}
    del newer["spec"]
    with pytest.raises(WeightsError, match=r"^record.json: format: 2 is not known here, only 1: update seqzoo$"):
        Record.from_json(newer, "record.json")


def test_deep_nesting_is_refused():
    deep = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(WeightsError, match="training.recipe.deep.*nested deeper"):
        Record.from_json(changed(["training", "recipe", "deep"], deep), "record.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file:1: not valid JSON"),
        (b'{\n"a": ', "file:2: not valid JSON"),
        (b'{"a": 1, "a": 2}', "key 'a' appears twice"),
        (b"[NaN]", "NaN is not finite"),
        (b"[-Infinity]", "not finite"),
        (b"[1e999]", "1e999 is not finite"),
        (b"[" + b"9" * 5000 + b"]", "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"[" * 100_000, "nested deeper"),
        (b" " * (MAX_JSON_BYTES + 1), "more than"),
    ],
    ids=["empty", "cut", "twice", "nan", "inf", "1e999", "digits", "latin", "mark", "deep", "large"],
)
def test_json_is_strict(data, message):
    with pytest.raises(WeightsError, match=message) as caught:
        parse_json(data, "file")
    assert str(caught.value).startswith("file")


@pytest.mark.parametrize("name", ["gru_small.cmudict_v2", "a-b.c.d", "my-g2p", "mein modell", "модель", "हिन्दी"])
def test_names_that_may_be(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a..b", ".a", "a.", "a/b", "a\\b", "a  b", " a", "a\n", "a$", "a" * 101]
)
def test_names_that_may_not_be(name):
    assert not is_name(name)


def test_every_shipped_checkpoint_has_a_valid_record_and_its_weights():
    for name in locate.list_models():
        record = locate.read_record(name)
        assert record.name == name
        file = locate.shipped_folder() / name / record.weights.file
        assert integrity_error(file, record.weights.bytes, record.weights.sha256) is None


def _three_digits(value: float) -> float:
    return round(value, 3) if value >= 0.01 else float(f"{value:.3g}")


def test_recipes_expect_what_their_checkpoints_have_reached():
    assert {name for name, recipe in RECIPES.items() if recipe.expected} == set(REACHED)
    for name, recipe in RECIPES.items():
        if recipe.expected:
            values = locate.read_record(name).metrics[-1]["values"]
            result = {score: _three_digits(values[score]["value"]) for score in recipe.expected}
            assert result == recipe.expected, name
