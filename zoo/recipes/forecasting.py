"""Recipes of forecasters: one budget for all families, the same synthetic and real series in the same order."""

from zoo.recipes.recipe import Recipe, SeriesMix
from zoo.training.config import TrainingConfig

SOURCES = (
    "m4_hourly",
    "m4_weekly",
    "tsdl",
    "gefcom2012_load",
    "gefcom2012_temp",
    "nngc1",
    "pbs",
    "aus_livestock",
    "aus_retail",
    "nsw_offences",
    "bank_calls",
    "nab_real",
)
HELD_OUT = ("m1", "us_employment", "ett_h1", "ett_h2", "exchange_rate")
# Passengers of airlines per month, 1958 to 1960, in thousands (Box & Jenkins 1976, series G).
EXAMPLE = (340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407)
EXAMPLE += (362, 405, 417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432)
_MIX = SeriesMix(
    tuple(f"time_series/{name}" for name in SOURCES),
    tuple(f"time_series/{name}" for name in HELD_OUT),
    steps=800,
)
_TRAINING = TrainingConfig(
    epochs=2, batch_size=32, learning_rate=3e-3, warmup=0.05, label_smoothing=0.0, ema_decay=0.99, save_seconds=60.0
)
_FAMILIES = {
    "rnn": {"hidden_dim": 128, "num_layers": 2},
    "lstm": {"hidden_dim": 96, "num_layers": 2},
    "gru": {"hidden_dim": 96, "num_layers": 2},
    "tcn": {"embedding_dim": 96, "hidden_dim": 96, "kernel_size": 3, "levels": 4},
    "wavenet": {"hidden_dim": 64, "skip": 128, "num_layers": 6, "stacks": 1},
    "transformer": {"hidden_dim": 96, "num_heads": 4, "ffn_dim": 192, "num_layers": 2, "context": 64},
    "hierarchical_attention": {
        "hidden_dim": 96,
        "num_heads": 4,
        "ffn_dim": 192,
        "num_layers": 2,
        "window": 8,
        "levels": 2,
    },
    "min_gru": {"hidden_dim": 96, "state_dim": 160, "ffn_dim": 192, "num_layers": 2},
    "lru": {"hidden_dim": 96, "state_dim": 96, "num_layers": 3},
    "rg_lru": {"hidden_dim": 96, "state_dim": 128, "ffn_dim": 192, "num_layers": 2},
}
RECIPES = {
    f"{name}_small.forecasting": Recipe(
        name,
        "small",
        "time_series",
        None,
        (),
        _TRAINING,
        config={"dropout": 0.0, **config},
        series=_MIX,
    )
    for name, config in _FAMILIES.items()
}
