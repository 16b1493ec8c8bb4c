"""Columns: which parts of a table are read, and how."""

import dataclasses
import os
from typing import Any

from zoo.data.lines import ending
from zoo.errors import InputError

SYMBOLS = ("", "characters", "spaces")
"""How target texts are split: as inferred, by characters, or at spaces."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """What of a table is read, and how.

    Attributes:
        input: Input column; of series several, between commas.
        target: Column with the targets.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names its columns.
        series: In a table with a row per step, the column that says which series a row belongs to.
        time: In such a table, the column with the time.
        group: Column that says which rows belong together.
        symbols: How target texts are split; one of ``SYMBOLS``.
        strip_labels: Whether labels that differ only in case, spaces or invisible characters are one label.
        tag_names: Names of tags that the data number, between commas.
        dialect: How a ``.csv`` or ``.tsv`` is written, as ``zoo.data.dialects.Dialect.parse`` takes it.
        left_out: Columns of a wide table that are not steps; they were left out when the model was made.

    Raises:
        InputError: ``symbols`` is not one of ``SYMBOLS``.
    """

    input: str = ""
    target: str = ""
    header: bool = True
    series: str = ""
    time: str = ""
    group: str = ""
    symbols: str = ""
    strip_labels: bool = False
    tag_names: str = ""
    dialect: str = ""
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        if self.symbols not in SYMBOLS:
            raise InputError(f"symbols {self.symbols!r}: give one of {', '.join(SYMBOLS[1:])}")

    @property
    def input_names(self) -> list[str]:
        """The names in ``input``."""
        return [name.strip() for name in self.input.split(",")] if self.input else []

    def or_those_of(self, known: "Columns", data: Any) -> "Columns":
        """Returns these columns, or if they name none of a table those that a model was made from.

        Args:
            known: The columns that its record names.
            data: What is to be read.
        """
        is_table = hasattr(data, "columns")
        if isinstance(data, str | os.PathLike):
            is_table = ending(data) in (".csv", ".tsv", ".jsonl", ".parquet")
        columns = dataclasses.replace(self, left_out=known.left_out)
        if not is_table or self.input or self.target or self.series or self.time:
            return columns
        names = {name: getattr(known, name) for name in ("input", "target", "series", "time")}
        return dataclasses.replace(columns, **names, tag_names=self.tag_names or known.tag_names)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields for a record; those that say nothing are left out, but for the older ones."""
        older = ("input", "target", "header", "series", "time", "group")
        values = {**vars(self), "left_out": list(self.left_out)}
        return {name: value for name, value in values.items() if name in older or value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Columns":
        """Returns the columns that a record's recipe names; unknown fields are ignored."""
        known = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        given: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in value.items()}
        return cls(**{name: x for name, x in given.items() if name in known and isinstance(x, known[name])})


DEFAULT = Columns()
"""Columns of which nothing is said."""
