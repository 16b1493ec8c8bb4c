"""Build Keras models by name, from an architecture or a checkpoint, with or without a head."""

import fnmatch
from typing import Any

import keras

from zoo.checkpoints import locate
from zoo.errors import InputError
from zoo.loading import load
from zoo.models import registry
from zoo.tasks import find_task
from zoo.tasks.task import Task


def list_architectures(pattern: str = "*") -> list[str]:
    """Returns the sized architectures that ``create_model`` builds.

    Args:
        pattern: Shell wildcards.

    Example:
        >>> import zoo
        >>> zoo.list_architectures("gru_*")
        ['gru_tiny', 'gru_small', 'gru_base']
    """
    return [name for name in registry.sizes() if fnmatch.fnmatchcase(name, pattern)]


def create_model(name: str, pretrained: bool = False, task: str | None = None, **config: Any) -> keras.Model:
    """Build an ordinary Keras model.

    Without ``task`` the model is a backbone: it maps ``{"tokens": (batch, time)}`` or ``{"features": (batch, time,
    features)}``, with an optional ``"mask" (batch, time)``, to ``(batch, time, hidden)``. With ``task`` it also
    has that task's head, which returns logits. With ``task="sequence_to_sequence"`` or ``"translation"`` it maps
    ``"source"``, ``"target"`` and an optional ``"source_mask"`` to logits ``(batch, target time, symbols)``.

    Args:
        name: A sized architecture (``"gru_small"``, see ``list_architectures``), or the name or folder of a
            checkpoint, whose config the model gets.
        pretrained: Whether to load the checkpoint's weights. A head added by ``task`` has random weights.
        task: Task whose head is added: ``"classification"``, ``"series_classification"``,
            ``"tagging"``, ``"language_modelling"``, ``"music_modelling"``, ``"regression"``, ``"copying"``,
            ``"forecasting"``, ``"sequence_to_sequence"`` or ``"translation"``.
        **config: Fields of the architecture's config (``vocab_size`` or ``features`` is required, except for
            forecasting) and sizes of the head (``num_classes``, ``num_tags``, ``output_dim``, ``decoder_dim``,
            ``head_dropout``, ``lookahead``).

    Returns:
        The model, built, with random weights unless ``pretrained``.

    Raises:
        InputError: Unknown architecture, checkpoint, task or field; or ``pretrained`` with an architecture.

    Example:
        >>> import zoo
        >>> model = zoo.create_model("tcn_tiny", task="series_classification", num_classes=3, features=6)
        >>> model.name
        'tcn_backbone_classifier'
    """
    resolved = registry.architecture_and_size(name)
    if resolved is None:
        return _from_checkpoint(name, pretrained, task, config)
    if pretrained:
        raise InputError(f"{name}: an architecture has no weights: name a checkpoint, or set pretrained=False")
    architecture, size = resolved
    if task is None:
        family = registry.find_without_head(architecture)
        return family.build(family.configure(size, **config))
    kind = find_task(task)
    family = kind.architecture(architecture)
    fields, sizes = _divide(kind, config)
    _check_sizes(kind, sizes, name)
    chosen = {**family.sizes[size], **kind.prefers(family), **fields}
    return kind.create(family, family.config_from(chosen), **{**kind.head, **sizes})


def _from_checkpoint(name: str, pretrained: bool, task: str | None, config: dict[str, Any]) -> keras.Model:
    """Returns a checkpoint's model without its head, or with the head of another task."""
    pipeline = load(name) if pretrained else None
    spec = pipeline.spec if pipeline else locate.read_record(name).spec
    kind = find_task(task or spec.task)
    fields, sizes = _divide(kind, config) if task else (config, {})
    if fields:
        raise InputError(f"{name}: {', '.join(fields)}: fixed by the checkpoint: leave them out")
    family = kind.architecture(spec.architecture)
    built_config = family.config_from(spec.config)
    if task:
        _check_sizes(kind, sizes, name)
        model = kind.create(family, built_config, **{**kind.head, **sizes})
    else:
        model = family.build(built_config)
    if pipeline:
        values = {variable.path: variable for variable in pipeline.model.weights}
        for variable in getattr(model, "backbone", model).weights:
            variable.assign(values[variable.path])
    return model


def _divide(task: Task, config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split into fields of the architecture's config and sizes of the task's head."""
    sizes = {key: value for key, value in config.items() if key in task.head}
    return {key: value for key, value in config.items() if key not in task.head}, sizes


def _check_sizes(task: Task, sizes: dict[str, Any], name: str) -> None:
    """Raise InputError for a size of the head that is missing or out of range."""
    missing = [key for key, default in task.head.items() if default is None and key not in sizes]
    if missing:
        raise InputError(f"{name}: {' and '.join(missing)} missing: {task.name} needs a number")
    for key, value in sizes.items():
        if type(task.head[key]) is bool:
            if type(value) is not bool:
                raise InputError(f"{name}: {key} = {value!r}: give true or false")
        elif key != "head_dropout" and (type(value) is not int or value < (0 if task.head[key] == 0 else 1)):
            raise InputError(f"{name}: {key} = {value!r}: give a whole number, at least 1")
