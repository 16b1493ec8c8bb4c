"""Fine-tuning on one's own examples: vocabularies and labels change, what was learned stays."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from zoo import data as readers
from zoo import datasets, inputs, models
from zoo.checkpoints import fresh, golden, make_trainer, training_facts
from zoo.data import Examples
from zoo.errors import InputError
from zoo.evaluation import evaluate
from zoo.pipeline import Pipeline, load
from zoo.recipes import Plan
from zoo.tasks import find_task

PLAN = Plan(epochs=60, batch_size=32, learning_rate=1e-3, warmup=0.1, average=0.99, patience=12)


def fine_tune(
    model: Pipeline | str | os.PathLike,
    data: Any,
    *,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    plan: Plan = PLAN,
    pretrained: bool = True,
    output: str | os.PathLike | None = None,
    resume: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    report: Callable[[dict], None] = lambda row: None,
    tick: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> Pipeline:
    """Trains a model on one's own examples, from pretrained weights or from none.

    What the data have in common with the pretrained model keeps what was learned: symbols their
    embeddings, and, where a text is written, their rows of the output layer. Everything new starts
    fresh. Training stops once the validation score has not improved for ``plan.patience`` epochs, and
    the best weights are kept. The test part is scored once, at the end.

    Args:
        model: A pipeline, or what ``zoo.load`` takes; or an architecture and its size without a dataset
            (``"lstm_small"``), which is trained from scratch.
        data: Whatever ``zoo.inputs.examples`` takes: a file, a folder of sounds, a DataFrame, arrays.
        input: Column with the inputs.
        target: Column with the right outputs: labels, or texts with their symbols between blanks.
        header: Whether the first row of a CSV or TSV names its columns; if not, they are called
            "1", "2" and so on.
        series: In a table with a row a step, the column that says which series a row belongs to.
        time: And the one with its time.
        validation: Like ``data``; by default a tenth of its inputs, chosen by their hash, of each label alike.
        test: Like ``data``; by default another tenth.
        task: The name of the task. By default the model's own; for an architecture, what the targets look
            like: labels, if they repeat, and texts if they do not.
        plan: How it is fitted.
        pretrained: Whether to start from the model's weights; ``False`` trains the same model from
            scratch, for comparison.
        output: Folder to write the result to, as ``zoo.load`` takes it. Until it is written, the state of the
            run stands beside it, in ``<output>.unfinished``.
        resume: Whether to go on with that state; otherwise there must be none.
        tell: Called with a line for people, before training starts: what was read, and what to be aware of.
        report: Called with a dict after each epoch.
        tick: Called with (step, steps in all, loss) after each step.

    Returns:
        A new pipeline, whose record has the test score with its interval.

    Raises:
        InputError: A file, column or row cannot be used; or a state that ``resume`` does not say what to do with.
        Interrupted: A signal came; the state is saved, if there is an ``output``.
        NotFiniteError: The loss or a weight became NaN or infinite.
        StorageError: The output cannot be written.
    """
    unfinished = Path(f"{os.fspath(output)}.unfinished") if output is not None else None
    if unfinished and unfinished.exists() and not resume:
        raise InputError(f"{unfinished}: has an unfinished run: go on with --resume, or delete it to start over")
    untrained = None if isinstance(model, Pipeline) else models.architecture_and_size(os.fspath(model))
    base = None if untrained else model if isinstance(model, Pipeline) else load(os.fspath(model))
    if base and task not in (None, base.spec.task):
        raise InputError(f"{model} does {base.spec.task}, not {task}: leave the task out, or choose another model")
    wanted = base.spec.task if base else task
    read, *given = (
        None if part is None else inputs.examples(part, input, target, header, series, time, wanted)
        for part in (data, validation, test)
    )
    found_task = find_task(wanted or infer_task(read))
    parts = _parts(read, given[0], given[1], found_task.labelled, plan.seed)
    train, validation_examples, test_examples = parts
    found_task.check(train)

    keras.utils.set_random_seed(plan.seed)
    pipeline = fresh(found_task, *untrained, train, plan.seed) if untrained else adapt(base, parts, pretrained)
    sizes = dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
    tell(f"task: {found_task.describe(pipeline.preprocessor)}")
    tell("rows: " + ", ".join(f"{name} {size:,}" for name, size in sizes.items()))
    for line in found_task.warnings(pipeline.preprocessor, read):
        tell(f"note: {line}")
    trainer = make_trainer(pipeline, train, validation_examples, plan, unfinished, "the same command with --resume")
    trainer.report, trainer.tick, trainer.data = report, tick, datasets.fingerprint(train)
    if resume and not trainer.load():
        raise InputError(f"{unfinished}: no run to resume: start it without --resume")
    trainer.run()
    found = evaluate(pipeline, test_examples)
    from_scratch = base is None or base.document is None or not pretrained
    pipeline.document = {
        "name": Path(output).name if output else "fine-tuned",
        "licence": {"weights": "as the data's and the base model's", "data": "the user's"},
        "data": {
            "name": inputs.named(data),
            "source": "the user's",
            "fingerprint": datasets.fingerprint(train),
            "splits": sizes,
        },
        "training": training_facts(
            trainer,
            {"base": "from scratch" if from_scratch else base.document["name"], "plan": dataclasses.asdict(plan)},
        ),
        "metrics": [found.to_json()],
        "published": [
            {"dataset": found.dataset, "split": found.split, **figure}
            for figure in found_task.baselines(train, test_examples)
        ],
        "golden": golden(pipeline, found.inputs[:3]),
    }
    if output is not None:
        pipeline.save(output)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return pipeline


def infer_task(examples: Examples) -> str:
    """Returns the task that examples pose to an architecture: labels repeat, texts hardly do."""
    if not isinstance(examples.inputs[0], str):
        return "series_classification"
    different = len(set(examples.targets))
    return "classification" if different <= max(2, min(1_000, len(examples) // 5)) else "transduction"


def _parts(
    data: Examples, validation: Examples | None, test: Examples | None, labelled: bool, seed: int
) -> list[Examples]:
    """Returns the training, validation and test parts; those not given are drawn from ``data``."""
    train = data
    if test is None:
        train, test = readers.split(train, 0.1, seed, labelled)
    if validation is None:
        train, validation = readers.split(train, 0.1, seed + 1, labelled)
    for name, part in (("training", train), ("validation", validation), ("test", test)):
        if not len(part):
            raise InputError(f"the {name} part is empty: give more rows, or a file for each part")
    _refuse_overlap(train, validation, "validation")
    _refuse_overlap(train, test, "test")
    if labelled:
        for name, part in (("validation", validation), ("test", test)):
            _refuse_unseen(train, part, name)
    return [train, validation, test]


def adapt(base: Pipeline, parts: list[Examples], pretrained: bool = True) -> Pipeline:
    """Returns a model for other data, with what ``base`` knows of it.

    Args:
        base: The pretrained model.
        parts: All examples that the new one will meet, the training part first.
        pretrained: Whether weights are taken over; otherwise all are fresh.
    """
    task = base.task
    preprocessor = task.adapt(base, parts)
    architecture = task.architecture(base.spec.architecture)
    pipeline = Pipeline(task.spec(architecture, base.spec.size, preprocessor, base.spec.config))
    if pretrained:
        pipeline.assign(task.carry(base, pipeline), "fine-tuning")
    return pipeline


def _refuse_unseen(train: Examples, other: Examples, name: str) -> None:
    """A label that no training example has cannot be told; its rows would only be counted as wrong."""
    known = set(train.targets)
    for label, where in zip(other.targets, other.where, strict=True):
        if label not in known:
            raise InputError(
                f"{where}: label {label!r} of the {name} part is not in the training part: add examples of it, or"
                " take the row out"
            )


def _refuse_overlap(train: Examples, other: Examples, name: str) -> None:
    """An input on both sides makes the score a lie."""
    known = dict(zip(map(readers.identity, train.inputs), train.where, strict=True))
    for value, where in zip(other.inputs, other.where, strict=True):
        if readers.identity(value) in known:
            shown = repr(value) if isinstance(value, str) else "a series"
            place = known[readers.identity(value)]
            raise InputError(f"{where}: {shown} of the {name} part is in the training part too ({place}): take one out")
