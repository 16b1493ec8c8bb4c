"""Recipes of models for sounds, series and pixels."""

import dataclasses

from zoo.recipes.recipe import Recipe
from zoo.training.config import TrainingConfig

# There are few recordings; each is augmented in every epoch: speed, shift and noise.
_LOG_MEL = TrainingConfig(epochs=40, batch_size=32, learning_rate=2e-3, ema_decay=0.998, augment=True)
_WAVEFORM = dataclasses.replace(_LOG_MEL, epochs=50)


def _fsdd(dataset: str) -> dict[str, Recipe]:
    """Returns recipes of four families on spoken digits, by the README's split or with one speaker left out."""
    families: dict[str, tuple[TrainingConfig, dict]] = {
        "gru": (_LOG_MEL, {"hidden_dim": 128, "dropout": 0.2}),
        "transformer": (
            dataclasses.replace(_LOG_MEL, learning_rate=1e-3),
            {"hidden_dim": 96, "ffn_dim": 192, "num_layers": 3, "dropout": 0.2},
        ),
        "tcn": (_WAVEFORM, {"embedding_dim": 96, "hidden_dim": 96, "dropout": 0.0}),
        "wavenet": (
            dataclasses.replace(_WAVEFORM, batch_size=16),
            {"hidden_dim": 64, "skip": 128, "rectified": True, "kernel_size": 3, "num_layers": 5, "dropout": 0.0},
        ),
    }
    return {
        f"{name}_small.{dataset.replace('/', '_')}": Recipe(
            name, "small", dataset, None, ((dataset, "test"),), training_config, config=config
        )
        for name, (training_config, config) in families.items()
    }


# 55 training series: a small model of every family trains in a minute.
_ITALY = TrainingConfig(epochs=150, batch_size=16, learning_rate=2e-3, ema_decay=0.98)
_ITALY_FAMILIES = {
    "rnn": {"hidden_dim": 32},
    "lstm": {"hidden_dim": 32},
    "gru": {"hidden_dim": 32},
    "tcn": {"embedding_dim": 32, "hidden_dim": 32, "levels": 3},
    "wavenet": {"hidden_dim": 24, "skip": 48, "num_layers": 3},
    "transformer": {"hidden_dim": 32, "ffn_dim": 64, "num_layers": 2},
    "hierarchical_attention": {"hidden_dim": 32, "ffn_dim": 64, "num_layers": 2, "window": 5, "levels": 2},
    "min_gru": {"hidden_dim": 32, "state_dim": 32, "ffn_dim": 64, "num_layers": 2},
    "lru": {"hidden_dim": 32, "state_dim": 32, "num_layers": 2},
    "rg_lru": {"hidden_dim": 32, "state_dim": 32, "num_heads": 2, "ffn_dim": 64, "num_layers": 2},
}


def _mnist(architecture: str, order: str, training_config: TrainingConfig, config: dict) -> Recipe:
    dataset = f"mnist/{order}"
    return Recipe(architecture, "small", dataset, None, ((dataset, "test"),), training_config, config=config)


# About 66,000 weights, causal. Bai et al. 2018, table 1, have 25 features, 8 levels, 7 taps; multiples of eight suit
# processors better.
_PIXELS = {"embedding_dim": 24, "hidden_dim": 24, "kernel_size": 7, "levels": 8, "causal": True, "dropout": 0.05}
_PIXELS_GRU = {"hidden_dim": 104, "num_layers": 1, "bidirectional": False, "dropout": 0.05}
_MNIST_TCN = TrainingConfig(epochs=7, batch_size=64, learning_rate=4e-3, ema_decay=0.999)
_MNIST_GRU = dataclasses.replace(_MNIST_TCN, learning_rate=5e-3)


RECIPES = {
    **_fsdd("fsdd"),
    **_fsdd("fsdd/speaker"),
    **{
        f"{name}_small.italy_power_demand": Recipe(
            name,
            "small",
            "ucr/italy_power_demand",
            None,
            (("ucr/italy_power_demand", "test"),),
            _ITALY,
            config={**config, "dropout": 0.1},
        )
        for name, config in _ITALY_FAMILIES.items()
    },
    **{
        f"{name}_small.mnist_{order}": _mnist(name, order, training_config, config)
        for order in ("sequential", "permuted")
        for name, training_config, config in (("tcn", _MNIST_TCN, _PIXELS), ("gru", _MNIST_GRU, _PIXELS_GRU))
    },
}
