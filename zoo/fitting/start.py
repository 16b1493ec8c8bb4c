"""Prepare a training run on a user's examples: the parts of the data, the task, the config and the model."""

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.backends import cluster
from zoo.backends.seeding import seed_everything
from zoo.data import read
from zoo.data.bad_rows import BadRows
from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.data.labels import unify
from zoo.data.lines import ending
from zoo.data.splits import make_parts
from zoo.errors import InputError
from zoo.evaluation.inputs import Folded, unknown_tokens
from zoo.fitting import transfer
from zoo.fitting.few_rows import VERY_FEW_ROWS, has_few_rows
from zoo.fitting.setup import fresh
from zoo.loading import load
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.preprocessor import Preprocessor
from zoo.tasks import FORECASTERS, find_task
from zoo.tasks.infer import choose_task, fits
from zoo.tasks.task import Task
from zoo.training.config import TrainingConfig, override

# for random weights, and for models whose vocabulary changes with the data
FROM_SCRATCH = TrainingConfig(epochs=60, batch_size=32, learning_rate=1e-3, warmup=0.1, ema_decay=0.99, patience=12)

# For pretrained weights that keep most of their vocabulary. Fifteen epochs take a quarter of the time of 60, and Muon
# validates no worse than AdamW in batches of 32 (docs/experiments/pronunciation.md).
FROM_SEQ2SEQ = dataclasses.replace(
    FROM_SCRATCH, epochs=15, min_steps=300, batch_size=64, optimizer="muon", learning_rate=2e-3, patience=5
)

# For taggers and for classifiers of series and sounds (Howard & Ruder 2018, arXiv 1801.06146). All epochs are run, so
# that the rate falls.
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

# For classifiers of texts, whose head is already fitted when training starts (zoo.fitting.transfer). Four epochs do
# what fifteen of ULMFIT do (docs/experiments/fine_tuning.md).
TEXT = TrainingConfig(
    epochs=4,
    min_steps=100,
    batch_size=32,
    learning_rate=1e-3,
    warmup=0.1,
    schedule="slanted_triangular",
    layer_lr_decay=1.3,
    ema_decay=0.9,
)

SCRATCH = "from scratch"  # the base model of a record whose weights started fresh


