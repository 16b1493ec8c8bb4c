"""Fine-tuning on one's own examples: vocabularies and labels change, what was learned stays."""

import dataclasses
import math
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo import datasets
from zoo.backends.seeding import seed_everything
from zoo.checkpoints.record import name_of_folder
from zoo.checkpoints.save import check_document, check_folder
from zoo.data import read
from zoo.data.examples import Examples
from zoo.data.splits import make_parts
from zoo.errors import InputError, WeightsError
from zoo.evaluation.measure import Report, evaluate
from zoo.fitting.setup import fresh, make_trainer, training_facts
from zoo.models import registry
from zoo.pipeline import Pipeline, blank_document, load
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig
from zoo.training.lora import LowRank
from zoo.training.state import check_resume

# From fresh weights, and for models whose vocabulary changes with the data.
FROM_SCRATCH = TrainingConfig(epochs=60, batch_size=32, learning_rate=1e-3, warmup=0.1, ema_decay=0.99, patience=12)

# From pretrained weights (Howard & Ruder 2018, arXiv 1801.06146): all epochs are run, for the rate to fall. On 100
# rows 40 epochs validate better than 15 (docs/guide/fine_tuning.md).
ULMFIT = TrainingConfig(
    epochs=15,
    min_steps=160,
    batch_size=32,
    learning_rate=3e-3,
    warmup=0.1,
    schedule="slanted_triangular",
    layer_lr_decay=2.6,
    gradual_unfreezing=True,
    ema_decay=0.9,
)

# Tasks in which fine-tuning leaves everything but the head as it was: what the model reads stays the same.
HEAD_ALONE = ("classification", "series_classification", "tagging")
GOLDEN = 3  # test inputs that a record keeps
SCRATCH = "from scratch"  # the base model of a record whose weights started fresh


