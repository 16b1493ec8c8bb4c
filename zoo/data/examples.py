"""Examples: inputs and targets, row by row, each with its location."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from zoo.data.unicode_forms import same_text
from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Reading:
    """How examples were read.

    Attributes:
        notes: Notes for the user, one per line.
        layout: Layout of the rows, one of ``zoo.data.read.LAYOUTS``; ``None`` if the file did not decide it.
        symbols: How target texts are split, as in ``Columns``.
        language: Language of inputs without a tag, as in ``Columns``.
        left_out: Columns of a table that are not read as steps.
    """

    notes: tuple[str, ...] = ()
    layout: str | None = None
    symbols: str = ""
    language: str = ""
    left_out: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Examples:
    """Inputs and targets, row by row; an input with several correct targets has several rows.

    Attributes:
        inputs: Inputs of a model: texts, or arrays of numbers.
        targets: Expected outputs: texts, including labels, or arrays of numbers.
        locations: Location of each row, as ``file:line``, for messages.
        groups: Group of each row, for example a speaker, if rows of a group must stay together.
        reading: How the examples were read.

    Example:
        >>> import zoo
        >>> examples = zoo.Examples(["a fine film", "a poor film"], ["good", "bad"], ["made:1", "made:2"])
        >>> len(examples)
        2
    """

    inputs: list[Any]
    targets: list[Any]
    locations: list[str]
    groups: list[str] | None = None
    reading: Reading = Reading()

    def __post_init__(self):
        groups = self.locations if self.groups is None else self.groups
        if not len(self.inputs) == len(self.targets) == len(self.locations) == len(groups):
            raise InputError(
                f"{len(self.inputs)} inputs, {len(self.targets)} targets and {len(self.locations)} places:"
                " give one of each per row"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, chosen: Iterable[int]) -> "Examples":
        """Returns the rows with the given indices."""
        rows = list(chosen)
        return Examples(
            [self.inputs[i] for i in rows],
            [self.targets[i] for i in rows],
            [self.locations[i] for i in rows],
            None if self.groups is None else [self.groups[i] for i in rows],
            self.reading,
        )

    def with_notes(self, *notes: str, **changes: Any) -> "Examples":
        """Returns the same rows with further notes, and with changed fields of ``reading`` or of the examples."""
        own = {name: changes.pop(name) for name in ("inputs", "targets") if name in changes}
        reading = dataclasses.replace(self.reading, notes=(*self.reading.notes, *notes), **changes)
        return dataclasses.replace(self, reading=reading, **own)


def identity(value: Any) -> bytes:
    """Returns a key of an input: the normalised text, or the bytes of an array or a sound."""
    return same_text(value).encode() if isinstance(value, str) else value.tobytes()