@dataclasses.dataclass(frozen=True)
class Start:
    """The prepared start of a training run.

    Attributes:
        pipeline: The model.
        base: Pretrained pipeline of its weights; ``None`` if all weights are random.
        parts: Training, validation and test part.
        training_config: The training config.
        new: Paths of randomly initialized variables.
        notes: Notes on the data for the user, one per line.
        columns: Columns of a table that were read.
        language_model: Language model that gave its backbone to a pipeline of another task.
    """

    pipeline: Pipeline
    base: Pipeline | None
    parts: list[Examples]
    training_config: TrainingConfig
    new: set[str]
    notes: list[str]
    columns: Columns
    language_model: Pipeline | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows in each part."""
        return dict(zip(("train", "validation", "test"), map(len, self.parts), strict=True))

    @property
    def reads_pretrained_text(self) -> bool:
        """Whether the backbone is that of a language model or of a classifier of texts."""
        return self.language_model is not None or (
            self.base is not None and self.pipeline.task.name == "classification"
        )

    @property
    def few_rows(self) -> bool:
        """Whether there are so few rows, and no config for them, that a linear head on frozen features may be best."""
        train = self.parts[0]
        few = has_few_rows(self.pipeline, train) and is_default(self.training_config, train)
        return few and self.reads_pretrained_text and cluster.count() == 1

    @property
    def base_name(self) -> str:
        """Name of the pretrained model, for the record."""
        return self.base.document["name"] if self.base and self.base.document else SCRATCH

    def licence(self) -> str:
        """Returns the licence of the weights, as far as it is known."""
        if self.base is None or self.base.document is None:
            return "as the data's"
        base = self.base.document["licence"]
        return f"as the data's, and as the base model's: {base['weights']}; its data: {base['data']}"

    def lines(self) -> list[str]:
        """Returns the lines shown before training starts."""
        training_config, task = self.training_config, self.pipeline.task
        origin = self.base_name if self.base_name == SCRATCH else f"from {self.base_name}"
        epochs = "1 epoch" if training_config.epochs == 1 else f"{training_config.epochs} epochs"
        recipe = f"at most {epochs}; learning rate {training_config.learning_rate:g}, {training_config.schedule}"
        if training_config.layer_lr_decay != 1:
            recipe += f", divided by {training_config.layer_lr_decay:g} per layer below the head"
        if training_config.gradual_unfreezing:
            recipe += ", one more layer unfrozen per epoch"
        if self.few_rows and len(self.parts[0]) < VERY_FEW_ROWS:
            recipe = (
                f"a linear head on frozen features, because there are fewer than {VERY_FEW_ROWS} rows"
                " (--epochs or --rate fine-tunes all layers)"
            )
        return [
            f"task: {task.describe(self.pipeline.preprocessor)}",
            "rows: " + ", ".join(f"{name} {size:,}" for name, size in self.sizes.items()),
            f"training: {origin}, {recipe}",
            *(f"note: {note}" for note in self.notes),
        ]


def prepare(
    model: Pipeline | str | os.PathLike,
    data: Any,
    columns: Columns,
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    pretrained: bool = True,
    skip_bad_rows: bool = False,
    allow_unknown: bool = False,
) -> Start:
    """Read and split the data, and build the model to train; arguments are those of ``fine_tune``.

    Args:
        columns: Columns of a table.
    """
    untrained = None if isinstance(model, Pipeline) else registry.architecture_and_size(os.fspath(model))
    base = None if untrained else model if isinstance(model, Pipeline) else load(os.fspath(model))
    if base and base.spec.task in FORECASTERS:
        name = "the model" if isinstance(model, Pipeline) else model
        raise InputError(f"{name}: is a forecaster: give a horizon (--horizon)")
    if task is None and base and transfer.is_language_model(base) and _is_text(data, columns):
        task = base.spec.task  # a text has no labels
    language_model = base if base and transfer.is_language_model(base) and task != base.spec.task else None
    base_task = base.spec.task if base and not language_model else None
    if base_task and not fits(task, base_task):
        raise InputError(f"{model} does {base_task}, not {task}: leave the task out, or choose another model")
    layout = find_task(task or base_task).layout if task or base_task else None
    bad = BadRows(skip_bad_rows)
    portions = [
        None if part is None else read.examples(part, layout=layout, on_bad=bad, **vars(columns))
        for part in (data, validation, test)
    ]
    bad.check()
    if not len(portions[0]):
        raise InputError(f"{read.named(data)}: no row can be used: {bad.errors[0]}")
    found_task, why = choose_task(task, base_task, portions[0])
    notes = [*portions[0].reading.notes, *why]
    if columns.language and not (base and getattr(base.preprocessor, "languages", ())):
        raise InputError(f"language {columns.language!r}: this model has no languages: leave it out")
    if columns.strip_labels and found_task.has_labels:
        portions = _with_same_labels(portions)
    portions = [
        part and bad.leave_out(part, found_task.misfits(part, None if language_model else base)) for part in portions
    ]
    bad.check()
    examples, *given = (part and found_task.standardize(part) for part in portions)
    notes += [note for note in examples.reading.notes if note not in notes]
    columns = dataclasses.replace(columns, left_out=examples.reading.left_out)
    from_base = base is not None and pretrained
    if not isinstance(training_config, TrainingConfig):
        changes = training_config or {}
        default = default_training_config(found_task if from_base else None, bool(changes.get("lora_rank")))
        training_config = override(default, changes)
    parts, more = make_parts(
        examples, given[0], given[1], found_task.has_labels, training_config.seed, skip_overlap=skip_bad_rows
    )
    found_task.check(parts[0])
    steps = math.ceil(len(parts[0]) / training_config.batch_size)
    training_config = with_min_steps(training_config, steps)
    if training_config.lora_rank and not from_base:
        raise InputError("lora_rank: needs a pretrained model: choose one, or leave lora_rank out")
    if training_config.precision != "float32":
        raise InputError(f"precision {training_config.precision}: fine-tuning is in float32, leave it out")

    seed_everything(training_config.seed)
    if language_model:
        pipeline = transfer.for_task(language_model, found_task, parts[0], pretrained)
    elif untrained:
        pipeline = fresh(found_task, *untrained, parts[0], training_config.seed)
    else:
        pipeline = adapt(base, parts, pretrained, found_task)
    for i, part in enumerate(parts):
        parts[i] = bad.leave_out(part, _row_errors(found_task, pipeline.preprocessor, part, i == 0))
        if bad.skip and not len(parts[i]):
            raise InputError(f"the {('training', 'validation', 'test')[i]} part has no row that can be used")
    bad.check()
    notes += bad.notes()
    old = base.tensors() if from_base else {}
    new = {path for path, value in pipeline.tensors().items() if not np.array_equal(value, old.get(path))}
    notes += more + (unknown_tokens(pipeline, examples.inputs, allow_unknown) if base else [])
    folded = Folded(pipeline.preprocessor)
    folded.add(examples.inputs)
    notes += folded.notes() + found_task.warnings(pipeline.preprocessor, examples)
    return Start(
        pipeline,
        base if from_base else None,
        parts,
        training_config,
        new,
        notes,
        columns,
        language_model if pretrained else None,
    )


def _is_text(data: Any, columns: Columns) -> bool:
    """Returns whether the data are a file with a text and no columns."""
    return isinstance(data, str | os.PathLike) and ending(data) == ".txt" and not (columns.input or columns.target)


def _with_same_labels(parts: list[Examples | None]) -> list[Examples | None]:
    """Returns parts with one name per group of labels that look alike, the same in all parts."""
    labels = [target for part in parts if part for target in part.targets]
    names = dict(zip(labels, unify(labels), strict=True))
    merged = len(set(labels)) - len(set(names.values()))
    note = [f"{merged} spellings of labels are read as others that look alike"] * bool(merged)
    return [part and part.with_notes(*note, targets=[names[target] for target in part.targets]) for part in parts]


def _row_errors(task: Task, preprocessor: Preprocessor, part: Examples, training: bool) -> list[tuple[int, InputError]]:
    """Returns the indices of rows of a part that cannot be encoded, with their errors."""
    check = task.check_training_example if training else task.check_example
    errors = []
    for i, (value, target) in enumerate(zip(part.inputs, part.targets, strict=True)):
        try:
            check(preprocessor, value, target)
        except InputError as error:
            errors.append((i, error))
    return errors


def with_min_steps(config: TrainingConfig, steps: int) -> TrainingConfig:
    """Returns a config with so many epochs, of a number of steps each, that they reach the minimum of steps.

    The patience grows with the epochs: five epochs of few steps are too short to tell that a score does not improve.
    """
    epochs = max(config.epochs, math.ceil(config.min_steps / steps))
    patience = config.patience and round(config.patience * epochs / config.epochs)
    return dataclasses.replace(config, epochs=epochs, patience=patience, min_steps=0)


def is_default(config: TrainingConfig, train: Examples) -> bool:
    """Returns whether a text classifier's config is the default for these rows, except for seed and time limit."""
    default = with_min_steps(TEXT, math.ceil(len(train) / TEXT.batch_size))
    return dataclasses.replace(config, seed=default.seed, minutes=default.minutes) == default


