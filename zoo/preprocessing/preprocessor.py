"""The interface of preprocessors: raw inputs to arrays, with a state for JSON."""

from typing import Any, Protocol, Self


class Preprocessor(Protocol):
    """Maps raw inputs to model inputs. Each task has its own class.

    A task with targets also calls ``encode_target(target)``.

    Example:
        >>> from zoo.preprocessing.arrays import NumbersPreprocessor
        >>> preprocessor: Preprocessor = NumbersPreprocessor(2)
        >>> preprocessor.encode_input([[0.5, 1.0]]).shape
        (1, 2)
        >>> NumbersPreprocessor.from_json(preprocessor.to_json()) == preprocessor
        True
    """

    def encode_input(self, value: Any, /) -> Any:
        """Returns the ids or features of a raw input (raises InputError if the model cannot read it)."""

    def to_json(self) -> dict[str, Any]:
        """Returns the state as JSON values, for a record."""
        ...

    @classmethod
    def from_json(cls, value: Any, location: str = ..., /) -> Self:
        """Returns a preprocessor created from a state (raises WeightsError that names the key)."""
        ...
