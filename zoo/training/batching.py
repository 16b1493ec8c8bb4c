"""Batches with few shapes; their order depends only on seed and epoch, so that runs resume exactly."""

import collections
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

# Bucket lengths, a fifth to a half apart, because each new shape costs a compilation.
EDGES = (4, 6, 8, 10, 12, 16, 24, 40, 72, 104, 136, 200, 264, 400, 520, 784, 1040, 1600, 2080, 3200, 4160)
# Further ones for training data that fill this many batches below each. They save padding.
FINER_EDGES = (14, 18, 20, 22, 28, 32, 48, 56, 64, 88, 120, 168, 232)
FINER_BATCHES = 16


def padded(length: int) -> int:
    """Returns the padded length of a row; there are few, because each new shape costs a compilation."""
    return next((edge for edge in EDGES if edge >= length), length)


def by_length(
    lengths: Sequence[int], batch_size: int, steps: int | None = None
) -> Iterator[tuple[list[int], int, int]]:
    """Yield batches for prediction: indices of rows of similar length, and the length and batch size to pad to.

    Args:
        lengths: Length of each row.
        batch_size: Maximum rows per batch.
        steps: Maximum steps per batch, including padding; a longer row is a batch alone.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    start = 0
    while start < len(order):
        max_rows = batch_size
        if steps is not None:
            # Use the longest row of a full batch, so that the batch fits the memory.
            max_length = padded(lengths[order[min(start + batch_size, len(order)) - 1]])
            max_rows = min(batch_size, max(1, steps // max_length))
        chosen = order[start : start + max_rows]
        padded_batch_size = min(batch_size, 1 << (len(chosen) - 1).bit_length())
        yield chosen, padded(lengths[chosen[-1]]), padded_batch_size
        start += len(chosen)


# (rows, length, padded batch size) to the inputs, the references and their weights, batch first.
Collate = Callable[..., tuple[Any, Any, Any]]


class Batches:
    """Training batches in buckets by length.

    Every batch has ``batch_size`` rows and one of a few lengths. The last batch of a bucket is filled up with rows of
    weight 0.

    Args:
        lengths: Length of each row, in steps.
        collate: Creates a batch of the given rows, padded to a length and a number of rows.
        batch_size: Rows per batch.
        seed: Random seed of the order.
        varied: Whether ``collate`` also takes a random generator for augmentation; its state depends on seed, epoch and
            the index of the batch.
        groups: Group of each row, for example its language; ``None`` means one group.
        group_rows: Maximum rows per group and epoch; 0 means all. Later epochs have the next rows of the group.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        collate: Collate,
        batch_size: int,
        seed: int,
        varied: bool = False,
        groups: Sequence[str] | None = None,
        group_rows: int = 0,
    ):
        self.collate = collate
        self.varied = varied
        self.batch_size = batch_size
        self.seed = seed
        max_length = np.asarray(lengths)
        edges = _edges(max_length, FINER_BATCHES * batch_size)
        self.buckets = np.searchsorted(np.array(edges), max_length)
        # The last bucket has no upper edge; its length is that of its longest row.
        last = int(max_length.max(initial=0))
        self.edges = (*(min(edge, last) for edge in edges), last)
        self.parts = _parts(self.buckets, groups, group_rows, seed)
        sizes = collections.Counter()
        for bucket, _, count in self.parts:
            sizes[bucket] += count
        self.per_epoch = int(sum(-(-size // batch_size) for size in sizes.values()))

    def _order(self, epoch: int, shuffle: bool) -> list[tuple[int, np.ndarray]]:
        generator = np.random.default_rng((self.seed, epoch))
        batches = []
        for bucket in np.unique(self.buckets):
            # A part begins where the epoch before ended, so that an epoch depends only on its number.
            rows = np.concatenate(
                [
                    np.take(part, np.arange(epoch * count, (epoch + 1) * count), mode="wrap")
                    if count < len(part)
                    else part
                    for own, part, count in self.parts
                    if own == bucket
                ]
            )
            rows = generator.permutation(rows) if shuffle else rows
            batches += [(int(bucket), rows[i : i + self.batch_size]) for i in range(0, len(rows), self.batch_size)]
        return [batches[i] for i in generator.permutation(len(batches))] if shuffle else batches

    def epoch(self, epoch: int, start: int = 0, shuffle: bool = True) -> Iterator[tuple[Any, Any, Any]]:
        """Yield the batches of an epoch from index ``start`` on: inputs, references and their weights."""
        for number, (bucket, rows) in enumerate(self._order(epoch, shuffle)[start:], start):
            chance = [np.random.default_rng((self.seed, epoch, number))] if self.varied else []
            yield self.collate(rows, self.edges[bucket], self.batch_size, *chance)

    def extremes(self) -> list[tuple[Any, Any, Any]]:
        """Returns a batch with the fewest steps and one with the most, or one batch if all have the same length."""
        last = self.per_epoch - 1
        ends = (0, last) if len(np.unique(self.buckets)) > 1 else (0,)
        return [next(self.epoch(0, start, shuffle=False)) for start in ends]


def _edges(lengths: np.ndarray, rows: int) -> list[int]:
    """Returns the edges of the buckets: all coarse ones, and each finer one that closes a bucket of enough rows."""
    edges = [-1]
    for edge in sorted({*EDGES, *FINER_EDGES}):
        if edge in EDGES or np.count_nonzero((lengths > edges[-1]) & (lengths <= edge)) >= rows:
            edges.append(edge)
    return edges[1:]


def _parts(
    buckets: np.ndarray, groups: Sequence[str] | None, group_rows: int, seed: int
) -> list[tuple[int, np.ndarray, int]]:
    """Returns the rows of each group in each bucket: the bucket, the rows, and how many of them an epoch has.

    The number per epoch is the same in all epochs, so that a step belongs to the same epoch in every run.
    """
    if groups is None or not group_rows:
        rows = {int(bucket): np.flatnonzero(buckets == bucket) for bucket in np.unique(buckets)}
        return [(bucket, own, len(own)) for bucket, own in rows.items()]
    _, numbers = np.unique(np.asarray(groups), return_inverse=True)
    generator = np.random.default_rng((seed, 0))
    parts = []
    for group, size in enumerate(np.bincount(numbers)):
        own = np.flatnonzero(numbers == group)
        for bucket in np.unique(buckets[own]):
            rows = generator.permutation(own[buckets[own] == bucket])
            share = min(1.0, group_rows / size)
            parts.append((int(bucket), rows, max(1, round(share * len(rows)))))
    return parts


class Crops:
    """Training batches of crops of one length, at random offsets of long sequences.

    An epoch has about as many steps as the sequences together.

    Args:
        lengths: Length of each sequence, in steps.
        length: Steps per crop; a shorter sequence is used whole.
        collate: Creates a batch of the given crops, rows of (sequence, offset).
        batch_size: Crops per batch.
        seed: Random seed of the offsets.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        length: int,
        collate: Callable[[np.ndarray], tuple[Any, Any, Any]],
        batch_size: int,
        seed: int,
    ):
        self.collate = collate
        self.batch_size = batch_size
        self.seed = seed
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        self.length = length
        self.per_epoch = -(-int(self.ends[-1]) // (length * batch_size))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Any, Any, Any]]:
        """Yield the batches of an epoch from index ``start`` on: inputs, references and their weights."""
        generator = np.random.default_rng((self.seed, epoch))
        steps = generator.integers(self.ends[-1], size=(self.per_epoch, self.batch_size))
        for places in steps[start:]:
            sequence = np.searchsorted(self.ends, places, side="right")
            # Shift the offset back from the end, so that a crop is complete if its sequence is long enough.
            latest = np.maximum(self.ends[sequence] - self.length, self.starts[sequence])
            yield self.collate(np.stack([sequence, np.minimum(places, latest) - self.starts[sequence]], axis=1))

    def extremes(self) -> list[tuple[Any, Any, Any]]:
        """Returns one batch, because all have the same length; see ``Batches.extremes``."""
        return [next(self.epoch(0))]
