"""Recipes of models for texts: commands, reviews, plain English."""

import dataclasses

from zoo.recipes.recipe import Corpus, Recipe
from zoo.training.config import TrainingConfig

_SNIPS = TrainingConfig(epochs=25, batch_size=64, learning_rate=3e-3, ema_decay=0.998, augment=True)


def _snips(architecture: str, **config) -> Recipe:
    return Recipe(architecture, "small", "snips", None, (("snips", "test"),), _SNIPS, config=config)


# Film reviews of any length: full reviews, their last sentences, and phrases. One budget for all families: the same
# epochs, batches, subwords and embedding size.
_FILM_REVIEWS = TrainingConfig(epochs=3, batch_size=64, learning_rate=2e-3, ema_decay=0.998)


def _film_reviews(architecture: str, **config) -> Recipe:
    evaluate = tuple(("film_reviews", split) for split in ("test_sentences", "test_reviews"))
    return Recipe(architecture, "small", "film_reviews", evaluate[0], evaluate, _FILM_REVIEWS, config=config)


# Language models: the same 20 million subwords in the same order, 3.7 million parameters each. On 2 % of the budget,
# 4e-3 gave the Transformer the lowest loss among 1e-3, 2e-3 and 4e-3. The other rates are from 5 % of the budget
# (docs/experiments/language_models.md).
_ENGLISH = TrainingConfig(
    epochs=20,
    batch_size=32,
    optimizer="muon",
    warmup=0.03,
    weight_decay=0.05,
    label_smoothing=0.0,
    ema_decay=0.99,
    save_seconds=300.0,
)
_ENGLISH_FAMILIES = {
    "lstm": {"hidden_dim": 256, "num_layers": 3, "residual": True},
    "tcn": {"embedding_dim": 256, "hidden_dim": 256, "kernel_size": 2, "levels": 6, "norm": True},
    "transformer": {"hidden_dim": 256, "num_heads": 4, "ffn_dim": 512, "num_layers": 3, "context": 256},
}
_ENGLISH_RATES = {"lstm": 1e-2, "tcn": 1e-2, "transformer": 4e-3}


# Reviews again, from a language model and without the treebank of phrases: a start for opinions of any kind.
_FROM_ENGLISH = TrainingConfig(
    epochs=2,
    batch_size=32,
    learning_rate=5e-4,
    warmup=0.1,
    schedule="slanted_triangular",
    layer_lr_decay=1.3,
    ema_decay=0.998,
)


def _imdb_reviews(architecture: str) -> Recipe:
    evaluate = tuple(("imdb_reviews/any_length", split) for split in ("test_sentences", "test_reviews"))
    return Recipe(
        architecture,
        "small",
        "imdb_reviews/any_length",
        None,
        evaluate,
        _FROM_ENGLISH,
        config={"dropout": 0.2},
        language_model=f"{architecture}_small.english",
        ngrams=True,
    )


RECIPES = {
    "lstm_small.snips": _snips("lstm", hidden_dim=192, dropout=0.4),
    "gru_small.snips": _snips("gru", hidden_dim=192, dropout=0.4),
    "tcn_small.snips": _snips("tcn", dropout=0.3),
    "transformer_small.snips": _snips("transformer", dropout=0.2),
    "rnn_small.film_reviews": _film_reviews("rnn", hidden_dim=128, num_layers=1, dropout=0.4),
    "lstm_small.film_reviews": _film_reviews("lstm", hidden_dim=128, num_layers=1, dropout=0.4),
    "gru_small.film_reviews": _film_reviews("gru", hidden_dim=128, num_layers=1, dropout=0.4),
    "tcn_small.film_reviews": _film_reviews("tcn", embedding_dim=128, hidden_dim=96, levels=4, dropout=0.3),
    "transformer_small.film_reviews": _film_reviews(
        "transformer", hidden_dim=128, num_heads=2, ffn_dim=256, num_layers=2, dropout=0.3
    ),
    "transformer_small.imdb_reviews": _imdb_reviews("transformer"),
    "lstm_small.imdb_reviews": _imdb_reviews("lstm"),
    "hierarchical_attention_network_small.film_reviews": _film_reviews(
        "hierarchical_attention_network", embedding_dim=128, units=64, dropout=0.4
    ),
    **{
        f"{name}_small.english": Recipe(
            name,
            "small",
            "english",
            None,
            (("wikitext2", "test"), ("english", "test")),
            dataclasses.replace(_ENGLISH, learning_rate=_ENGLISH_RATES[name]),
            config={"dropout": 0.0, **config},
            corpus=Corpus(tokens=20_000_000),
        )
        for name, config in _ENGLISH_FAMILIES.items()
    },
}
