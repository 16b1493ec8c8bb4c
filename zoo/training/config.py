"""How a model is fitted, and what a checkpoint is made of: plain data."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from zoo.errors import InputError
from zoo.limits import MAX_SEED

SHARES = ("warmup", "label_smoothing", "ema_decay")  # of 1, and below it
CHOICES = {
    "optimizer": ("adamw", "muon"),
    "schedule": ("cosine", "slanted_triangular"),
    "precision": ("float32", "mixed_bfloat16"),
}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a model is fitted.

    Attributes:
        epochs: Passes over the training data.
        min_steps: Fine-tuning passes over few rows more often, until it has made so many steps.
        batch_size: Rows of a batch.
        optimizer: ``"adamw"`` (Loshchilov & Hutter 2019, arXiv 1711.05101), or ``"muon"``, which moves the matrices
            of hidden layers along orthogonal ones (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon):
            fewer steps, each of which takes longer.
        learning_rate: The highest, reached after the warm-up; it falls to 0 by a half cosine.
        warmup: Share of all steps in which the rate rises.
        schedule: How it falls after that: ``"cosine"``, or ``"slanted_triangular"``, in a straight line to 1/32.
        layer_lr_decay: How many times smaller the rate is from one group of layers to the next below (Howard
            & Ruder 2018, arXiv 1801.06146, use 2.6); 1 is one rate for all.
        gradual_unfreezing: Whether the first epoch trains the head alone, and each after that one group of layers
            more, from the top down.
        lora_rank: Rank of the updates of all matrices (Hu et al. 2021, arXiv 2106.09685), which are trained in
            place of the matrices themselves; 0 trains the matrices.
        weight_decay: Decoupled from the gradient, on everything but biases and norms.
        clip_norm: Largest norm of the whole gradient.
        label_smoothing: Share of the target spread over all symbols.
        ema_decay: Momentum of the moving average of the weights.
        patience: Epochs without a better score before training stops; ``None`` runs all.
        seed: Seed of weights, dropout and order.
        save_seconds: Time between two states written.
        class_balanced: Whether a classifier's labels weigh alike, however rare, and not its rows.
        minutes: Time after which training stops within a step and the best weights so far are kept;
            ``None`` sets no limit.
        precision: Keras's dtype policy while training: ``"float32"``, or ``"mixed_bfloat16"``, which
            computes in bfloat16 and keeps weights in float32: faster on processors with instructions for it
            (AVX512-BF16, AMX), and far slower on others.
        augment: Whether sounds are varied, and some words of texts hidden, anew each time that they are trained on
            (``zoo.training.augmentation``).

    Raises:
        InputError: A field is of another type, or out of bounds.
    """

    epochs: int = 16
    min_steps: int = 0
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    warmup: float = 0.05
    schedule: str = "cosine"
    layer_lr_decay: float = 1.0
    gradual_unfreezing: bool = False
    lora_rank: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    ema_decay: float = 0.999
    patience: int | None = None
    seed: int = 1
    save_seconds: float = 60.0
    class_balanced: bool = False
    minutes: float | None = None
    precision: str = "float32"
    augment: bool = False

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, kinds = getattr(self, field.name), typing.get_args(field.type) or (field.type,)
            # A whole number will do for a real one, but true is none.
            if type(value) not in (*kinds, *([int] if float in kinds else [])):
                raise InputError(f"{field.name} = {str(value)[:40]!r} is not of type {kinds[0].__name__}")
            allowed = CHOICES.get(field.name)
            if allowed and value not in allowed:
                raise InputError(f"{field.name} = {value[:40]!r}: there are {', '.join(allowed)}")
            if isinstance(value, int | float):
                least = 1 if field.name in ("epochs", "batch_size") else 0
                below = 1 if field.name in SHARES else MAX_SEED + 1 if field.name == "seed" else math.inf
                if not least <= value < below:
                    raise InputError(f"{field.name} = {value}: expected {least} or more, and less than {below}")


def override(config: TrainingConfig | Mapping[str, Any] | None, changes: Mapping[str, Any]) -> Any:
    """Returns a config with some fields set to other values; of fields that are to change a default, more of them.

    Args:
        config: A config; or the fields that differ from a default, none at all if it is ``None``.
        changes: Values by field.

    Raises:
        InputError: A field is unknown, of another type, or out of bounds.
    """
    if not isinstance(config, TrainingConfig):
        return {**(config or {}), **changes}
    unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(TrainingConfig)})
    if unknown:
        raise InputError(f"training config: no field {', '.join(unknown)}: see zoo.training.config.TrainingConfig")
    return dataclasses.replace(config, **changes)
