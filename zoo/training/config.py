"""Training configuration, as plain data."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from zoo.errors import InputError
from zoo.limits import MAX_SEED

SHARES = ("warmup", "label_smoothing", "ema_decay")  # minimum and exclusive maximum of each field
CHOICES = {
    "optimizer": ("adamw", "muon"),
    "schedule": ("cosine", "slanted_triangular"),
    "precision": ("float32", "mixed_bfloat16"),
}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained.

    Attributes:
        epochs: Passes over the training data.
        min_steps: Minimum number of steps; fine-tuning adds epochs for small data to reach it, and its patience grows
            by the same factor.
        batch_size: Rows per batch.
        optimizer: ``"adamw"`` (Loshchilov & Hutter 2019, arXiv 1711.05101), or ``"muon"``, which orthogonalises the
            updates of hidden matrices (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon). Muon needs fewer
            steps, and each takes longer.
        learning_rate: Peak rate after the warm-up; it falls to 0 by a half cosine.
        warmup: Share of all steps in which the rate rises.
        schedule: Decay after the warm-up: ``"cosine"``, or ``"slanted_triangular"``, linear to 1/32.
        layer_lr_decay: Factor by which the rate falls from one group of layers to the group below (Howard & Ruder 2018,
            arXiv 1801.06146, use 2.6); 1 means the same rate for all.
        gradual_unfreezing: Whether the first epoch trains the head alone, and each further epoch one more group of
            layers, from the top down.
        lora_rank: Rank of the low-rank updates (LoRA, Hu et al. 2021, arXiv 2106.09685), which are trained instead of
            the matrices; 0 trains the matrices.
        weight_decay: Decoupled weight decay of all weights except biases and norms.
        clip_norm: Maximum norm of the whole gradient.
        label_smoothing: Share of the target distributed over all symbols.
        ema_decay: Decay of the exponential moving average of the weights.
        patience: Epochs without a better score before training stops; ``None`` runs all epochs.
        seed: Random seed of weights, dropout and order.
        save_seconds: Seconds between two saved states.
        class_balanced: Whether each label of a classifier has the same total weight, instead of each row.
        minutes: Time limit, after which training stops and keeps the best weights; ``None`` means no limit.
        precision: Keras dtype policy in training: ``"float32"``, or ``"mixed_bfloat16"``, which computes in bfloat16
            and keeps weights in float32. bfloat16 is faster on processors with instructions for it (AVX512-BF16, AMX),
            and far slower on others.
        augment: Whether to augment training examples anew in every epoch: varied sounds, and texts with dropped words
            (``zoo.training.augmentation``).
        language_rows: Maximum rows per language and epoch, for data of many languages; 0 means all.

    Raises:
        InputError: A field has the wrong type, or is out of bounds.
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
    language_rows: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, kinds = getattr(self, field.name), typing.get_args(field.type) or (field.type,)
            # An integer is a valid float, but a bool is not.
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
    """Returns a config, or a mapping of fields, with some fields changed.

    Args:
        config: A config; or the fields that differ from the default; ``None`` means no such field.
        changes: Values by field.

    Raises:
        InputError: A field is unknown, has the wrong type, or is out of bounds.
    """
    if not isinstance(config, TrainingConfig):
        return {**(config or {}), **changes}
    unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(TrainingConfig)})
    if unknown:
        raise InputError(f"training config: no field {', '.join(unknown)}: see zoo.training.config.TrainingConfig")
    return dataclasses.replace(config, **changes)
