"""Token shards: the ids of a corpus, written once and read by all training runs."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from zoo.errors import InputError
from zoo.files import replacing, storage

MANIFEST = "shards.json"
_AT_ONCE = 1_000  # texts per call of the tokenizer


class Tokenizer(Protocol):
    """Maps texts to ids."""

    size: int

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Returns the state of the tokenizer."""
        ...


@dataclasses.dataclass(frozen=True)
class TokenShards:
    """A folder with one array of ids per split, ``uint16 (tokens,)``, and a manifest.

    Attributes:
        folder: Folder of the arrays.
        tokenizer: The JSON form of the tokenizer.
        fingerprint: SHA-256 over the SHA-256 of every array and the tokenizer.
        tokens: Number of ids per split, including the separator before each text.
    """

    folder: Path
    tokenizer: dict[str, Any]
    fingerprint: str
    tokens: dict[str, int]

    def split(self, name: str) -> np.ndarray:
        """Returns the ids of a split, memory-mapped.

        Raises:
            InputError: There is no such split, or its file is missing or has another length.
        """
        if name not in self.tokens:
            raise InputError(f"{self.folder}: no split {name!r}: there are {', '.join(self.tokens)}")
        path = self.folder / f"{name}.npy"
        try:
            ids = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a token shard ({error}): delete the folder and write it again") from None
        if ids.dtype != np.uint16 or ids.shape != (self.tokens[name],):
            raise InputError(f"{path}: not the shard of its manifest: delete the folder and write it again")
        return ids


def write_shards(folder: Path, texts: dict[str, Iterable[str]], tokenizer: Tokenizer, separator: int) -> TokenShards:
    """Encode the texts of each split and write them as shards; the manifest is written last.

    Args:
        folder: Output folder; created if it does not exist.
        texts: The texts of each split, in order.
        tokenizer: Tokenizer with at most 65,536 ids.
        separator: Id that is written before each text.

    Raises:
        InputError: The tokenizer has too many ids, or a split has no text.
        StorageError: The disk is full or the folder cannot be written.
    """
    if tokenizer.size > 65_536:
        raise InputError(f"{tokenizer.size:,} ids do not fit 16 bits: learn a vocabulary of at most 65,536")
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    digest, tokens = hashlib.sha256(json.dumps(tokenizer.to_json(), sort_keys=True).encode()), {}
    for name, rows in texts.items():
        parts = [np.array([separator, *ids], np.uint16) for ids in _encoded(rows, tokenizer)]
        if not parts:
            raise InputError(f"{name}: no text to encode")
        ids = np.concatenate(parts)
        with replacing(folder / f"{name}.npy") as file:
            np.save(file, ids)
        tokens[name] = len(ids)
        digest.update(hashlib.sha256(ids.tobytes()).digest())
    manifest = {"tokenizer": tokenizer.to_json(), "fingerprint": digest.hexdigest(), "tokens": tokens}
    with replacing(folder / MANIFEST) as file:
        file.write(json.dumps(manifest).encode())
    return TokenShards(folder, **manifest)


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[list[int]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _AT_ONCE:
            yield from tokenizer.encode_batch(batch)
            batch = []
    yield from tokenizer.encode_batch(batch)


def open_shards(folder: Path) -> TokenShards | None:
    """Returns the shards in a folder, or ``None`` if it has none (raises InputError for a damaged manifest)."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return TokenShards(folder, value["tokenizer"], value["fingerprint"], value["tokens"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a manifest of token shards ({error}): delete the folder") from None
