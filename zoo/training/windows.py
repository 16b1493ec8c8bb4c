"""Training batches for language models: windows of a long array of ids, and a sampled output layer."""

from collections.abc import Iterator

import numpy as np


class Windows:
    """Batches of windows of one long array of ids, each window once, in an order given by the seed.

    With ``sampled``, each batch has the ids of its sampled softmax: the most frequent ones, all targets of the batch,
    and others drawn uniformly. Each logit is corrected by the logarithm of the sampling probability of its id (Jean et
    al. 2015, arXiv 1412.2007), so that the model learns the full softmax.

    Args:
        ids: ``(tokens,)``.
        vocab_size: Number of ids of the vocabulary.
        context: Steps per window.
        start: Id that the model reads before a window.
        batch_size: Windows per batch.
        epochs: Number of epochs that share the budget.
        tokens: Budget: number of ids that all epochs read together, at most the number of ids.
        seed: Random seed of the order and of the samples.
        sampled: Ids of the sampled softmax per batch; 0 uses the whole vocabulary.
    """

    def __init__(
        self,
        ids: np.ndarray,
        vocab_size: int,
        context: int,
        start: int,
        batch_size: int,
        epochs: int,
        tokens: int,
        seed: int,
        sampled: int = 0,
    ):
        self.ids, self.context, self.start, self.batch_size, self.seed = ids, context, start, batch_size, seed
        count = len(ids) // context
        self.per_epoch = min(tokens // context, count) // batch_size // epochs
        if not self.per_epoch:
            raise ValueError("the budget is less than a batch per epoch: give fewer epochs or more tokens")
        self.order = np.random.default_rng(seed).permutation(count)
        self.sampled = sampled
        if sampled:
            counts = np.bincount(ids[:20_000_000], minlength=vocab_size) + 1.0
            self.frequent = np.argsort(-counts, kind="stable")[: sampled // 3]
            self.others = np.setdiff1d(np.arange(vocab_size), self.frequent)
            # The probability that an id is not a target in a batch.
            self.absent = np.exp(batch_size * context * np.log1p(-counts / counts.sum()))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
        """Yield the batches of an epoch from index ``start``: inputs, targets ``(batch, time)`` and their weights."""
        for number in range(start, self.per_epoch):
            step = epoch * self.per_epoch + number
            chosen = self.order[step * self.batch_size : (step + 1) * self.batch_size]
            targets = np.stack([self.ids[i * self.context : (i + 1) * self.context] for i in chosen]).astype("int32")
            before = np.full((self.batch_size, 1), self.start, "int32")
            inputs = {"tokens": np.concatenate([before, targets[:, :-1]], axis=1)}
            if self.sampled:
                candidates, log_rates = self._candidates(targets, step)
                inputs |= {"candidates": candidates, "log_rates": log_rates}
                targets = np.searchsorted(candidates, targets).astype("int32")
            yield inputs, targets, np.ones(targets.shape, "float32")

    def _candidates(self, targets: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of a batch's softmax in ascending order, and the logarithms of their probabilities."""
        chosen = np.union1d(self.frequent, targets)
        left = np.setdiff1d(self.others, chosen)
        missing = max(0, self.sampled - len(chosen))
        drawn = np.random.default_rng((self.seed, step)).choice(left, missing, replace=False)
        rates = np.ones(len(self.absent))
        rates[self.others] = 1 - self.absent[self.others] * (1 - missing / max(1, len(left)))
        candidates = np.sort(np.concatenate([chosen, drawn]))
        return candidates.astype("int32"), np.log(rates[candidates]).astype("float32")

    def extremes(self) -> list[tuple]:
        """Returns one batch, because all have the same shape."""
        return [next(self.epoch(0))]
