"""Examples: inputs and targets, row by row, each with its location."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from zoo.errors import InputError


@dataclasses.dataclass(frozen=True)
class Examples:
    """Inputs and targets, row by row; an input with several right targets has several rows.

    Attributes:
        inputs: What a model reads: texts, or arrays of numbers.
        targets: What it should say: texts, labels among them, or arrays of numbers.
        locations: Place of each row, as ``file:line``, for messages.
        groups: What each row belongs to, a speaker for instance, if rows of one group must stay together.
    """

    inputs: list[Any]
    targets: list[Any]
    locations: list[str]
    groups: list[str] | None = None

    def __post_init__(self):
        groups = self.locations if self.groups is None else self.groups
        if not len(self.inputs) == len(self.targets) == len(self.locations) == len(groups):
            raise InputError(
                f"{len(self.inputs)} inputs, {len(self.targets)} targets and {len(self.locations)} places:"
                " give one of each a row"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, chosen: Iterable[int]) -> "Examples":
        """Returns the rows of the given numbers."""
        rows = list(chosen)
        return Examples(
            [self.inputs[i] for i in rows],
            [self.targets[i] for i in rows],
            [self.locations[i] for i in rows],
            None if self.groups is None else [self.groups[i] for i in rows],
        )


def identity(value: Any) -> bytes:
    """Returns what tells an input from others: a text, whatever its case; or the bytes of an array or a sound."""
    return value.casefold().encode() if isinstance(value, str) else value.tobytes()
