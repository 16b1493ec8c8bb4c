"""Batches of few shapes; their order is a function of seed and epoch alone, so that runs resume exactly."""

from collections.abc import Iterator, Sequence

import numpy as np

from zoo.preprocessing import pad

EDGES = (4, 6, 8, 10, 12, 16, 24, 40, 72, 136, 264, 520)


class PairBatches:
    """Teacher-forced batches of source and target ids, in buckets by length.

    Every batch has ``batch_size`` rows and one of a few lengths, because each new shape costs a
    compilation; a bucket's last batch is filled up with rows of weight 0.

    Args:
        sources: Source ids, the end mark included.
        targets: Target ids, start and end mark included.
        batch_size: Rows of a batch.
        seed: Seed of the order.
    """

    def __init__(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], batch_size: int, seed: int):
        self.sources = sources
        self.targets = targets
        self.batch_size = batch_size
        self.seed = seed
        longest = np.array([max(len(s), len(t) - 1) for s, t in zip(sources, targets, strict=True)])
        self.buckets = np.searchsorted(np.array(EDGES), longest)
        self.per_epoch = int(sum(-(-n // batch_size) for n in np.bincount(self.buckets)))

    def _order(self, epoch: int, shuffle: bool) -> list[tuple[int, np.ndarray]]:
        generator = np.random.default_rng((self.seed, epoch))
        batches = []
        for bucket in np.unique(self.buckets):
            rows = np.flatnonzero(self.buckets == bucket)
            rows = generator.permutation(rows) if shuffle else rows
            batches += [(int(bucket), rows[i : i + self.batch_size]) for i in range(0, len(rows), self.batch_size)]
        return [batches[i] for i in generator.permutation(len(batches))] if shuffle else batches

    def epoch(self, epoch: int, start: int = 0, shuffle: bool = True) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
        """Yields an epoch's batches from number ``start`` on.

        Yields:
            Inputs ``source``, ``source_mask``, ``target`` (each ``(batch, time)``), the symbols to
            predict ``(batch, time)`` and their weights ``(batch, time)``, 0 at padding.
        """
        for bucket, rows in self._order(epoch, shuffle)[start:]:
            length = EDGES[bucket]
            source = pad([self.sources[i] for i in rows], length, self.batch_size)
            target = pad([self.targets[i][:-1] for i in rows], length, self.batch_size)
            answer = pad([self.targets[i][1:] for i in rows], length, self.batch_size)
            inputs = {"source": source, "source_mask": source > 0, "target": target}
            yield inputs, answer, (answer > 0).astype("float32")
