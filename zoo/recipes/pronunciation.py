"""Recipes of pronunciation models: CMUdict."""

import dataclasses

from zoo.recipes.recipe import Recipe
from zoo.training.config import TrainingConfig


def _cmudict(architecture: str, training_config: TrainingConfig, size: str = "small", **config) -> Recipe:
    return Recipe(
        architecture,
        size,
        "cmudict",
        ("cmudict/published", "test"),
        (("cmudict", "test"), ("cmudict/published", "test")),
        training_config,
        config=config,
    )


# The numbers of epochs suit two CPU cores.
_RECURRENT = TrainingConfig(epochs=30, batch_size=64, learning_rate=1e-3, ema_decay=0.9995)
_RECURRENT_MUON = TrainingConfig(epochs=30, batch_size=128, optimizer="muon", learning_rate=2e-3, ema_decay=0.999)


RECIPES = {
    "rnn_small.cmudict": _cmudict("rnn", _RECURRENT, dropout=0.15),
    "lstm_small.cmudict": _cmudict("lstm", dataclasses.replace(_RECURRENT_MUON, epochs=26), dropout=0.2),
    "gru_small.cmudict": _cmudict("gru", _RECURRENT_MUON, dropout=0.15),
    # A seventh of the other models' weights, for speed.
    "lstm_tiny.cmudict": _cmudict(
        "lstm",
        dataclasses.replace(_RECURRENT, epochs=22, learning_rate=3e-3),
        size="tiny",
        embedding_dim=64,
        encoder_units=64,
        encoder_layers=2,
        decoder_units=128,
        attention="gnmt",
        dropout=0.0,
    ),
    "transformer_small.cmudict": _cmudict(
        "transformer",
        TrainingConfig(epochs=32, batch_size=256, optimizer="muon", learning_rate=2e-3, ema_decay=0.999),
        num_heads=8,
        relative=16,
    ),
}
