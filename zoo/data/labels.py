"""Labels that look alike but are spelled differently, and numeric targets that are not labels."""

import collections
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

from zoo.data.unicode_forms import INVISIBLE

MAX_NUMBERED_CLASSES = 20
"""Maximum number of different whole numbers that count as classes, for example ratings of 1 to 10."""


def _key(label: str) -> str:
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", re.sub("[\u200c-\u200f]", "", label)))
    return " ".join(text.split()).casefold()


def look_alikes(labels: Iterable[str]) -> list[list[tuple[str, int]]]:
    """Returns the groups of labels that differ only in case, spaces or invisible characters.

    Returns:
        For each group, its spellings with their number of rows, the most frequent first.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for label, count in collections.Counter(labels).most_common():
        groups.setdefault(_key(label), []).append((label, count))
    return [group for group in groups.values() if len(group) > 1]


def unify(labels: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """Returns labels with one name per group of look-alikes.

    Args:
        labels: Labels as read.
        known: Preferred names, for example those of a model. Otherwise the most frequent spelling is used, without
            invisible characters.
    """
    names = {_key(label): label for label in known}
    for label, _ in collections.Counter(labels).most_common():
        names.setdefault(_key(label), " ".join(INVISIBLE.sub("", label).split()) or label)
    return [names[_key(label)] for label in labels]


def number_of(text: str) -> float | None:
    """Returns the finite number in a text, or None."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def are_measured(targets: Sequence[str]) -> bool:
    """Returns whether targets are measurements rather than classes.

    They are measurements if all are numbers with more different values than classes would have: more than ten with a
    fraction, or more than ``MAX_NUMBERED_CLASSES`` whole numbers.
    """
    different = set(targets)
    if len(different) <= 10 or any(number_of(target) is None for target in different):
        return False
    all_whole = all(float(target).is_integer() for target in different)
    return len(different) > (MAX_NUMBERED_CLASSES if all_whole else 10)
