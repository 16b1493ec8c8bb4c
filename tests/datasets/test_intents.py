"""Requests and their intents, from small files in the form of the real ones."""

import json

import pytest

from zoo.datasets.intents import intents


def test_intents_have_their_splits_and_domains(build):
    requests = {split: [[f"{split} me", "pay_bill"]] for split in ("train", "val", "test", "oos_train")}
    files = {"requests": json.dumps(requests).encode(), "domains": b'{"banking": ["transfer", "pay_bill"]}'}
    splits = build(intents, "intents/clinc150_domains", files)
    assert {split: (rows[0]["text"], rows[0]["label"]) for split, rows in splits.items()} == {
        "train": (b"train me", b"banking"),
        "validation": (b"val me", b"banking"),
        "test": (b"test me", b"banking"),
    }
    assert all(len(rows) == 1 for rows in splits.values())


def test_questions_to_a_bank_are_split_by_a_hash(build):
    lines = [f'"\nWhere, please, is card {i}?\n",card_arrival' for i in range(1_000)]
    train = "\n".join(["text,category", *lines]).encode()
    splits = build(intents, "intents/banking77", {"train": train, "test": b"text,category\nLost it,lost_card\n"})
    assert splits["test"] == [{"text": b"Lost it", "label": b"lost_card"}]
    texts = {split: {row["text"].decode() for row in rows} for split, rows in splits.items()}
    assert texts["train"] | texts["validation"] == {f"Where, please, is card {i}?" for i in range(1_000)}
    assert abs(len(texts["validation"]) / 1_000 - 0.1) < 0.03


def test_a_table_of_intents_with_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("text,intent\na,b\n")
    with pytest.raises(ValueError, match="x.csv:1: columns .*expected text and category"):
        intents.read_table(str(tmp_path / "x.csv"))
