"""Recipes of pronunciation models: CMUdict, and WikiPron with many languages."""

import dataclasses

from zoo.datasets.wikipron.languages import LANGUAGES, SIGMORPHON_2021
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


# Some 9,000 batches, two hours of one core. Most words are read once, so there is no dropout.
_LANGUAGES = TrainingConfig(
    epochs=6, batch_size=256, optimizer="muon", learning_rate=2e-3, ema_decay=0.999, language_rows=7_000
)


def _wikipron(architecture: str, training_config: TrainingConfig, **config) -> Recipe:
    # No split of the dataset has a word of these test splits.
    tests = [(f"sigmorphon2021/{level}_{name}", code) for name, (level, code) in SIGMORPHON_2021.items()]
    evaluate = (("wikipron", "test"), *((name, "test") for name, code in tests if code in LANGUAGES))
    return Recipe(architecture, "small", "wikipron", None, evaluate, training_config, config=config)


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
    "lstm_small.wikipron": _wikipron("lstm", _LANGUAGES, encoder_units=128, decoder_units=192, dropout=0.0),
    "transformer_small.wikipron": _wikipron("transformer", _LANGUAGES, num_heads=8, relative=16, dropout=0.0),
}
