"""Numbers as targets for texts, series and sounds."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from zoo.data.labels import number_of
from zoo.data.sound import MAX_FLOAT32
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.fields import expect_fields
from zoo.preprocessing.signals import SeriesPreprocessor
from zoo.preprocessing.text import TextPreprocessor


@dataclasses.dataclass(frozen=True)
class NumberTargets:
    """Preprocessor with the inputs of another one, and a standardised number as target.

    Attributes:
        reader: Preprocessor of the inputs, without labels.
        mean: Mean of the training targets.
        scale: Standard deviation of the training targets; 1 if all are equal.

    Example:
        >>> targets = NumberTargets(None, mean=10.0, scale=2.0)
        >>> targets.encode_target("13")
        1.5
        >>> targets.decode(1.5)
        13.0
    """

    reader: Any
    mean: float
    scale: float

    KIND: Any = None
    """Class of the reader."""

    def encode_input(self, value: Any) -> Any:
        """Returns an input as the reader encodes it (raises the reader's InputError)."""
        return self.reader.encode_input(value)

    def encode_inputs(self, values: Sequence[Any]) -> list[Any]:
        """Encode many inputs as ``encode_input`` does."""
        return self.reader.encode_inputs(values)

    def encode_target(self, target: Any) -> float:
        """Returns a target in standard deviations from the mean (raises InputError unless it is a finite number)."""
        return (number(target) - self.mean) / self.scale

    def decode(self, output: float) -> float:
        """Returns the number for a model's output, with 7 digits."""
        return float(f"{self.mean + self.scale * float(output):.7g}")

    def __getattr__(self, name: str) -> Any:
        # Delegate sizes and lengths of the inputs to the reader. The check avoids infinite recursion while copying.
        if name.startswith("_") or "reader" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.reader, name)

    def to_json(self) -> dict[str, Any]:
        reader = {name: value for name, value in self.reader.to_json().items() if name != "labels"}
        return {"reader": reader, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "NumberTargets":
        """Create a preprocessor from the result of ``to_json`` (raises WeightsError that names the key)."""
        expect_fields({"reader": dict, "mean": float, "scale": float}, value, location)
        if not abs(value["mean"]) <= MAX_FLOAT32 or not 0 < value["scale"] <= MAX_FLOAT32:
            raise WeightsError(f"{location}: expected a finite mean, and a scale above 0")
        reader = cls.KIND.from_json({**value["reader"], "labels": ["number"]}, f"{location}.reader")
        return cls(dataclasses.replace(reader, labels=()), value["mean"], value["scale"])


class TextNumbers(NumberTargets):
    """Texts with a number as target.

    Example:
        >>> from zoo.preprocessing.subwords import Subwords
        >>> reader = TextPreprocessor(Subwords.learn(["a good film", "a bad film"], 100), (), 20)
        >>> TextNumbers(reader, mean=3.0, scale=1.0).encode_target("4.5")
        1.5
    """

    KIND = TextPreprocessor


class SeriesNumbers(NumberTargets):
    """Series or sounds with a number as target.

    Example:
        >>> from zoo.preprocessing.signals import Numbers
        >>> reader = SeriesPreprocessor(Numbers((0.0,), (2.0,)), (), 100)
        >>> SeriesNumbers(reader, mean=0.0, scale=1.0).encode_input([2.0, 4.0]).tolist()
        [[1.0], [2.0]]
    """

    KIND = SeriesPreprocessor


def number(target: Any) -> float:
    """Returns a target as a number (raises InputError unless it is finite)."""
    value = number_of(str(target))
    if value is None or abs(value) > MAX_FLOAT32:
        raise InputError(f"target {str(target)[:40]!r}: not a finite number: give one")
    return value
