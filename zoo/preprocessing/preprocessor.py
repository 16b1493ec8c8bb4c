"""The contract of preprocessors: raw inputs to arrays, with a state that JSON can hold."""

from typing import Any, Protocol, Self


class Preprocessor(Protocol):
    """Turns raw inputs into what a model reads. Each task has a class of its own.

    A task whose examples have targets also calls ``encode_target(target)``.

    Example:
        >>> from zoo.preprocessing.arrays import NumbersPreprocessor
        >>> preprocessor: Preprocessor = NumbersPreprocessor(2)
        >>> preprocessor.encode_input([[0.5, 1.0]]).shape
        (1, 2)
        >>> NumbersPreprocessor.from_json(preprocessor.to_json()) == preprocessor
        True
    """

    def encode_input(self, value: Any, /) -> Any:
        """Returns the ids or features of a raw input (raises InputError for one that the model cannot read)."""

    def to_json(self) -> dict[str, Any]:
        """Returns the state as JSON values, for a record."""
        ...

    @classmethod
    def from_json(cls, value: Any, location: str = ..., /) -> Self:
        """Returns the preprocessor of a state (raises WeightsError that names the key)."""
        ...
