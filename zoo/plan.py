"""How a model is fitted, and what a checkpoint is made of: plain data."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a model is fitted.

    Attributes:
        epochs: Passes over the training data.
        least_steps: Fine-tuning passes over few rows more often, until it has made so many steps.
        batch_size: Rows of a batch.
        learning_rate: The highest, reached after the warm-up; it falls to 0 by a half cosine.
        warmup: Share of all steps in which the rate rises.
        schedule: How it falls after that: ``"cosine"``, or ``"triangular"``, in a straight line to 1/32.
        rate_decay: How many times smaller the rate is from one group of layers to the next below (Howard
            & Ruder 2018, arXiv 1801.06146, use 2.6); 1 is one rate for all.
        unfreeze: Whether the first epoch trains the head alone, and each after that one group of layers
            more, from the top down.
        lora: Rank of the updates of all matrices (Hu et al. 2021, arXiv 2106.09685), which are trained in
            place of the matrices themselves; 0 trains the matrices.
        weight_decay: AdamW's, on everything but biases and norms.
        clip_norm: Largest norm of the whole gradient.
        label_smoothing: Share of the target spread over all symbols.
        average: Momentum of the moving average of the weights.
        patience: Epochs without a better score before training stops; ``None`` runs all.
        seed: Seed of weights, dropout and order.
        save_seconds: Time between two states written.
        balance: Whether a classifier's labels weigh alike, however rare, and not its rows.
        minutes: Time after which training stops within a step and the best weights so far are kept;
            ``None`` sets no limit.
        precision: Keras's dtype policy while training: ``"float32"``, or ``"mixed_bfloat16"``, which
            computes in bfloat16 and keeps weights in float32: faster on processors with instructions for it
            (AVX512-BF16, AMX), and far slower on others.
        augment: Whether sounds are varied, and some words of texts hidden, anew each time that they are trained on
            (``zoo.augmentation``).
    """

    epochs: int = 16
    least_steps: int = 0
    batch_size: int = 128
    learning_rate: float = 1e-3
    warmup: float = 0.05
    schedule: str = "cosine"
    rate_decay: float = 1.0
    unfreeze: bool = False
    lora: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    average: float = 0.999
    patience: int | None = None
    seed: int = 1
    save_seconds: float = 60.0
    balance: bool = False
    minutes: float | None = None
    precision: str = "float32"
    augment: bool = False


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What ``zoo train`` needs to make a checkpoint.

    Attributes:
        architecture: One that can do the dataset's task.
        size: One of its sizes.
        dataset: Name of the dataset.
        exclude: ``(dataset, split)`` whose inputs are taken out of the training data, because the
            checkpoint is measured on them; ``None`` takes out nothing.
        evaluate: ``(dataset, split)`` measured once at the end.
        plan: How it is fitted.
        expected: Scores by name that the recipe has reached on the last of ``evaluate``; none if it has
            not been run to its end yet.
        config: Fields that differ from the size's.
    """

    architecture: str
    size: str
    dataset: str
    exclude: tuple[str, str] | None
    evaluate: tuple[tuple[str, str], ...]
    plan: Plan
    expected: dict[str, float] = dataclasses.field(default_factory=dict)
    config: dict = dataclasses.field(default_factory=dict)