def fine_tune(
    model: Pipeline | str | os.PathLike,
    data: Any,
    *,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    group: str = "",
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    training_config: TrainingConfig | None = None,
    pretrained: bool = True,
    output: str | os.PathLike | None = None,
    resume: bool = False,
    on_message: Callable[[str], None] = lambda line: None,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, float], None] = lambda step, total, loss: None,
    on_evaluated: Callable[[Report], None] = lambda report: None,
) -> Pipeline:
    """Trains a model on one's own examples, from pretrained weights or from none.

    What the data have in common with the pretrained model keeps what was learned: symbols their
    embeddings, and, where a text is written, their rows of the output layer. Everything new starts
    fresh. Training stops once the validation score has not improved for ``training_config.patience`` epochs, and
    the best weights are kept. The test part is scored once, at the end.

    Args:
        model: A pipeline, or what ``zoo.load`` takes; or an architecture and its size without a dataset
            (``"lstm_small"``), which is trained from scratch.
        data: Whatever ``zoo.data.read.examples`` takes: a file, a folder of sounds, a DataFrame, arrays.
        input: Column with the inputs.
        target: Column with the right outputs: labels, or texts with their symbols between spaces.
        header: Whether the first row of a CSV or TSV names its columns; if not, they are called
            "1", "2" and so on.
        series: In a table with a row a step, the column that says which series a row belongs to.
        time: And the one with its time.
        group: Column of a table of texts that says which rows belong together, of one person for
            instance: they are never on two sides.
        validation: Like ``data``; by default a tenth of its inputs, chosen by their hash, of each label alike.
        test: Like ``data``; by default another tenth.
        task: The name of the task. By default the model's own; for an architecture, what the targets look
            like: labels, if they repeat, and texts if they do not.
        training_config: How it is fitted; by default ``default_training_config``.
        pretrained: Whether to start from the model's weights; ``False`` trains the same model from
            scratch, for comparison.
        output: Folder to write the result to, as ``zoo.load`` takes it. Until it is written, the state of the
            run stands beside it, in ``<output>.unfinished``.
        resume: Whether to go on with that state; otherwise there must be none.
        on_message: Called with a line for people, before training starts: what was read, and what to be aware of.
        on_epoch: Called with a dict after each epoch.
        on_step: Called with (step, steps in all, loss) after each step.
        on_evaluated: Called with the report on the test part, the answers in it.

    Returns:
        A new pipeline, whose record has the test score with its interval.

    Raises:
        InputError: A file, column or row cannot be used; or a state that ``resume`` does not say what to do with.
        Interrupted: A signal came; the state is saved, if there is an ``output``.
        NotFiniteError: The loss or a weight became NaN or infinite.
        StorageError: The output cannot be written.
    """
    folder = None if output is None else check_folder(output)
    unfinished = folder.with_name(f"{folder.name}.unfinished") if folder else None
    check_resume(unfinished, resume)
    columns = {"input": input, "target": target, "header": header, "series": series, "time": time, "group": group}
    start = prepare(model, data, columns, validation, test, task, training_config, pretrained)
    for line in start.lines():
        on_message(line)
    pipeline, (train, validation_part, test_part) = start.pipeline, start.parts
    recipe = {
        "base": start.base_name,
        "training_config": dataclasses.asdict(start.training_config),
        "columns": columns,
        "validation": "drawn" if validation is None else read.named(validation),
        "test": "drawn" if test is None else read.named(test),
    }
    document = {
        **blank_document(name_of_folder(folder.name) if folder else "fine-tuned"),
        "licence": {"weights": start.licence(), "data": "the user's"},
        "data": {
            "name": read.named(data),
            "source": "the user's",
            "fingerprint": datasets.fingerprint(train),
            "splits": start.sizes,
        },
    }
    _check_record(pipeline, document, recipe, test_part)
    trainer = make_trainer(
        pipeline, train, validation_part, start.training_config, unfinished, "the same command with --resume", start.new
    )
    trainer.on_epoch, trainer.on_step, trainer.data = on_epoch, on_step, datasets.fingerprint(train)
    if start.training_config.lora_rank:
        trained, whole = (sum(int(np.prod(v.shape)) for v in of) for of in (trainer.variables, pipeline.model.weights))
        on_message(f"low-rank updates: {trained:,} numbers are trained in place of the model's {whole:,}")
    if resume:
        trainer.load()
    trainer.run()
    if isinstance(trainer.model, LowRank):
        trainer.model.merge()
    found = evaluate(pipeline, test_part)
    on_evaluated(found)
    document = {
        **document,
        "training": training_facts(trainer, recipe),
        "metrics": [found.to_json()],
        "published": [
            {"dataset": found.dataset, "split": found.split, **figure}
            for figure in pipeline.task.baselines(train, test_part)
        ],
        "golden": pipeline.golden(found.inputs[:GOLDEN]),
    }
    pipeline.set_document(document)
    if folder is not None:
        pipeline.save(folder)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return pipeline


def _check_record(pipeline: Pipeline, document: dict[str, Any], recipe: dict[str, Any], test: Examples) -> None:
    """Raise InputError, before the first step, for what no record could hold at the end: a huge number."""
    inputs = [pipeline.task.plain(pipeline, value) for value in pipeline.task.cases(test).inputs[:GOLDEN]]
    golden = {"inputs": inputs, "outputs": inputs}
    made = {**document, "training": {**document["training"], "recipe": recipe}, "golden": golden}
    shapes = {variable.path: tuple(variable.shape) for variable in pipeline.model.weights}
    try:
        check_document({**made, "spec": pipeline.spec.to_json()}, shapes)
    except WeightsError as error:
        raise InputError(f"the model could not be saved: {error}") from None


