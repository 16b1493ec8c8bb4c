"""``Dataset``: where a dataset comes from and which of its fields are read, as plain data."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Source of a dataset, and the fields that the zoo reads.

    Attributes:
        tfds: Name of the TFDS builder, with its config.
        module: The zoo's own builder module, or ``None`` if TFDS has the dataset.
        task: Task of the examples.
        input: Input field.
        target: Target field. Several fields are joined by tabs. None if the task predicts the input itself.
        splits: Names of the splits.
        licence: Licence of the data.
        source: Source of the data.
        golden: Example inputs whose outputs are stored in the records of all models trained on the dataset.
        slices: TFDS expressions for splits that TFDS does not have under that name.
        options: Options of ``Pipeline.predict`` for evaluations.
        published: Published figures for the test split: system, source and values, as shares. A figure for another
            split names it as ``split``.
        read: Converts the field's value to an input; ``None`` leaves it unchanged.
        multi_reference: Whether the target field is a list of references, each of which becomes a row.
        language: Field with the language of the input, which then begins with it (``<de>Straße``).
        weights_licence: Licence of the zoo's weights that are trained on the data.
        parts: For a dataset made of others: the datasets and splits that each of its splits joins. ``tfds`` and the
            fields are then unused.
        labels: New names of the parts' labels.
    """

    tfds: str
    module: str | None
    task: str
    input: str
    target: str | tuple[str, ...]
    splits: tuple[str, ...]
    licence: str
    source: str
    golden: tuple[Any, ...] = ()
    slices: dict[str, str] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    published: tuple[dict, ...] = ()
    read: Callable[[Any], Any] | None = None
    multi_reference: bool = False
    language: str = ""
    weights_licence: str = "Apache-2.0"
    parts: dict[str, tuple[tuple[str, str], ...]] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)

    def figures(self, split: str) -> list[dict]:
        """Returns the published figures for a split."""
        return [figure for figure in self.published if figure.get("split", split) == split]