def default_training_config(task: Task | None, lora: bool = False) -> TrainingConfig:
    """Returns the default training config.

    Args:
        task: Task of the new model if its weights are pretrained; ``None`` for random weights.
        lora: Whether only the head and low-rank updates are trained, which takes more steps and a higher rate.
    """
    if task is None:
        return FROM_SCRATCH
    if task.name == "classification" and not lora:
        return TEXT
    return ULMFIT if task.replaces_head else FROM_SEQ2SEQ if task.multi_reference else FROM_SCRATCH


def adapt(base: Pipeline, parts: list[Examples], pretrained: bool = True, task: Task | None = None) -> Pipeline:
    """Returns a model for other data, with the weights of ``base`` where they match.

    Args:
        base: The pretrained model.
        parts: All examples of the new model, the training part first.
        pretrained: Whether to transfer weights; otherwise all are random.
        task: Task of the new model, if it differs from that of ``base`` but can keep its layers.
    """
    task = task or base.task
    preprocessor = task.adapt(base, parts)
    architecture = task.architecture(base.spec.architecture)
    pipeline = Pipeline(task.spec(architecture, base.spec.size, preprocessor, base.spec.config))
    if pretrained:
        pipeline.assign(task.transfer_weights(base, pipeline), "fine-tuning")
    return pipeline
