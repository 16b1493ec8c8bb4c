"""The spec of a model, as plain data: enough to build it without its weights."""

import dataclasses
from typing import Any

from zoo.errors import WeightsError


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """Everything needed to build a model and to prepare its inputs.

    Attributes:
        architecture: Name of the family (``"gru"``).
        size: ``"tiny"``, ``"small"``, ``"base"``, or another word for a custom config.
        config: Every field of the architecture's config.
        task: Name of the task (``"sequence_to_sequence"``), which determines head, loss and metrics.
        preprocessor: State of the preprocessor: vocabularies, scales.
    """

    architecture: str
    size: str
    config: dict[str, Any]
    task: str
    preprocessor: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Returns the spec as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Any, location: str) -> "ModelSpec":
        """Create a spec from JSON values.

        Args:
            document: Result of ``to_json``.
            location: File of the spec, for messages.

        Raises:
            WeightsError: A field is missing, unknown or has the wrong type.
        """
        fields = {"architecture": str, "size": str, "config": dict, "task": str, "preprocessor": dict}
        if not isinstance(document, dict):
            raise WeightsError(f"{location}: spec: expected an object")
        for key in [*fields, *document]:
            if key not in document:
                raise WeightsError(f"{location}: spec.{key}: missing")
            if key not in fields:
                raise WeightsError(f"{location}: spec.{key}: unknown key")
            if not isinstance(document[key], fields[key]):
                kind = "an object" if fields[key] is dict else "a string"
                raise WeightsError(f"{location}: spec.{key}: expected {kind}")
        return cls(**document)
