"""The result of an evaluation."""

import dataclasses
from typing import Any

from zoo.metrics.intervals import Interval


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of an evaluation.

    Attributes:
        dataset: Name of the dataset or file.
        split: Name of the split; ``"all"`` for a file.
        size: Number of inputs.
        options: Options of ``predict``, for example ``beam_size``.
        values: Metrics with their 95 % intervals, as shares.
        inputs: The unique inputs; empty if not kept, as are the next three.
        outputs: The model's output for each.
        references: The targets of each.
        names: The input itself if it is a text, otherwise its location.
        left_out: Number of rows that could not be used and were left out.
        languages: Size and metrics by language, if the inputs are of several.
        signatures: Definitions of metrics that have several, for example sacreBLEU's, by the metric's name.

    Example:
        >>> import zoo
        >>> examples = zoo.Examples(["cat", "dog"], ["K AE1 T", "D AO1 G"], ["made:1", "made:2"])
        >>> report = zoo.evaluate(zoo.load("gru_small.cmudict"), examples)
        >>> report.size, sorted(report.values)
        (2, ['per', 'per_no_stress', 'wer', 'wer_no_stress'])
    """

    dataset: str
    split: str
    size: int
    options: dict[str, Any]
    values: dict[str, Interval]
    inputs: list[Any]
    outputs: list[Any]
    references: list[Any]
    names: list[str]
    left_out: int = 0
    languages: dict[str, tuple[int, dict[str, Interval]]] = dataclasses.field(default_factory=dict)
    signatures: dict[str, str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics for a record, without the examples."""
        languages = {
            code: {"size": size, "values": _as_json(values)} for code, (size, values) in self.languages.items()
        }
        return {
            "dataset": self.dataset,
            "split": self.split,
            "size": self.size,
            **({"left_out": self.left_out} if self.left_out else {}),
            **({"beam": self.options["beam_size"]} if "beam_size" in self.options else {}),
            "values": _as_json(self.values),
            **({"languages": languages} if languages else {}),
            **({"signatures": self.signatures} if self.signatures else {}),
        }


def _as_json(values: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: dataclasses.asdict(value) for name, value in values.items()}
