"""Pretraining on token shards: every family reads the same ids in the same order."""

import random
from pathlib import Path

import numpy as np
from keras import ops

from zoo import datasets
from zoo.backends import cluster
from zoo.backends.compile import program
from zoo.backends.seeding import seed_everything
from zoo.data.token_shards import TokenShards, open_shards, write_shards
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.recipes.recipe import Recipe
from zoo.tasks import find_task
from zoo.tasks.language_modelling import nats_of_steps
from zoo.training import distributed
from zoo.training.trainer import Trainer
from zoo.training.windows import Windows

_LEARNED_ON = 3  # one in this many texts is used to learn the subwords
_VALIDATED = 320  # windows of the validation part


def shards(recipe: Recipe, folder: Path) -> TokenShards:
    """Returns the shards of a recipe's dataset; the first call writes them into ``folder``.

    The training texts are shuffled with seed 1, and every third is used to learn the vocabulary.

    Args:
        recipe: A recipe with a corpus.
        folder: Parent folder of the shards; each dataset and vocabulary size has its own folder.

    Raises:
        InputError: The dataset's files are missing, or the shards are damaged.
    """
    assert recipe.corpus is not None
    place = folder / f"{recipe.dataset.replace('/', '_')}_{recipe.corpus.vocab_size}"
    found = open_shards(place)
    if found is not None:
        return found
    texts = {split: list(datasets.load(recipe.dataset, split).inputs) for split in ("train", "validation", "test")}
    random.Random(1).shuffle(texts["train"])
    tokenizer = ByteSubwords.learn(texts["train"][::_LEARNED_ON], recipe.corpus.vocab_size)
    return write_shards(place, texts, tokenizer, SEPARATOR)


def setup(recipe: Recipe, found: TokenShards, folder: Path, resume_command: str) -> tuple[Pipeline, Trainer]:
    """Returns a model with random weights and a trainer that reads shards.

    Args:
        recipe: A recipe with a corpus.
        found: Shards of the dataset.
        folder: Folder of the state.
        resume_command: Command that resumes the run.
    """
    corpus, training_config = recipe.corpus, recipe.training_config
    assert corpus is not None
    task = find_task(datasets.entry(recipe.dataset).task)
    family = task.architecture(recipe.architecture)
    tokenizer = ByteSubwords.from_json(found.tokenizer, f"{found.folder}: tokenizer")
    preprocessor = SubwordTextPreprocessor(tokenizer, corpus.context)
    seed_everything(training_config.seed)
    spec = task.spec(family, recipe.size, preprocessor, {**family.sizes[recipe.size], **recipe.config})
    pipeline = Pipeline(spec, dtype=training_config.precision)
    windows = Windows(
        found.split("train"),
        tokenizer.size,
        corpus.context,
        SEPARATOR,
        training_config.batch_size,
        training_config.epochs,
        corpus.tokens,
        training_config.seed,
        corpus.sampled,
    )
    validate = _validation(pipeline, found.split("validation"), corpus.context, training_config.batch_size)
    trainer = distributed.make_trainer(
        pipeline.model,
        windows,
        validate,
        task.monitor,
        training_config,
        task.loss(training_config),
        folder,
        resume_command,
    )
    trainer.data = found.fingerprint
    return pipeline, trainer


def _validation(pipeline: Pipeline, ids: np.ndarray, context: int, batch_size: int):
    """Returns a function that scores the same windows of the validation part each time, in nats per subword."""
    count = len(ids) // context
    chosen = np.random.default_rng(0).permutation(count)[:_VALIDATED]
    rows = np.asarray(ids[: count * context]).astype("int32").reshape(count, context)[chosen]
    rows = np.concatenate([np.full((len(rows), 1), SEPARATOR, "int32"), rows], axis=1)

    function = program(pipeline.model, nats_of_steps, pipeline.preprocessor.first_output)

    def validate() -> dict[str, float]:
        parts = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
        nats = cluster.spread(lambda some: [ops.convert_to_numpy(function(p)).astype("float64") for p in some], parts)
        return {"nats": float(np.concatenate(nats).mean())}

    return validate
