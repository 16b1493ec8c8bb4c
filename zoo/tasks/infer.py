"""Infer the task from a user's examples."""

from zoo.data.examples import Examples
from zoo.tasks import find_task
from zoo.tasks.number_regression import looks_measured, regression_of
from zoo.tasks.task import Task


def infer_task(examples: Examples) -> str:
    """Returns the task of examples for an architecture: labels repeat, other texts hardly do."""
    if examples.reading.layout == "tokens":
        return "tagging"
    if not isinstance(examples.inputs[0], str):
        return "series_classification"
    different = len(set(examples.targets))
    return "classification" if different <= max(2, min(1_000, len(examples) // 5)) else "sequence_to_sequence"


def fits(task: str | None, base_task: str) -> bool:
    """Returns whether a model of ``base_task`` can be fine-tuned for a task; ``None`` means the model's own task.

    ``"regression"`` means one number per input, for all kinds of input.
    """
    return task in (None, base_task, "regression", regression_of(base_task, []))


def choose_task(task: str | None, base_task: str | None, examples: Examples) -> tuple[Task, list[str]]:
    """Returns the task of a training run, and notes on how it was inferred.

    Args:
        task: Task given by the user.
        base_task: Task of the pretrained model whose layers are kept.
        examples: The training examples.

    Raises:
        InputError: There is no such task.
    """
    measured = looks_measured(examples.targets) if task is None else None
    if task == "regression" or (measured and (base_task is None or base_task != regression_of(base_task, []))):
        return find_task(regression_of(base_task, examples.inputs)), [measured] if measured else []
    return find_task(task or base_task or infer_task(examples)), []
