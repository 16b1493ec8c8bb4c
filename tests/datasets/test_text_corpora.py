"""Corpora of text: WikiText as plain text with its own count of words; English documents and their splits."""

import io
import json
import lzma
import tarfile

import pytest

from zoo import datasets
from zoo.datasets.english import english
from zoo.datasets.wikitext import wikitext
from zoo.errors import InputError

TOKENISED = """\x20
 = Made Town =\x20

 The town 's river ( 12 @.@ 5 km ) is @-@ they say @-@ 1 @,@ 000 years old .\x20

 = = History = =\x20

 " Old , " it said <unk> .\x20
 = Other =\x20

 It ends .\x20
"""


def test_wikitext_is_written_as_text_and_its_tokens_are_counted(tmp_path):
    file = tmp_path / "test.txt"
    file.write_text(TOKENISED)
    first, second = wikitext.read(str(file))
    assert first["text"].splitlines() == [
        "= Made Town =",
        "The town's river (12.5 km) is-they say-1,000 years old.",
        "= = History = =",
        '"Old," it said <unk>.',
    ]
    assert second["text"] == "= Other =\nIt ends."
    # Every token counts, and one for the end of each line, as in the papers.
    counted = sum(len(line.split()) + 1 for line in TOKENISED.splitlines())
    assert int(first["words"]) + int(second["words"]) == counted


@pytest.fixture
def files(tmp_path):
    paths = {}
    for name in english.FILES:
        paths[name] = str(tmp_path / name.replace("/", "_"))
        if name == "books":
            rows = [{"book": book, "text": book} for book in ("Emma", *english.HELD_OUT_BOOKS)]
        else:
            rows = [{"text": f"{name} {i}"} for i in range(2)]
        with lzma.open(paths[name], "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    with tarfile.open(paths["reviews"], "w:xz") as archive:
        for i in range(2_000):
            content = f"Film {i}.<br /><br />Good.".encode()
            member = tarfile.TarInfo(f"aclImdb/train/unsup/{i}_0.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return paths


def test_every_document_of_the_english_corpus_has_one_split(files):
    documents = list(english.read(files))
    assert len(documents) == 6 * 2 + 5 + 2_000
    assert {(source, split) for source, split, _ in documents} == {
        (source, split)
        for source in ("wikipedia", "wikinews", "books", "reviews")
        for split in ("train", "validation", "test")
    }
    split_of = {text: split for source, split, text in documents if source == "books"}
    assert split_of["Emma"] == "train" and split_of["The Time Machine"] == "validation"
    assert all(text.startswith(f"{source}/{split}") for source, split, text in documents if source.startswith("wiki"))
    reviews = [(split, text) for source, split, text in documents if source == "reviews"]
    assert reviews[0][1] == "Film 0.\nGood." and sum(split == "train" for split, _ in reviews) > 1_960


def test_files_without_an_address_are_asked_for(monkeypatch):
    monkeypatch.delenv("ZOO_DATA_FILES", raising=False)
    with pytest.raises(InputError, match="dataset english: its files have no public address: set ZOO_DATA_FILES"):
        datasets.local_copies("english", english.FILES)
