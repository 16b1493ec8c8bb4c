"""How good a model is on a whole dataset or on one's own file, with intervals."""

import dataclasses
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo import datasets
from zoo.data import Examples, read_examples
from zoo.errors import InputError
from zoo.metrics import Interval, strip_stress, transduction_metrics
from zoo.pipeline import BEAM, Pipeline
from zoo.preprocessing import SymbolTokenizer


@dataclasses.dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        dataset: Name of the dataset, or the file.
        split: Name of the split; ``"all"`` for a file.
        size: Number of inputs.
        beam: Beam size of the decoding.
        values: Metrics with their 95 % intervals, as shares.
        inputs: The inputs, each once.
        outputs: The model's output for each.
        references: The right outputs of each.
    """

    dataset: str
    split: str
    size: int
    beam: int
    values: dict[str, Interval]
    inputs: list[str]
    outputs: list[str]
    references: list[list[str]]

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics as a record keeps them: without the examples."""
        values = {name: dataclasses.asdict(value) for name, value in self.values.items()}
        return {
            "dataset": self.dataset,
            "split": self.split,
            "size": self.size,
            "beam": self.beam,
            "values": values,
        }


def evaluate(
    pipeline: Pipeline,
    data: str | os.PathLike | Examples,
    *,
    split: str = "test",
    input: str = "",
    target: str = "",
    limit: int | None = None,
    beam_size: int = BEAM,
    batch_size: int = 256,
    tick: Callable[[int], None] = lambda count: None,
) -> Report:
    """Measures a model.

    Args:
        pipeline: The model.
        data: Name of a dataset, a CSV, TSV or JSONL file, or examples.
        split: Split of a dataset.
        input: Column of a file with the inputs.
        target: Column of a file with the right outputs.
        limit: Only so many inputs, drawn at random but the same each time; the report's size says so.
        beam_size: Hypotheses kept while decoding.
        batch_size: Inputs decoded at once.
        tick: Called with the number of inputs just done.

    Raises:
        InputError: No such dataset, split, file or column, or a row that the model cannot read.
    """
    examples, name, split = read(data, split, input, target)
    grouped = group(examples)
    if limit is not None:
        if limit < 1:
            raise InputError(f"limit {limit}: give at least 1")
        # The first ones would not do: datasets are often in alphabetical order.
        kept = set(random.Random(0).sample(list(grouped), min(limit, len(grouped))))
        grouped = {text: right for text, right in grouped.items() if text in kept}
    check_inputs(pipeline, examples, set(grouped))
    inputs, references = list(grouped), list(grouped.values())
    outputs = pipeline.predict(inputs, beam_size, batch_size, tick)
    values = score(pipeline.preprocessor.target, outputs, references)
    return Report(name, split, len(inputs), beam_size, values, inputs, outputs, references)


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


def group(examples: Examples) -> dict[str, list[str]]:
    """Returns all right outputs of each input, in the order of their first row."""
    grouped: dict[str, list[str]] = {}
    for text, target in zip(examples.inputs, examples.targets, strict=True):
        grouped.setdefault(text, []).append(target)
    return grouped


def check_inputs(pipeline: Pipeline, examples: Examples, wanted: set[str]) -> None:
    """Raises InputError with the place of the first wanted input that the model cannot read."""
    for text, where in zip(examples.inputs, examples.where, strict=True):
        if text in wanted:
            try:
                pipeline.preprocessor.encode_source(text)
            except InputError as error:
                raise InputError(f"{where}: {error}") from None


def score(tokenizer: SymbolTokenizer, outputs: list[str], references: list[list[str]]) -> dict[str, Interval]:
    """Returns the error rates; where only the model marks stress, it is taken off before comparing."""
    hypotheses = [tokenizer.split(text) for text in outputs]
    right = [[tokenizer.split(text) for text in texts] for texts in references]
    marked = _marks_stress(tokenizer.symbols)
    if marked and not _marks_stress({phone for texts in right for text in texts for phone in text}):
        plain = transduction_metrics([strip_stress(phones) for phones in hypotheses], right, stress=False)
        return {f"{name}_no_stress": value for name, value in plain.items()}
    return transduction_metrics(hypotheses, right, stress=marked)


def _marks_stress(phones) -> bool:
    return any(re.fullmatch("[A-Z]+[012]", phone) for phone in phones)
