"""Training batches in buckets by length."""

import numpy as np
import pytest

from zoo.training.batching import EDGES, FINER_BATCHES, Batches


def epoch(lengths, batch_size):
    """Returns the rows of each batch of an epoch with the length to which they are padded."""

    def collate(rows, length, size):
        return rows, length, size

    return list(Batches(lengths, collate, batch_size, seed=0).epoch(0))


@pytest.mark.parametrize("count", [10, 4 * FINER_BATCHES * 4])
def test_every_row_is_in_one_batch_that_is_long_enough(count):
    lengths = np.random.default_rng(0).integers(1, 90, count)
    batches = epoch(lengths, 4)
    assert sorted(row for rows, _, _ in batches for row in rows) == list(range(count))
    assert all(length >= lengths[rows].max() for rows, length, _ in batches)


def test_buckets_are_split_only_where_enough_rows_fill_them():
    few, many = ({length for _, length, _ in epoch([17] * n + [24] * n, 4)} for n in (10, 4 * FINER_BATCHES))
    assert few == {24}  # each new shape costs a compilation
    assert many == {18, 24}
    assert not {18} & set(EDGES)
