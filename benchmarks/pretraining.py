"""Measure a training step of the English language models with sampled and with full softmax.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/pretraining.py

Prints CPU seconds of this process for a batch of 32 windows of 256 subwords, the best of five steps, with the ratio to
the sampled softmax in brackets. The other columns belong to the sampled softmax: subwords per second, and FLOPs per
second of the model's matrix products as a share of what a product of two large matrices reaches on this machine. Ids
are drawn from a Zipf distribution; they do not affect the cost.
"""

import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402

from zoo.analysis import costs  # noqa: E402
from zoo.analysis.profiling import best, measure_roofline  # noqa: E402
from zoo.builder import create_model  # noqa: E402
from zoo.recipes.recipes import RECIPES  # noqa: E402
from zoo.training.layer_groups import hidden_matrices  # noqa: E402
from zoo.training.losses import SmoothedCrossentropy  # noqa: E402
from zoo.training.optimizers import make_optimizer  # noqa: E402
from zoo.training.windows import Windows  # noqa: E402

FAMILIES = ("lstm", "tcn", "transformer")


def step(family: str, sampled: int) -> tuple[float, float]:
    """Returns the CPU time of a training step and its FLOPs, with a number of ids in the softmax; 0 means all."""
    recipe = RECIPES[f"{family}_small.english"]
    corpus, config = recipe.corpus, recipe.training_config
    assert corpus is not None
    sizes = {"vocab_size": corpus.vocab_size, "output_dim": corpus.vocab_size, "tied": True}
    model = create_model(f"{family}_small", task="language_modelling", **sizes, **recipe.config)
    variables, counts = model.trainable_variables, hidden_matrices(model)
    matrices = [counts.get(variable.path, 0) for variable in variables]
    optimizer = make_optimizer(config, config.learning_rate, [1.0] * len(variables), matrices)
    model.compile(optimizer, SmoothedCrossentropy(0.0))
    ids = np.random.default_rng(0).zipf(1.3, 1_000_000).clip(2, corpus.vocab_size - 1).astype("uint16")
    tokens = 20 * config.batch_size * corpus.context
    windows = Windows(ids, corpus.vocab_size, corpus.context, 1, config.batch_size, 1, tokens, 1, sampled)
    batches = itertools.cycle(windows.epoch(0))
    seconds = best(lambda: model.train_on_batch(*next(batches)), clock=time.process_time, repeats=5)
    work = costs.Work(config.batch_size, corpus.context)
    logits = costs.product(work.positions, model.backbone.hidden_dim, sampled or corpus.vocab_size)
    return seconds, costs.training(model.backbone, work).flops + 3 * logits.flops


def main() -> None:
    limit = measure_roofline(time.process_time).flops
    print(f"a product of two matrices: {limit / 1e9:.0f} GFLOP/s\n")
    print("| family | sampled softmax, s | full softmax, s | subwords per s | GFLOP/s | share |")
    print("|---|---:|---:|---:|---:|---:|")
    for family in FAMILIES:
        recipe = RECIPES[f"{family}_small.english"]
        corpus, rows = recipe.corpus, recipe.training_config.batch_size
        assert corpus is not None
        (sampled, flops), (full, _) = (step(family, count) for count in (corpus.sampled, 0))
        speed = f"{rows * corpus.context / sampled:,.0f} | {flops / sampled / 1e9:.0f} | {flops / sampled / limit:.0%}"
        print(f"| {family} | {sampled:.2f} | {full:.2f} ({full / sampled:.2f}) | {speed} |", flush=True)


if __name__ == "__main__":
    main()
