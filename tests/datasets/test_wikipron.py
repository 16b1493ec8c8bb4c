"""WikiPron: splits by word, words that are held out, and local copies that are packed."""

import lzma
from types import SimpleNamespace

import pytest
import tensorflow_datasets as tfds

from zoo import datasets
from zoo.datasets.sigmorphon2021 import sigmorphon2021
from zoo.datasets.wikipron import wikipron
from zoo.datasets.wikipron.languages import LANGUAGES, SIGMORPHON_2021, language_name
from zoo.errors import InputError


def test_every_file_has_a_checksum_and_is_pinned():
    assert set(tfds.builder_cls("wikipron").url_infos) == {*wikipron.URLS.values(), *wikipron.HELD_OUT_URLS.values()}
    urls = {url for files in sigmorphon2021.URLS.values() for url in files.values()}
    assert set(tfds.builder_cls("sigmorphon2021").url_infos) == urls
    assert len(wikipron.URLS) == len(set(wikipron.URLS.values())) == 54


def test_reserved_languages_are_never_read():
    files = [file for _, file in LANGUAGES.values()]
    assert not [file for file in files if file.startswith(("hun_", "slv_", "hin_", "lit_"))]
    assert not {"hu", "sl", "hi", "lt"} & {code.split("-")[0] for code in LANGUAGES}
    assert not {"hun", "slv"} & set(SIGMORPHON_2021)
    assert language_name("pt-BR") == "Portuguese, Brazil" and language_name("hi") == "hi"


def test_scripts_of_one_language_have_one_spelling():
    assert wikipron.spelling("Џем", "sh-Cyrl") == wikipron.spelling("džem", "sh-Latn")
    assert wikipron.spelling("カタ", "ja-Kana") == wikipron.spelling("かた", "ja-Hira")
    assert wikipron.digest("casa", "es-ES") == wikipron.digest("Casa", "es-419") != wikipron.digest("casa", "it")


def test_held_out_words_are_in_no_variety_and_rare_symbols_are_left_out(monkeypatch):
    monkeypatch.setattr(wikipron, "MIN_COUNT", 2)
    rows = [("casa", "k a s a"), ("Casa", "k a s a"), ("saca", "s a k a"), ("caza", "k a θ a"), ("asas", "a s a s")]
    entries = {"es-ES": [*rows, ("a" * 65, "a")], "es-419": rows, "it": rows}
    kept = wikipron.select(entries, wikipron.held_out([("casa", "es-ES")]))
    assert [word for word, _ in kept["es-ES"]] == [word for word, _ in kept["es-419"]] == ["saca", "asas"]
    assert "casa" in dict(kept["it"])


def test_a_word_is_in_one_split_with_all_its_pronunciations(monkeypatch):
    made = [(f"word{i}", phones) for i in range(2000) for phones in ("a", "b")]
    result = wikipron.splits_of({"en-GB": made, "en-US": made})
    split_of = {}
    for split, rows in result.items():
        for row in rows:
            assert row["pronunciations"] == ["a", "b"]
            assert split_of.setdefault(row["word"], split) == split
    assert {split: len(rows) for split, rows in result.items() if split != "train"}.keys() == {"validation", "test"}
    assert 3700 < len(result["train"]) < 3860 and len(result["validation"]) > 20
    monkeypatch.setattr(wikipron, "MAX_WORDS", {"validation": 3, "test": 5})
    few = wikipron.splits_of({"en-GB": made})
    assert (len(few["validation"]), len(few["test"])) == (3, 5)


def test_the_builder_reads_packed_files_and_gives_tagged_inputs(build, monkeypatch, tmp_path):
    text = "".join(
        f"{word}\tɑ b\n{word}\ta b\n" for word in [f"{x}{y}{z}" for x in "abc" for y in "abc" for z in "abcde"]
    )
    code = {"en-GB": text.encode(), "tr": "".join(f"ki{c}\tk i\n" for c in "abcdefgh" * 2).encode()}
    monkeypatch.setattr(wikipron, "URLS", dict.fromkeys(code, "https://x/y"))
    monkeypatch.setattr(wikipron, "HELD_OUT_URLS", {"eng_us_dev": "https://x/z"})
    splits = build(wikipron, "wikipron", {**code, "eng_us_dev": b"aaa\ta b\n"})
    rows = [row for split in splits.values() for row in split]
    assert {row["language"].decode() for row in rows} == {"en-GB"}  # each Turkish word has a letter of its own
    assert len(rows) == 44 and "aaa" not in {row["word"].decode() for row in rows}
    builder = tfds.builder("wikipron", data_dir=tmp_path / "prepared")
    monkeypatch.setattr(datasets, "_prepared", lambda name: builder)
    examples = datasets.load("wikipron", "train")
    assert examples.inputs[0].startswith("<en-GB>") and len(examples) == 2 * len(splits["train"])
    assert set(examples.targets) == {"ɑ b", "a b"}


def test_local_copies_may_be_packed(tmp_path, monkeypatch):
    import hashlib

    info = SimpleNamespace(size=3, checksum=hashlib.sha256(b"one").hexdigest())
    builder = SimpleNamespace(name="made", url_infos={"https://x/a.tsv": info})
    monkeypatch.setenv("ZOO_DATA_FILES", str(tmp_path))
    (tmp_path / "a.tsv.xz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="put a copy of https://x/a.tsv there"):
        datasets.fetch(builder, None, {"a": "https://x/a.tsv"})
    (tmp_path / "a.tsv.xz").write_bytes(lzma.compress(b"one"))
    assert datasets.fetch(builder, None, {"a": "https://x/a.tsv"}) == {"a": str(tmp_path / "a.tsv.xz")}
