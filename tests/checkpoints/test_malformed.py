"""Files from strangers: every malformed checkpoint is one typed error with its file, soon and in little memory."""

import importlib
import random
import shutil
import time
import tracemalloc

import malformed
import malformed_corpus as corpus
import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.checkpoints.record import Record
from zoo.checkpoints.strict_json import parse_json
from zoo.errors import InputError, StorageError, WeightsError, ZooError
from zoo.loading import load

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
SECONDS = 1.0
BYTES = 200e6


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return malformed.good(tmp_path_factory.mktemp("good") / "tiny.words")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    place = tmp_path_factory.mktemp("kinds")
    return {kind: malformed.good_of(kind, place / f"tiny.{kind}") for kind in malformed.KINDS}


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "tiny.words")


def test_the_corpus_starts_from_a_checkpoint_that_works(folder):
    assert len(load(folder).predict(["abc", "cab"])) == 2
    assert len(corpus.CORPUS) >= 60


@pytest.mark.parametrize("name", corpus.CORPUS)
def test_each_is_one_typed_error_that_names_the_file(folder, name):
    spoil, part = corpus.CORPUS[name]
    spoil(folder)
    tracemalloc.start()
    before = time.process_time()
    try:
        with pytest.raises((WeightsError, StorageError, InputError)) as caught:
            load(folder)
        seconds, (_, peak) = time.process_time() - before, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert str(folder) in message and part in message, message
    assert message.isprintable() and len(message) < 1000, message
    assert peak < BYTES
    assert seconds < 10 * SECONDS  # tracing memory makes it several times as slow: benchmarks/fuzz.py measures

    one_line(folder, "abc")


def one_line(folder, word):
    """The command says one line, and shows no traceback."""
    result = CliRunner().invoke(main, ["predict", str(folder), word])
    assert result.exit_code in (2, 4, 5), result.output
    assert len(result.stderr.splitlines()) == 1 and not result.stdout, result.output


@pytest.mark.parametrize("kind", malformed.KINDS)
def test_the_other_kinds_start_from_one_that_works_too(kinds, kind):
    value = malformed.KINDS[kind][2]().inputs[0]
    assert len(load(kinds[kind]).predict([value])) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, spoils in corpus.OF_A_KIND.items() for name in spoils]
)
def test_each_of_another_kind_is_one_typed_error_too(kinds, tmp_path, kind, name):
    folder = shutil.copytree(kinds[kind], tmp_path / kinds[kind].name)
    spoil, part = corpus.OF_A_KIND[kind][name]
    spoil(folder)
    with pytest.raises(WeightsError) as caught:
        load(folder)
    message = str(caught.value)
    assert str(folder) in message and part in message and message.isprintable(), message
    one_line(folder, "good")


def test_a_width_beyond_all_bounds_is_refused_before_a_model_is_made(folder):
    malformed.key("spec.config.encoder_units", 10**8)(folder)
    with pytest.raises(WeightsError, match="spec.config.encoder_units: 100000000 is beyond"):
        locate.read_record(folder)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5", "model.pkl", "model.pt", "model.npz"])
def test_other_formats_are_refused_by_name_with_the_reason(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    result = CliRunner().invoke(main, ["info", str(tmp_path / name)])
    assert result.exit_code == 5
    assert f"{tmp_path / name}: refused: a ." in result.stderr and "safetensors only" in result.stderr


def test_random_mutations_load_or_are_one_typed_error(good, kinds, tmp_path):
    """The quick half: a thousand. All ten thousand: ``python benchmarks/fuzz.py``."""
    refused = 0
    specs = {start: locate.read_record(start).spec for start in (good, *kinds.values())}
    for seed in range(1000):
        start = list(specs)[seed % len(specs)]
        folder = shutil.copytree(start, tmp_path / start.name, dirs_exist_ok=True)
        malformed.mutate(folder, random.Random(seed))
        try:
            malformed.attempt(folder, specs[start])
        except ZooError as error:
            refused += 1
            assert str(error).isprintable() and len(str(error)) < 1000, (seed, str(error))
    assert 500 < refused < 1000


REQUIRED = ("licence.weights", "licence.data", "data.source", "data.fingerprint", "weights.sha256", "training.versions")


@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("name", locate.list_models())
def test_a_shipped_record_says_where_it_comes_from_and_could_not_leave_it_out(tmp_path, name, path):
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(locate.shipped_folder() / name / "record.json", folder)
    document = malformed.document_of(folder)
    part, last = path.split(".")
    assert document[part][last]
    malformed.key(path, malformed.DELETED)(folder)
    with pytest.raises(WeightsError, match=f"{path}: missing"):
        Record.from_json(parse_json((folder / "record.json").read_bytes(), "record.json"), "record.json")
