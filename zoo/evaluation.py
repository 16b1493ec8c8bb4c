"""How good a model is on a whole dataset or on one's own file, with intervals."""

import dataclasses
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo import datasets
from zoo.data import Examples, read_examples
from zoo.errors import InputError
from zoo.metrics import Interval
from zoo.pipeline import Pipeline


@dataclasses.dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        dataset: Name of the dataset, or the file.
        split: Name of the split; ``"all"`` for a file.
        size: Number of inputs.
        options: How the answers were made: ``beam_size`` for transduction.
        values: Metrics with their 95 % intervals, as shares.
        inputs: The inputs, each once.
        outputs: The model's output for each.
        references: The right outputs of each.
    """

    dataset: str
    split: str
    size: int
    options: dict[str, Any]
    values: dict[str, Interval]
    inputs: list[Any]
    outputs: list[Any]
    references: list[Any]

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics as a record keeps them: without the examples."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "size": self.size,
            **({"beam": self.options["beam_size"]} if "beam_size" in self.options else {}),
            "values": {name: dataclasses.asdict(value) for name, value in self.values.items()},
        }


def evaluate(
    pipeline: Pipeline,
    data: str | os.PathLike | Examples,
    *,
    split: str = "test",
    input: str = "",
    target: str = "",
    limit: int | None = None,
    batch_size: int = 256,
    tick: Callable[[int], None] = lambda count: None,
    **options: Any,
) -> Report:
    """Measures a model.

    Args:
        pipeline: The model.
        data: Name of a dataset, a CSV, TSV or JSONL file, or examples.
        split: Split of a dataset.
        input: Column of a file with the inputs.
        target: Column of a file with the right outputs.
        limit: Only so many inputs, drawn at random but the same each time; the report's size says so.
        batch_size: Inputs answered at once.
        tick: Called with the number of inputs just done.
        **options: As ``Pipeline.predict`` takes them: ``beam_size`` for transduction.

    Raises:
        InputError: No such dataset, split, file or column, or a row that the model cannot read.
    """
    examples, name, split = read(data, split, input, target)
    cases = pipeline.task.cases(examples)
    if limit is not None:
        if limit < 1:
            raise InputError(f"limit {limit}: give at least 1")
        # The first ones would not do: datasets are often in alphabetical order.
        cases = cases.select(sorted(random.Random(0).sample(range(len(cases)), min(limit, len(cases)))))
    for text, reference, where in zip(cases.inputs, cases.references, cases.where, strict=True):
        try:
            pipeline.preprocessor.encode_input(text)
            if pipeline.task.labelled:
                pipeline.preprocessor.encode_target(reference)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    options = {**pipeline.task.options, **asked(name), **options}
    outputs = pipeline.predict(cases.inputs, batch_size, tick, **options)
    values = pipeline.task.score(pipeline.preprocessor, outputs, cases.references)
    return Report(name, split, len(cases), options, values, cases.inputs, outputs, cases.references)


def asked(name: str) -> dict[str, Any]:
    """Returns the options that a dataset sets for all models measured on it; none for other names."""
    return datasets.DATASETS[name].options if name in datasets.DATASETS else {}


def read(
    data: str | os.PathLike | Examples,
    split: str = "test",
    input: str = "",
    target: str = "",
    header: bool = True,
) -> tuple[Examples, str, str]:
    """Returns examples, and the names of dataset and split that they go by."""
    if isinstance(data, Examples):
        return data, "examples", "all"
    if str(data) in datasets.DATASETS:
        return datasets.load(str(data), split), str(data), split
    if not Path(data).suffix:
        datasets.entry(str(data))  # not a file's name either: says which datasets there are
    if not input or not target:
        raise InputError(f"{data}: say which columns to read: --input COLUMN --target COLUMN")
    return read_examples(data, input, target, header), Path(data).name, "all"
