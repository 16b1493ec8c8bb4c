"""Split rows into training, validation and test parts without overlap."""

import collections
import hashlib

from zoo.data.examples import Examples, identity
from zoo.data.labels import look_alikes
from zoo.errors import InputError

HELD_OUT = 0.1  # share of the rows for a part that is not given
NOT_GIVEN = {"", "?", "-", "na", "n/a", "nan", "nil", "none", "null", "unknown"}


def make_parts(
    data: Examples,
    validation: Examples | None,
    test: Examples | None,
    has_labels: bool,
    seed: int,
    skip_overlap: bool = False,
) -> tuple[list[Examples], list[str]]:
    """Returns the training, validation and test parts; parts that are not given are drawn from ``data``.

    Args:
        data: All rows, or the training rows.
        validation: Rows to choose the best epoch, if given.
        test: Rows for the final score, if given.
        has_labels: Whether targets are labels; the split is then stratified.
        seed: Random seed of the split.
        skip_overlap: Whether to leave rows out of the training part that are in another part too, instead of an error.

    Returns:
        The parts, and notes for the user, one per line.

    Raises:
        InputError: A part is empty, overlaps with the training part, or has a label that the training part lacks.
    """
    train = data
    is_one_text = len(data) == 1 and isinstance(data.inputs[0], str) and not data.targets[0]
    if is_one_text and test is None and validation is None:
        return _in_order(data), ["a single text: its end is the validation part and the test part"]
    if test is None:
        train, test = split(train, HELD_OUT, seed, has_labels)
    if validation is None:
        train, validation = split(train, HELD_OUT, seed + 1, has_labels)
    others, notes = {"validation": validation, "test": test}, []
    if skip_overlap:
        known = {key for part in others.values() for key in together(part)}
        kept = [i for i, key in enumerate(together(train)) if key not in known]
        left_out = len(train) - len(kept)
        if left_out:
            notes.append(f"{left_out:,} training rows are in the validation or test part too; left out of the training")
            train = train.select(kept)
    for name, part in {"training": train, **others}.items():
        if not len(part):
            raise InputError(f"the {name} part is empty: give more rows, or a file for each part")
    for name, part in others.items():
        refuse_overlap(train, part, name)
        if has_labels:
            _refuse_unseen(train, part, name)
        if data.groups is not None:
            known = set(map(identity, train.inputs))
            both = sum(identity(value) in known for value in part.inputs)
            if both:
                notes.append(f"{both:,} of the {name} part's inputs are in other groups of the training part too")
    if has_labels:
        notes += _not_given(data) + _look_alikes(data)
    return [train, validation, test], notes


def _in_order(data: Examples) -> list[Examples]:
    """Returns consecutive parts of a single text, cut after a line or else after a character."""
    (text,), (location,) = data.inputs, data.locations
    cuts = [0]
    for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT):
        line = text.find("\n", int(share * len(text))) + 1
        cuts.append(line if cuts[-1] < line < len(text) else int(share * len(text)))
    parts = [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    if not all(part.strip() for part in parts):
        raise InputError(f"{location}: too short to be cut into three parts: give more text, or a file for each part")
    return [Examples([part], [""], [location]) for part in parts]


def _look_alikes(examples: Examples) -> list[str]:
    """Returns a note if labels differ only in case, spaces or invisible characters."""
    groups = look_alikes(examples.targets)
    shown = "; ".join(" and ".join(f"{label!a} in {count:,} rows" for label, count in group) for group in groups[:5])
    return [f"labels that look alike are separate classes: {shown}: --strip-labels merges them"] * bool(groups)


def _not_given(examples: Examples) -> list[str]:
    """Returns a note if a label looks like a missing value; other readers would drop such rows silently."""
    counts = collections.Counter(t for t in examples.targets if t.casefold() in NOT_GIVEN)
    shown = ", ".join(f"{label!r} is used as a label in {count:,} rows" for label, count in counts.items())
    return [f"{shown}; if it marks missing values, remove those rows"] * bool(shown)


def refuse_overlap(train: Examples, other: Examples, name: str) -> None:
    """Raise InputError if an input or a group is in both parts, which would make the score too high."""
    known = dict(zip(together(train), train.locations, strict=True))
    duplicates = [i for i, key in enumerate(together(other)) if key in known]
    if not duplicates:
        return
    first = duplicates[0]
    value = other.inputs[first] if other.groups is None else other.groups[first]
    shown = f"{value[:60]!r}" if isinstance(value, str) else "a series"
    shown = shown if other.groups is None else f"group {shown}"
    place = known[together(other)[first]]
    further = len(duplicates) - 1
    more = f", like {further:,} other row{'s' * (further > 1)}" if further else ""
    raise InputError(
        f"{other.locations[first]}: {shown} of the {name} part is in the training part too ({place}){more}: remove one"
        " of each, or leave them out of the training part with --skip-bad-rows"
    )


def _refuse_unseen(train: Examples, other: Examples, name: str) -> None:
    """Raise InputError for a label that no training row has, because a model cannot predict it."""
    known = set(train.targets)
    for label, location in zip(other.targets, other.locations, strict=True):
        if label not in known:
            raise InputError(
                f"{location}: label {label!r} of the {name} part is not in the training part: add examples of it, or"
                " remove the row"
            )


def split(examples: Examples, fraction: float, seed: int, stratify: bool = False) -> tuple[Examples, Examples]:
    """Returns a training and a validation part; all rows of an input, or of a group, stay in one part.

    Inputs that differ only in case count as one. Inputs or groups are sorted by a hash of the seed and their key, and
    the first ones go to validation. The order of the rows has no effect.

    Args:
        examples: At least two different inputs, or groups if there are any.
        fraction: Share of the different inputs or groups that goes to validation, between 0 and 1, both excluded. Each
            part gets at least one.
        seed: Random seed of the split.
        stratify: Whether targets are labels, and the share is taken of each label's inputs. A group counts by its most
            frequent label.

    Raises:
        InputError: There are fewer than two different inputs or groups, or the fraction is out of bounds.
    """
    if not 0 < fraction < 1:
        raise InputError(f"a validation share of {fraction}: give one between 0 and 1, both excluded")
    keys = together(examples)
    counts: dict[bytes, collections.Counter] = {}
    for key, target in zip(keys, examples.targets, strict=True):
        counts.setdefault(key, collections.Counter())[target if stratify else ""] += 1
    if len(counts) < 2:
        file = f"{examples.locations[0].rpartition(':')[0]}: " if examples.locations else ""
        what = "inputs" if examples.groups is None else "groups"
        raise InputError(f"{file}{len(counts)} different {what}: training and validation need at least one each")
    strata: dict[str, list[bytes]] = {}
    for key in sorted(counts, key=lambda key: hashlib.sha256(f"{seed}\t".encode() + key).digest()):
        label = max(sorted(counts[key]), key=counts[key].__getitem__)
        strata.setdefault(label, []).append(key)
    held_out: set[bytes] = set()
    for stratum in strata.values():
        # The only input of a label goes to training, because a model cannot predict an unseen label.
        count = min(max(round(fraction * len(stratum)), 1), len(stratum) - 1)
        held_out.update(stratum[:count])
    chosen = [key in held_out for key in keys]
    return (
        examples.select(i for i, held in enumerate(chosen) if not held),
        examples.select(i for i, held in enumerate(chosen) if held),
    )


def together(examples: Examples) -> list[bytes]:
    """Returns the key that each row shares with those of its part: its group, or its input."""
    if examples.groups is not None:
        return [group.encode() for group in examples.groups]
    return [identity(value) for value in examples.inputs]
