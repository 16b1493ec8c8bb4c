"""``Architecture``: the configuration, the sizes and the builder that an architecture file exports."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from zoo.errors import InputError
from zoo.limits import MAX_NUMBER


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A family of models.

    Attributes:
        name: Name of the family, the first part of a checkpoint's name (``"gru"``).
        config: Frozen dataclass with every hyper-parameter of the family.
        build: Builds the Keras model from a ``config`` instance.
        sizes: For ``tiny``, ``small`` and ``base``, the fields that differ from the default.
        paper: The publication that introduced the family.
        receptive_field: Returns, for a config, the number of steps that an output depends on, including its own;
            ``None`` if unbounded.
        path_length: Returns, for a config and a sequence length, the longest path in layers between two connected
            positions.

    Example:
        >>> from zoo.models.backbones.tcn import TCN
        >>> config = TCN.configure("tiny", vocab_size=9)
        >>> TCN.receptive_field(config)
        29
        >>> TCN.build(config).name
        'tcn_backbone'
    """

    name: str
    config: type
    build: Callable[[Any], Any]
    sizes: Mapping[str, Mapping[str, Any]]
    paper: str
    receptive_field: Callable[[Any], int | None]
    path_length: Callable[[Any, int], int]

    def __post_init__(self):
        make = self.build

        def build(config: Any) -> Any:
            from zoo.backends.keras_internals import standalone  # imports Keras

            with standalone():
                model = make(config)
            model.architecture, model.config = self.name, config  # read by ``get_config``
            return model

        object.__setattr__(self, "build", build)

    def configure(self, size: str, **fields: Any) -> Any:
        """Returns the config of a size, updated by ``fields``.

        Raises:
            InputError: The size is not in ``sizes``, or the config has no such field.
        """
        if size not in self.sizes:
            raise InputError(f"{self.name}: no size {size!r}; there are {', '.join(self.sizes)}")
        return self.config_from({**self.sizes[size], **fields})

    def config_from(self, fields: Mapping[str, Any]) -> Any:
        """Returns a config from plain fields; checks the name, type and bounds of each.

        Raises:
            InputError: A field is unknown, missing, of the wrong type, or out of bounds.
        """
        known = {field.name: field for field in dataclasses.fields(self.config)}
        for name, value in fields.items():
            if name not in known:
                raise InputError(f"{self.name}: no field {name!r}; there are {', '.join(known)}")
            kind = known[name].type
            if kind is float and type(value) is int:
                kind = int
            if kind in (bool, int, float, str) and type(value) is not kind:
                raise InputError(f"{self.name}: {name} = {str(value)[:40]!r} is not of type {kind.__name__}")
            if isinstance(value, bool) or value is None or isinstance(value, str):
                continue
            if not isinstance(value, int | float) or not 0 <= value <= MAX_NUMBER:
                raise InputError(f"{self.name}: {name} = {str(value)[:40]} is not a number in 0..{MAX_NUMBER}")
        try:
            return self.config(**fields)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.name}: {error}") from None


def resolve(table: Mapping[str, str], name: str) -> Architecture:
    """Import the architecture that a table names as ``module:attribute``.

    Raises:
        InputError: The table has no such name.
    """
    if name not in table:
        raise InputError(f"no architecture {name!r}; there are {', '.join(sorted(table))}")
    module, attribute = table[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def check(condition: bool, message: str) -> None:
    """Raise ``ValueError(message)`` unless the condition holds; configs use it in their own checks."""
    if not condition:
        raise ValueError(message)
