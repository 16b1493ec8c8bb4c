"""Hash pairs of tokens to rows of a table."""

from typing import Any

MAX_VOCABULARY = 16_384
"""Maximum number of token ids, so that the hash of a pair stays below 2 ** 31."""
_FIRST, _SECOND = 7_919, 104_729


def pair_rows(first: Any, second: Any, vocab_size: int, buckets: int) -> Any:
    """Returns the row of each pair of tokens (Weinberger et al. 2009, arXiv 0902.2206).

    Args:
        first: Ids of the first tokens, an integer array of any kind.
        second: Ids of the second tokens.
        vocab_size: Number of token ids, whose own rows come first.
        buckets: Number of rows for pairs.

    Example:
        >>> import numpy as np
        >>> pair_rows(np.array([3, 4]), np.array([4, 3]), vocab_size=9, buckets=64).tolist()
        [58, 16]
    """
    return (first * _FIRST + second * _SECOND) % buckets + vocab_size
