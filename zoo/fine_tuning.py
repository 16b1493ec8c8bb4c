"""Fine-tuning on one's own pairs: the vocabularies change, what was learned stays."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from zoo import data as readers
from zoo import datasets, models
from zoo.checkpoints import golden, make_trainer, training_facts
from zoo.data import Examples
from zoo.errors import InputError
from zoo.evaluation import evaluate
from zoo.pipeline import Pipeline, load
from zoo.preprocessing import RESERVED, SymbolTokenizer, TransductionPreprocessor
from zoo.recipes import Plan
from zoo.spec import ModelSpec

PLAN = Plan(epochs=60, batch_size=32, learning_rate=1e-3, warmup=0.1, average=0.99, patience=12)


def fine_tune(
    model: Pipeline | str | os.PathLike,
    data: str | os.PathLike | Examples,
    *,
    input: str = "",
    target: str = "",
    header: bool = True,
    validation: str | os.PathLike | Examples | None = None,
    test: str | os.PathLike | Examples | None = None,
    plan: Plan = PLAN,
    pretrained: bool = True,
    output: str | os.PathLike | None = None,
    report: Callable[[dict], None] = lambda row: None,
    tick: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> Pipeline:
    """Trains a pretrained model further on one's own pairs of texts.

    Symbols of the source that the model knows keep their embedding, and new ones are added. The
    target vocabulary becomes that of the data: known symbols keep their embedding and their row of
    the output layer, everything else there starts fresh. Training stops once the validation score
    has not improved for ``plan.patience`` epochs, and the best weights are kept. The test part is
    scored once, at the end.

    Args:
        model: A pipeline, or what ``zoo.load`` takes.
        data: A CSV, TSV or JSONL file, or examples.
        input: Column with the inputs.
        target: Column with the outputs, symbols between blanks.
        header: Whether the first row of a CSV or TSV names its columns; if not, they are called
            "1", "2" and so on.
        validation: Like ``data``; by default a tenth of its inputs, chosen by their hash.
        test: Like ``data``; by default another tenth.
        plan: How it is fitted.
        pretrained: Whether to start from the model's weights; ``False`` trains the same model from
            scratch, for comparison.
        output: Folder to write the result to, as ``zoo.load`` takes it.
        report: Called with a dict after each epoch.
        tick: Called with (step, steps in all, loss) after each step.

    Returns:
        A new pipeline, whose record has the test score with its interval.

    Raises:
        InputError: A file, column or row cannot be used.
        NotFiniteError: The loss became NaN or infinite.
        StorageError: The output cannot be written.
    """
    base = model if isinstance(model, Pipeline) else load(os.fspath(model))
    train = _examples(data, input, target, header)
    if test is None:
        train, test_examples = readers.split(train, 0.1, plan.seed)
    else:
        test_examples = _examples(test, input, target, header)
    if validation is None:
        train, validation_examples = readers.split(train, 0.1, plan.seed + 1)
    else:
        validation_examples = _examples(validation, input, target, header)
    for name, part in (("training", train), ("validation", validation_examples), ("test", test_examples)):
        if not len(part):
            raise InputError(f"the {name} part is empty: give more rows, or a file for each part")
    _refuse_overlap(train, validation_examples, "validation")
    _refuse_overlap(train, test_examples, "test")

    keras.utils.set_random_seed(plan.seed)
    pipeline = adapt(base, [train, validation_examples, test_examples], pretrained)
    trainer = make_trainer(pipeline, train, validation_examples, plan)
    trainer.report, trainer.tick = report, tick
    trainer.run()
    found = evaluate(pipeline, test_examples)
    name = Path(output).name if output else "fine-tuned"
    pipeline.document = {
        "name": name,
        "licence": {"weights": "as the data's and the base model's", "data": "the user's"},
        "data": {
            "name": Path(os.fspath(data)).name if not isinstance(data, Examples) else "examples",
            "source": "the user's",
            "fingerprint": datasets.fingerprint(train),
            "splits": {
                "train": len(train),
                "validation": len(validation_examples),
                "test": len(test_examples),
            },
        },
        "training": training_facts(
            trainer,
            {
                "base": base.document["name"] if base.document and pretrained else "from scratch",
                "plan": dataclasses.asdict(plan),
            },
        ),
        "metrics": [found.to_json()],
        "published": [],
        "golden": golden(pipeline, found.inputs[:3]),
    }
    if output is not None:
        pipeline.save(output)
    return pipeline


def adapt(base: Pipeline, parts: list[Examples], pretrained: bool = True) -> Pipeline:
    """Returns a model for the vocabulary of ``parts``, with what ``base`` knows of it.

    Args:
        base: The pretrained model.
        parts: All examples that it will meet.
        pretrained: Whether weights are taken over; otherwise all are fresh.
    """
    old = base.preprocessor
    inputs = [text for part in parts for text in part.inputs]
    targets = [text for part in parts for text in part.targets]
    source = old.source.extend(inputs)
    fitted = SymbolTokenizer.fit(targets, old.target.separator, old.target.lowercase)
    kept = [s for s in old.target.symbols if s in set(fitted.symbols)]
    target = dataclasses.replace(fitted, symbols=(*kept, *(s for s in fitted.symbols if s not in set(kept))))
    longest_source = max(len(source.split(text)) for text in inputs)
    longest_target = max(len(target.split(text)) for text in targets)
    preprocessor = TransductionPreprocessor(
        source, target, max(old.max_source, longest_source), max(old.max_target, longest_target)
    )
    fields = {**base.spec.config, "source_symbols": source.size, "target_symbols": target.size}
    if "max_target" in fields:
        fields["max_target"] = max(fields["max_target"], preprocessor.max_target + 1)
    config = models.find_seq2seq(base.spec.architecture).config_from(fields)
    spec = ModelSpec(
        base.spec.architecture,
        base.spec.size,
        dataclasses.asdict(config),
        base.spec.task,
        preprocessor.to_json(),
    )
    pipeline = Pipeline(spec)
    if pretrained:
        tensors = pipeline.tensors()
        for path, value in base.tensors().items():
            if path.startswith("source_embed/"):
                _move_rows(value, tensors[path], old.source, source)
            elif path.startswith("target_embed/"):
                _move_rows(value, tensors[path], old.target, target)
            elif path.startswith("logits/"):
                _move_rows(value.T, tensors[path].T, old.target, target)
            else:
                tensors[path] = value
        pipeline.assign(tensors, "fine-tuning")
    return pipeline


def _move_rows(old: np.ndarray, new: np.ndarray, before: SymbolTokenizer, after: SymbolTokenizer) -> None:
    """Copies the rows of the reserved ids and of the symbols known before; in place."""
    new[:RESERVED] = old[:RESERVED]
    place = {symbol: i for i, symbol in enumerate(before.symbols)}
    for i, symbol in enumerate(after.symbols):
        if symbol in place:
            new[i + RESERVED] = old[place[symbol] + RESERVED]


def _examples(data: str | os.PathLike | Examples, input: str, target: str, header: bool) -> Examples:
    if isinstance(data, Examples):
        return data
    if not input or not target:
        raise InputError(f"{data}: say which columns to read: --input COLUMN --target COLUMN")
    return readers.read_examples(data, input, target, header)


def _refuse_overlap(train: Examples, other: Examples, name: str) -> None:
    """An input on both sides makes the score a lie."""
    known = dict(zip(train.inputs, train.where, strict=True))
    for text, where in zip(other.inputs, other.where, strict=True):
        if text in known:
            raise InputError(
                f"{where}: {text!r} of the {name} part is in the training part too ({known[text]}): take one out"
            )
