"""Made-up words of two made-up languages, which differ in how they write the same letters."""

import numpy as np

from zoo.data.examples import Examples
from zoo.data.languages import tag


def words(count: int = 60) -> list[str]:
    """Made-up words of the letters a to e."""
    generator = np.random.default_rng(0)
    return sorted({"".join(generator.choice(list("abcde"), generator.integers(2, 6))) for _ in range(count)})


def two_languages(count: int = 60) -> Examples:
    """Words of ``aa``, pronounced in capitals, and of ``bb-XX``, pronounced in small letters."""
    spelled = words(count)
    inputs = [tag(language, word) for language in ("aa", "bb-XX") for word in spelled]
    targets = [" ".join(word.upper()) for word in spelled] + [" ".join(word) for word in spelled]
    return Examples(inputs, targets, [f"made:{i + 1}" for i in range(len(inputs))])