@dataclasses.dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        pipeline: The model.
        base: The pretrained one whose weights it has; ``None`` if all are fresh.
        parts: Training, validation and test part.
        training_config: How it is fitted.
        new: Paths of its variables that are not the base's.
        notes: What a user should know of the data, a line each.
    """

    pipeline: Pipeline
    base: Pipeline | None
    parts: list[Examples]
    training_config: TrainingConfig
    new: set[str]
    notes: list[str]

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part."""
        return dict(zip(("train", "validation", "test"), map(len, self.parts), strict=True))

    @property
    def base_name(self) -> str:
        """Name of the pretrained model, for the record."""
        return self.base.document["name"] if self.base and self.base.document else SCRATCH

    def licence(self) -> str:
        """Returns what the weights may be used for, as far as it is known."""
        if self.base is None or self.base.document is None:
            return "as the data's"
        base = self.base.document["licence"]
        return f"as the data's, and as the base model's: {base['weights']}; its data: {base['data']}"

    def lines(self) -> list[str]:
        """Returns what is told before training starts."""
        training_config, task = self.training_config, self.pipeline.task
        origin = self.base_name if self.base_name == SCRATCH else f"from {self.base_name}"
        rates = f"a rate of {training_config.learning_rate:g}, {training_config.schedule}"
        rates += (
            f", {training_config.layer_lr_decay:g} times less for each layer below"
            if training_config.layer_lr_decay != 1
            else ""
        )
        rates += ", a layer more each epoch from the head down" if training_config.gradual_unfreezing else ""
        return [
            f"task: {task.describe(self.pipeline.preprocessor)}",
            "rows: " + ", ".join(f"{name} {size:,}" for name, size in self.sizes.items()),
            f"training: {origin}, {training_config.epochs} epochs at most; {rates}",
            *(f"note: {note}" for note in self.notes),
        ]


def prepare(
    model: Pipeline | str | os.PathLike,
    data: Any,
    columns: dict[str, Any],
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    training_config: TrainingConfig | None = None,
    pretrained: bool = True,
) -> Start:
    """Reads and parts the data and makes the model that is to be trained; arguments are those of ``fine_tune``.

    Args:
        columns: ``input``, ``target``, ``header``, ``series``, ``time`` and ``group``.
    """
    untrained = None if isinstance(model, Pipeline) else registry.architecture_and_size(os.fspath(model))
    base = None if untrained else model if isinstance(model, Pipeline) else load(os.fspath(model))
    if base and task not in (None, base.spec.task):
        raise InputError(f"{model} does {base.spec.task}, not {task}: leave the task out, or choose another model")
    wanted = base.spec.task if base else task
    examples, *given = (
        None if part is None else read.examples(part, task=wanted, **columns) for part in (data, validation, test)
    )
    found_task = find_task(wanted or infer_task(examples))
    from_base = base is not None and pretrained
    seed = training_config.seed if training_config else FROM_SCRATCH.seed
    parts, notes = make_parts(examples, given[0], given[1], found_task.has_labels, seed)
    found_task.check(parts[0])
    training_config = training_config or default_training_config(found_task.name if from_base else None)
    steps = math.ceil(len(parts[0]) / training_config.batch_size)
    training_config = dataclasses.replace(
        training_config, epochs=max(training_config.epochs, math.ceil(training_config.min_steps / steps)), min_steps=0
    )
    if training_config.lora_rank and not from_base:
        raise InputError("low-rank updates change a pretrained model: choose one, or leave them out")
    if training_config.precision != "float32":
        raise InputError(f"precision {training_config.precision}: fine-tuning is in float32, leave it out")

    seed_everything(training_config.seed)
    pipeline = (
        fresh(found_task, *untrained, parts[0], training_config.seed) if untrained else adapt(base, parts, pretrained)
    )
    old = base.tensors() if from_base else {}
    new = {path for path, value in pipeline.tensors().items() if not np.array_equal(value, old.get(path))}
    notes += found_task.warnings(pipeline.preprocessor, examples)
    return Start(pipeline, base if from_base else None, parts, training_config, new, notes)


def default_training_config(task: str | None) -> TrainingConfig:
    """Returns how a model is fitted if nothing is said.

    Args:
        task: That of the pretrained model; ``None`` for fresh weights.
    """
    return ULMFIT if task in HEAD_ALONE else FROM_SCRATCH


def infer_task(examples: Examples) -> str:
    """Returns the task that examples pose to an architecture: labels repeat, texts hardly do."""
    if not isinstance(examples.inputs[0], str):
        return "series_classification"
    different = len(set(examples.targets))
    return "classification" if different <= max(2, min(1_000, len(examples) // 5)) else "sequence_to_sequence"


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
        pipeline.assign(task.transfer_weights(base, pipeline), "fine-tuning")
    return pipeline
