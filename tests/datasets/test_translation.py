import gzip
import importlib
import io
import zipfile

import pytest
import tensorflow_datasets as tfds

from zoo import datasets
from zoo.datasets.multi30k import multi30k
from zoo.datasets.tatoeba import tatoeba


@pytest.fixture(autouse=True)
def no_local_copies(monkeypatch):
    monkeypatch.delenv("ZOO_DATA_FILES", raising=False)


def test_every_file_that_is_fetched_has_a_checksum():
    captions = {url for config in multi30k.CONFIGS for url in multi30k.urls(config).values()}
    assert set(tfds.builder_cls("multi30k").url_infos) == captions and len(captions) == 15
    assert set(tfds.builder_cls("tatoeba").url_infos) == {url for url, _ in tatoeba.CONFIGS.values()}


def test_the_catalogue_has_every_config_and_split():
    for name in ("multi30k", "tatoeba"):
        module = importlib.import_module(f"zoo.datasets.{name}.{name}")
        assert {entry for entry in datasets.DATASETS if entry.startswith(f"{name}/")} == {
            f"{name}/{config}" for config in module.CONFIGS
        }
    entry = datasets.DATASETS["multi30k/en_de"]
    assert entry.splits == tuple(multi30k._FILES)
    assert [figure["values"] for figure in entry.figures("test_2016_flickr")] == [{"bleu_lowercase": 41.02}]
    assert entry.figures("test_2017_flickr") == []  # a figure is for one test set only
    assert "research" in entry.weights_licence


def captions(target: str = "de") -> dict[str, bytes]:
    files = {}
    for split in multi30k._FILES:
        files[f"{split}/en"] = gzip.compress(f"A dog in {split}.\nA cat\u2028here.\n".encode())
        files[f"{split}/{target}"] = gzip.compress(f"  Ein Hund in {split}.\nEine Katze hier. \n".encode())
    return files


@pytest.mark.parametrize("target", ["de", "fr"])
def test_multi30k_has_a_pair_per_line(build, target):
    splits = build(multi30k, f"multi30k/en_{target}", captions(target))
    assert list(splits) == list(multi30k._FILES)
    rows = splits["test_2017_mscoco"]
    assert rows[0] == {"source": b"A dog in test_2017_mscoco.", "target": b"Ein Hund in test_2017_mscoco."}
    assert rows[1]["source"].decode() == "A cat\u2028here."  # not a line's end


@pytest.mark.parametrize("content", [b"Ein Hund.\n", b"Ein Hund.\n\n"], ids=["shorter", "empty line"])
def test_files_that_are_not_parallel_are_refused(tmp_path, content):
    for name, lines in (("en", b"A dog.\nA cat.\n"), ("de", content)):
        (tmp_path / name).write_bytes(gzip.compress(lines))
    with pytest.raises(ValueError, match="de: not one sentence per line of .*en"):
        multi30k.read(str(tmp_path / "en"), str(tmp_path / "de"))


def archive(text: str, member: str = "deu.txt") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(member, text)
        file.writestr("_about.txt", "CC BY 2.0")
    return packed.getvalue()


def test_tatoeba_is_split_by_groups_that_share_a_sentence(build):
    lines = [f"Sentence {i}.\tSatz {i}." for i in range(1_500)]
    lines += [f"sentence {i}!\tSatz Nummer {i}." for i in range(1_500)] + ["Sentence 1.\tSatz 1."]
    splits = build(tatoeba, "tatoeba/de_en", {"pairs": archive("\n".join(lines) + "\n")})
    sizes = {split: len(rows) for split, rows in splits.items()}
    assert sum(sizes.values()) == 3_000  # a pair counts once
    assert 10 < sizes["test"] < 100 and 10 < sizes["validation"] < 100
    keys = {
        split: {(side, tatoeba.key(row[side].decode())) for row in rows for side in ("source", "target")}
        for split, rows in splits.items()
    }
    assert not keys["train"] & keys["test"] and not keys["train"] & keys["validation"]
    assert not keys["validation"] & keys["test"]
    first = splits["train"][0]
    assert first["source"].startswith(b"Satz") and first["target"].startswith(b"Sentence")  # German to English


def test_a_chain_of_shared_sentences_is_one_group_in_any_order():
    pairs = [("Hallo!", "Hi."), ("Grüß Gott!", "hi!"), ("grüß gott", "Good day."), ("Lauf!", "Run!")]
    result = tatoeba.groups(pairs)
    assert result[0] == result[1] == result[2] != result[3]
    assert tatoeba.groups(pairs[::-1]) == result[::-1]
    # the same word in both languages is no link: "Hallo" as a target is another sentence than as a source
    assert len(set(tatoeba.groups([("Oh", "Hallo"), ("Hallo", "Hi")]))) == 2


def test_a_line_that_is_no_pair_is_named(tmp_path):
    (tmp_path / "pairs.zip").write_bytes(archive("Hi.\tHallo!\nRun!\n"))
    with pytest.raises(ValueError, match="deu.txt:2: not a sentence, a tab and its translation"):
        tatoeba.read(str(tmp_path / "pairs.zip"), "deu.txt")
