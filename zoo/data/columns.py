"""Which columns of a table are read, and how."""

import dataclasses
import os
from typing import Any

from zoo.data.lines import ending
from zoo.errors import InputError

SYMBOLS = ("", "characters", "spaces")
"""How target texts are split into symbols: inferred (empty), by characters, or at spaces."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a table are read, and how.

    Attributes:
        input: Input column; for series, several columns between commas.
        target: Target column.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names its columns.
        series: Column with the name of the series, in a table with a row per step.
        time: Column with the time, in a table with a row per step.
        group: Column whose values must not be split between parts.
        symbols: How target texts are split; one of ``SYMBOLS``.
        strip_labels: Whether to merge labels that differ only in case, spaces or invisible characters.
        tag_names: Names of numbered tags, between commas.
        language: Language of the inputs, for models of many languages.
        dialect: Format of a ``.csv`` or ``.tsv``, as in ``zoo.data.dialects.Dialect.parse``.
        left_out: Columns of a wide table that were not steps when the model was made.

    Raises:
        InputError: ``symbols`` is not one of ``SYMBOLS``, or input and target are the same column.
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
    language: str = ""
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        if self.symbols not in SYMBOLS:
            raise InputError(f"symbols {self.symbols!r}: give one of {', '.join(SYMBOLS[1:])}")
        if self.input and self.input == self.target:
            raise InputError(f"column {self.input!r}: named as input and as target: name two columns")

    @property
    def input_names(self) -> list[str]:
        """Names in ``input``."""
        return [name.strip() for name in self.input.split(",")] if self.input else []

    def or_those_of(self, known: "Columns", data: Any) -> "Columns":
        """Returns these columns, or the columns of a model if these name none for a table.

        Args:
            known: Columns in the record of the model.
            data: Data to read.
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
        """Returns the fields for a record, without empty optional ones."""
        older = ("input", "target", "header", "series", "time", "group")
        values = {**vars(self), "left_out": list(self.left_out)}
        return {name: value for name, value in values.items() if name in older or value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Columns":
        """Returns the columns in a record's recipe; ignores unknown fields."""
        known = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        given: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in value.items()}
        return cls(**{name: x for name, x in given.items() if name in known and isinstance(x, known[name])})


DEFAULT = Columns()
"""Columns with all defaults."""
