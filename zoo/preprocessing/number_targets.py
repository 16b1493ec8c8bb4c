"""Numbers as targets of texts, series and sounds."""

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
    """Inputs as another preprocessor reads them; a target is a number, standardised for training.

    Attributes:
        reader: Reads the inputs; it has no labels.
        mean: Mean of the training targets.
        scale: Their standard deviation; 1 where all are equal.

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
        """Returns an input as the reader encodes it (raises InputError as it does)."""
        return self.reader.encode_input(value)

    def encode_inputs(self, values: Sequence[Any]) -> list[Any]:
        """``encode_input`` for many inputs."""
        return self.reader.encode_inputs(values)

    def encode_target(self, target: Any) -> float:
        """Returns a target in standard deviations from the mean (raises InputError for what is no finite number)."""
        return (number(target) - self.mean) / self.scale

    def decode(self, output: float) -> float:
        """Returns the number that an output of the model stands for, in 7 digits."""
        return float(f"{self.mean + self.scale * float(output):.7g}")

    def __getattr__(self, name: str) -> Any:
        # Sizes and lengths of the inputs are the reader's. Without the check a copy in the making would recurse.
        if name.startswith("_") or "reader" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.reader, name)

    def to_json(self) -> dict[str, Any]:
        reader = {name: value for name, value in self.reader.to_json().items() if name != "labels"}
        return {"reader": reader, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_json(cls, value: Any, location: str = "spec.preprocessor") -> "NumberTargets":
        """Make a preprocessor from what ``to_json`` returned (raises WeightsError that names the key)."""
        expect_fields({"reader": dict, "mean": float, "scale": float}, value, location)
        if not abs(value["mean"]) <= MAX_FLOAT32 or not 0 < value["scale"] <= MAX_FLOAT32:
            raise WeightsError(f"{location}: expected a finite mean, and a scale above 0")
        reader = cls.KIND.from_json({**value["reader"], "labels": ["number"]}, f"{location}.reader")
        return cls(dataclasses.replace(reader, labels=()), value["mean"], value["scale"])


class TextNumbers(NumberTargets):
    """Texts with a number each.

    Example:
        >>> from zoo.preprocessing.subwords import Subwords
        >>> reader = TextPreprocessor(Subwords.learn(["a good film", "a bad film"], 100), (), 20)
        >>> TextNumbers(reader, mean=3.0, scale=1.0).encode_target("4.5")
        1.5
    """

    KIND = TextPreprocessor


class SeriesNumbers(NumberTargets):
    """Series or sounds with a number each.

    Example:
        >>> from zoo.preprocessing.signals import Numbers
        >>> reader = SeriesPreprocessor(Numbers((0.0,), (2.0,)), (), 100)
        >>> SeriesNumbers(reader, mean=0.0, scale=1.0).encode_input([2.0, 4.0]).tolist()
        [[1.0], [2.0]]
    """

    KIND = SeriesPreprocessor


def number(target: Any) -> float:
    """Returns a target as a number (raises InputError for what is no finite one)."""
    value = number_of(str(target))
    if value is None or abs(value) > MAX_FLOAT32:
        raise InputError(f"target {str(target)[:40]!r}: is no finite number: give one")
    return value
