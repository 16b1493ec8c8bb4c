"""Every checkpoint's recipe: plain data, with the score it is expected to reach."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a model is fitted.

    Attributes:
        epochs: Passes over the training data.
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
            computes in bfloat16 and keeps weights in float32.
        augment: Whether sounds are varied anew each time that they are trained on (``zoo.augmentation``).
    """

    epochs: int = 16
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
    expected: dict[str, float]
    config: dict = dataclasses.field(default_factory=dict)


def _cmudict(architecture: str, plan: Plan, expected: dict[str, float]) -> Recipe:
    return Recipe(
        architecture,
        "small",
        "cmudict",
        ("cmudict/published", "test"),
        (("cmudict", "test"), ("cmudict/published", "test")),
        plan,
        expected,
    )


# The recurrent recipes differ in the cell alone. Rates and lengths are what two CPU cores allow.
_RECURRENT = Plan(epochs=20, batch_size=64, learning_rate=2e-3, average=0.9995, precision="mixed_bfloat16")

_SNIPS = Plan(epochs=25, batch_size=64, learning_rate=3e-3, average=0.998, precision="mixed_bfloat16")


def _snips(architecture: str, expected: dict[str, float], **config) -> Recipe:
    return Recipe(architecture, "small", "snips", None, (("snips", "test"),), _SNIPS, expected, config)


# One budget for all families: the same epochs, batches, subwords and size of embedding.
_IMDB = Plan(epochs=6, batch_size=64, learning_rate=2e-3, average=0.998, precision="mixed_bfloat16")


def _imdb(architecture: str, expected: dict[str, float], **config) -> Recipe:
    return Recipe(architecture, "small", "imdb_reviews", None, (("imdb_reviews", "test"),), _IMDB, expected, config)


RECIPES = {
    "rnn_small.cmudict": _cmudict("rnn", _RECURRENT, {}),
    "lstm_small.cmudict": _cmudict("lstm", _RECURRENT, {"wer_no_stress": 0.236, "per_no_stress": 0.055}),
    "gru_small.cmudict": _cmudict("gru", _RECURRENT, {}),
    "transformer_small.cmudict": _cmudict(
        "transformer",
        Plan(epochs=26, batch_size=128, learning_rate=1.5e-3, average=0.9995, precision="mixed_bfloat16"),
        {},
    ),
    "lstm_small.snips": _snips("lstm", {"slot_f1": 0.919, "intent_accuracy": 0.981}, width=192, dropout=0.4),
    "gru_small.snips": _snips("gru", {"slot_f1": 0.918, "intent_accuracy": 0.979}, width=192, dropout=0.4),
    "tcn_small.snips": _snips("tcn", {}, dropout=0.3),
    "transformer_small.snips": _snips("transformer", {"slot_f1": 0.897, "intent_accuracy": 0.981}, dropout=0.2),
    "rnn_small.imdb_reviews": _imdb("rnn", {}, width=128, layers=1, dropout=0.4),
    "lstm_small.imdb_reviews": _imdb("lstm", {}, width=128, layers=1, dropout=0.4),
    "gru_small.imdb_reviews": _imdb("gru", {}, width=128, layers=1, dropout=0.4),
    "tcn_small.imdb_reviews": _imdb("tcn", {}, embedding=128, width=96, levels=4, dropout=0.3),
    "transformer_small.imdb_reviews": _imdb(
        "transformer", {}, width=128, heads=4, feed_forward=256, layers=2, dropout=0.2
    ),
    "hierarchical_attention_network_small.imdb_reviews": _imdb(
        "hierarchical_attention_network", {}, embedding=128, units=64, dropout=0.4
    ),
}
