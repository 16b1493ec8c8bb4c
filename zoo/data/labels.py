"""Labels that look alike but are written differently, and numbers that are labels of nothing."""

import collections
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

from zoo.data.unicode_forms import INVISIBLE

MAX_NUMBERED_CLASSES = 20
"""Most different whole numbers that are taken for classes, a rating of 1 to 10 for instance."""


def _key(label: str) -> str:
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", re.sub("[\u200c-\u200f]", "", label)))
    return " ".join(text.split()).casefold()


def look_alikes(labels: Iterable[str]) -> list[list[tuple[str, int]]]:
    """Returns the groups of labels that differ only in case, spaces or invisible characters.

    Returns:
        For each group its spellings with their number of rows, the most frequent first.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for label, count in collections.Counter(labels).most_common():
        groups.setdefault(_key(label), []).append((label, count))
    return [group for group in groups.values() if len(group) > 1]


def unify(labels: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """Returns labels with every group of look-alikes under one name.

    Args:
        labels: Labels as they were read.
        known: Names to prefer, those of a model for instance; otherwise the most frequent spelling is taken, without
            invisible characters.
    """
    names = {_key(label): label for label in known}
    for label, _ in collections.Counter(labels).most_common():
        names.setdefault(_key(label), " ".join(INVISIBLE.sub("", label).split()) or label)
    return [names[_key(label)] for label in labels]


def number_of(text: str) -> float | None:
    """Returns the finite number that a text is, or None."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def are_measured(targets: Sequence[str]) -> bool:
    """Returns whether targets are measured numbers, and not classes.

    They are if all are numbers, and there are more different ones than classes would have: more than ten with a
    fraction, or more than ``MAX_NUMBERED_CLASSES`` whole ones.
    """
    different = set(targets)
    if len(different) <= 10 or any(number_of(target) is None for target in different):
        return False
    whole = all(float(target).is_integer() for target in different)
    return len(different) > (MAX_NUMBERED_CLASSES if whole else 10)
