"""Configs of models that an ``Architecture`` builds, so that Keras can save, clone and pickle them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from zoo.models.architecture import resolve
from zoo.models.keras_model import KnownInputs


class FromArchitecture(KnownInputs):
    """Mixin for a ``keras.Model`` that an ``Architecture`` builds from its config.

    Attributes:
        table: Table that maps the name to the architecture.
        architecture: Name of the architecture.
        config: Config of the architecture.
    """

    table: ClassVar[Mapping[str, str]]
    architecture: str
    config: Any

    def get_config(self) -> dict[str, Any]:
        """Returns the architecture's name and the fields of its config, for ``keras.saving``."""
        return {"architecture": self.architecture, "config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Build the model that ``get_config`` described, with random weights."""
        architecture = resolve(cls.table, config["architecture"])
        return architecture.build(architecture.config_from(config["config"]))

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Do nothing: ``from_config`` has created every variable."""
