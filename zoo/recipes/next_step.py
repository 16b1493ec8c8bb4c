"""Recipes of next-step models: music and characters."""

import dataclasses

from zoo.recipes.recipe import Recipe
from zoo.training.config import TrainingConfig

# Within a dataset all families have about the same number of weights. They share a training config, or on the chorales
# use the best of several by validation (docs/guide/causal.md).


def _families(
    dataset: str,
    splits: tuple[str, ...],
    training_config: TrainingConfig,
    configs: dict[str, dict],
    others: dict[str, TrainingConfig] | None = None,
) -> dict[str, Recipe]:
    """Returns a recipe per family; ``others`` has the training configs of families with their own."""
    measured = tuple((dataset, split) for split in splits)
    return {
        f"{family}_small.{dataset}": Recipe(
            family, "small", dataset, None, measured, (others or {}).get(family, training_config), config=config
        )
        for family, config in configs.items()
    }


_CHORALES = TrainingConfig(
    epochs=80, batch_size=4, learning_rate=2e-3, weight_decay=0.05, clip_norm=5.0, ema_decay=0.99
)
_FEWER_STEPS = dataclasses.replace(_CHORALES, epochs=120, batch_size=8, learning_rate=5e-3, ema_decay=0.98)
_LARGER_STEPS = dataclasses.replace(_FEWER_STEPS, learning_rate=1e-2)
_JSB_CHORALES = _families(
    "jsb_chorales",
    ("test",),
    _CHORALES,
    {
        "rnn": {"hidden_dim": 256, "num_layers": 2, "dropout": 0.3},
        "lstm": {"hidden_dim": 176, "num_layers": 1, "dropout": 0.4},
        "gru": {"hidden_dim": 200, "num_layers": 1, "dropout": 0.2},
        "tcn": {"embedding_dim": 150, "hidden_dim": 150, "kernel_size": 3, "levels": 2, "dropout": 0.45},
        "wavenet": {"hidden_dim": 96, "skip": 128, "num_layers": 4, "stacks": 1, "dropout": 0.5},
        "transformer": {
            "hidden_dim": 96,
            "num_heads": 4,
            "ffn_dim": 256,
            "num_layers": 3,
            "context": 64,
            "dropout": 0.45,
        },
        "hierarchical_attention": {
            "hidden_dim": 96,
            "num_heads": 4,
            "ffn_dim": 256,
            "num_layers": 3,
            "window": 8,
            "levels": 2,
            "dropout": 0.4,
        },
        # One trial each, with the config below that suits most families.
        "min_gru": {"hidden_dim": 96, "state_dim": 160, "ffn_dim": 192, "num_layers": 3, "dropout": 0.4},
        "lru": {"hidden_dim": 112, "state_dim": 136, "num_layers": 3, "dropout": 0.4},
        "rg_lru": {
            "hidden_dim": 96,
            "state_dim": 112,
            "num_heads": 4,
            "ffn_dim": 176,
            "num_layers": 3,
            "dropout": 0.4,
        },
    },
    {
        "lstm": _LARGER_STEPS,
        "tcn": _LARGER_STEPS,
        "hierarchical_attention": _LARGER_STEPS,
        "wavenet": _FEWER_STEPS,
        "transformer": _FEWER_STEPS,
        "min_gru": _FEWER_STEPS,
        "lru": _FEWER_STEPS,
        "rg_lru": _FEWER_STEPS,
    },
)

_TUNES = TrainingConfig(
    epochs=40,
    batch_size=2,
    learning_rate=4e-3,
    weight_decay=0.05,
    clip_norm=5.0,
    ema_decay=0.998,
)
# Fewer and smaller steps validated better.
_FEWER_TUNES = dataclasses.replace(_TUNES, epochs=20, batch_size=8, learning_rate=2e-3)
_NOTTINGHAM = _families(
    "nottingham",
    ("test",),
    _TUNES,
    {
        "rnn": {"hidden_dim": 448, "num_layers": 2, "dropout": 0.3},
        "lstm": {"hidden_dim": 256, "num_layers": 2, "dropout": 0.3},
        "gru": {"hidden_dim": 288, "num_layers": 2, "dropout": 0.3},
        "tcn": {"embedding_dim": 150, "hidden_dim": 150, "kernel_size": 5, "levels": 5, "dropout": 0.2},
        "wavenet": {"hidden_dim": 128, "skip": 128, "num_layers": 8, "stacks": 1, "dropout": 0.2},
        "transformer": {
            "hidden_dim": 144,
            "num_heads": 6,
            "ffn_dim": 576,
            "num_layers": 4,
            "context": 256,
            "dropout": 0.2,
        },
        "hierarchical_attention": {
            "hidden_dim": 144,
            "num_heads": 6,
            "ffn_dim": 576,
            "num_layers": 4,
            "window": 16,
            "levels": 2,
            "dropout": 0.2,
        },
    },
    {"rnn": _FEWER_TUNES, "wavenet": _FEWER_TUNES},
)

_TINY_SHAKESPEARE = _families(
    "tiny_shakespeare",
    ("validation", "test"),
    TrainingConfig(
        epochs=10,
        batch_size=16,
        learning_rate=3e-3,
        weight_decay=0.05,
        label_smoothing=0.0,
        ema_decay=0.995,
    ),
    {
        "rnn": {"hidden_dim": 512, "num_layers": 2, "dropout": 0.2},
        "lstm": {"hidden_dim": 320, "num_layers": 2, "dropout": 0.2},
        "gru": {"hidden_dim": 368, "num_layers": 2, "dropout": 0.2},
        "tcn": {"embedding_dim": 192, "hidden_dim": 192, "kernel_size": 3, "levels": 6, "dropout": 0.15},
        "wavenet": {"hidden_dim": 112, "skip": 256, "num_layers": 8, "stacks": 2, "dropout": 0.1},
        "transformer": {
            "hidden_dim": 160,
            "num_heads": 5,
            "ffn_dim": 640,
            "num_layers": 5,
            "context": 256,
            "dropout": 0.1,
        },
        "hierarchical_attention": {
            "hidden_dim": 160,
            "num_heads": 5,
            "ffn_dim": 640,
            "num_layers": 5,
            "window": 16,
            "levels": 2,
            "dropout": 0.1,
        },
    },
)


RECIPES = {**_JSB_CHORALES, **_NOTTINGHAM, **_TINY_SHAKESPEARE}
