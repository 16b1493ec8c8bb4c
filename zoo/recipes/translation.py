"""Recipes of translation models: captions."""

import dataclasses

from zoo.recipes.recipe import Recipe
from zoo.training.config import TrainingConfig

# One plan for all families. Size, dropout and label smoothing are those of the Transformer of Wu et al. 2021 (arXiv
# 2105.14462), which had up to 8,000 updates of 4,096 target subwords. These are about 11,000 of 1,000, which take some
# two hours of one core. The moving average of the weights replaces their mean of ten checkpoints.
_PLAN = TrainingConfig(
    epochs=24,
    batch_size=64,
    learning_rate=2e-3,
    warmup=0.1,
    weight_decay=0.01,
    clip_norm=1.0,
    label_smoothing=0.1,
    ema_decay=0.998,
    patience=10,
)
# At most 3 million parameters with a joint vocabulary of 8,000 and tied embeddings.
_FAMILIES: dict[str, dict] = {
    "rnn": {"encoder_units": 264, "decoder_units": 384},
    "lstm": {"encoder_units": 144, "decoder_units": 200},
    "gru": {"encoder_units": 168, "decoder_units": 240},
    "tcn": {"embedding_dim": 128, "hidden_dim": 176},
    "pervasive_attention": {"embedding_dim": 128, "num_layers": 12, "growth_rate": 24},
    "transformer": {
        "hidden_dim": 128,
        "num_heads": 4,
        "ffn_dim": 256,
        "encoder_layers": 4,
        "decoder_layers": 4,
    },
}
# 6e-3 where its loss was lower in a trial (docs/experiments/translation.md).
_RATES = {"lstm": 6e-3, "tcn": 6e-3}
_TESTS = ("test_2017_mscoco", "test_2017_flickr", "test_2016_flickr")


def _recipe(family: str, dataset: str, splits: tuple[str, ...], training_config: TrainingConfig) -> Recipe:
    rate = _RATES.get(family, training_config.learning_rate)
    return Recipe(
        family,
        "small",
        dataset,
        None,
        tuple((dataset, split) for split in splits),
        dataclasses.replace(training_config, learning_rate=rate),
        config={**_FAMILIES[family], "dropout": 0.3 if family != "pervasive_attention" else 0.2},
    )


RECIPES = {f"{family}_small.multi30k_en_de": _recipe(family, "multi30k/en_de", _TESTS, _PLAN) for family in _FAMILIES}
