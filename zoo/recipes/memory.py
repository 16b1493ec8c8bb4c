"""Recipes of the memory tasks: adding and copying."""

import dataclasses

from zoo.recipes.recipe import Recipe
from zoo.training.config import TrainingConfig


def _families(
    dataset: str, training_config: TrainingConfig, families: dict[str, dict], tcn: TrainingConfig | None = None
) -> dict[str, Recipe]:
    """Returns a recipe per family, at the sizes of Bai et al. 2018 (arXiv 1803.01271, tables 1 to 3).

    Attention to all pairs of steps takes about eight times as long per step, and linear recurrences up to three times,
    so these families get at most 8 epochs.
    ``tcn`` is the TCN's own training config, if any.
    """
    fewer = dataclasses.replace(training_config, epochs=min(training_config.epochs, 8))
    slow = ("transformer", "hierarchical_attention", "min_gru", "lru", "rg_lru")
    return {
        f"{architecture}_tiny.{dataset.replace('/', '_')}": Recipe(
            architecture,
            "tiny",
            dataset,
            None,
            ((dataset, "test"),),
            tcn if tcn and architecture == "tcn" else fewer if architecture in slow else training_config,
            config={"dropout": 0.0, **config},
        )
        for architecture, config in families.items()
    }


# Eigenvalues of the LRU at initialization: a state keeps 37 to 0.004 % of itself over 1,000 steps.
_LONG = {"min_radius": 0.99, "max_radius": 0.999}
# About 70,000 parameters each; attention and convolutions see the whole sequence.
_ADDING = {
    "rnn": {"hidden_dim": 186, "num_layers": 1},
    "lstm": {"hidden_dim": 92, "num_layers": 1},
    "gru": {"hidden_dim": 106, "num_layers": 1},
    "tcn": {"embedding_dim": 2, "hidden_dim": 24, "kernel_size": 8, "levels": 8},
    "wavenet": {"hidden_dim": 32, "skip": 32, "num_layers": 10, "stacks": 1},
    "transformer": {"hidden_dim": 56, "num_heads": 1, "ffn_dim": 180, "num_layers": 2, "context": 600},
    "hierarchical_attention": {
        "hidden_dim": 56,
        "num_heads": 1,
        "ffn_dim": 160,
        "num_layers": 2,
        "window": 32,
        "levels": 2,
    },
    "min_gru": {"hidden_dim": 64, "state_dim": 80, "ffn_dim": 112, "num_layers": 2},
    "lru": {"hidden_dim": 64, "state_dim": 100, "num_layers": 2, **_LONG},
    "rg_lru": {"hidden_dim": 64, "state_dim": 80, "num_heads": 4, "ffn_dim": 80, "num_layers": 2},
}
# About 16,000 parameters each.
_COPY = {
    "rnn": {"hidden_dim": 84, "num_layers": 1},
    "lstm": {"hidden_dim": 44, "num_layers": 1},
    "gru": {"hidden_dim": 50, "num_layers": 1},
    "tcn": {"embedding_dim": 10, "hidden_dim": 10, "kernel_size": 8, "levels": 8},
    "wavenet": {"hidden_dim": 16, "skip": 12, "num_layers": 10, "stacks": 1},
    "transformer": {"hidden_dim": 32, "num_heads": 1, "ffn_dim": 48, "num_layers": 2, "context": 1_020},
    "hierarchical_attention": {
        "hidden_dim": 32,
        "num_heads": 1,
        "ffn_dim": 32,
        "num_layers": 2,
        "window": 32,
        "levels": 2,
    },
    "min_gru": {"hidden_dim": 32, "state_dim": 32, "ffn_dim": 64, "num_layers": 2},
    "lru": {"hidden_dim": 24, "state_dim": 64, "num_layers": 2, **_LONG},
    "rg_lru": {"hidden_dim": 32, "state_dim": 32, "num_heads": 2, "ffn_dim": 32, "num_layers": 2},
}
_ADDING_TRAINING = TrainingConfig(epochs=3, batch_size=32, learning_rate=2e-3, weight_decay=0.0, ema_decay=0.99)
_COPY_TRAINING = TrainingConfig(
    epochs=20, batch_size=32, learning_rate=2e-3, weight_decay=0.0, ema_decay=0.99, label_smoothing=0.0
)

# The TCN still improves after the gated networks have converged; it gets the epochs of Bai et al.'s script.
_ADDING_TCN = dataclasses.replace(_ADDING_TRAINING, epochs=10)


RECIPES = {
    **_families("adding/t200", _ADDING_TRAINING, _ADDING, dataclasses.replace(_ADDING_TCN, learning_rate=4e-3)),
    **_families("adding/t600", _ADDING_TRAINING, _ADDING, _ADDING_TCN),
    **_families("copy_memory/t500", _COPY_TRAINING, _COPY),
    **_families("copy_memory/t1000", _COPY_TRAINING, _COPY),
}
