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
from zoo.errors import InputError
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import SEPARATOR, ByteSubwords
from zoo.preprocessing.token_text import SubwordTextPreprocessor
from zoo.recipes.recipe import Recipe
from zoo.tasks import find_task
from zoo.tasks.language_modelling import nats_of_steps
from zoo.training import distributed
from zoo.training.config import TrainingConfig
from zoo.training.layer_groups import LayerGroups
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
    opened = open_shards(place)
    if opened is not None:
        return opened
    texts = {split: list(datasets.load(recipe.dataset, split).inputs) for split in ("train", "validation", "test")}
    random.Random(1).shuffle(texts["train"])
    tokenizer = ByteSubwords.learn(texts["train"][::_LEARNED_ON], recipe.corpus.vocab_size)
    return write_shards(place, texts, tokenizer, SEPARATOR)


def setup(recipe: Recipe, token_shards: TokenShards, folder: Path, resume_command: str) -> tuple[Pipeline, Trainer]:
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
    tokenizer = ByteSubwords.from_json(token_shards.tokenizer, f"{token_shards.folder}: tokenizer")
    preprocessor = SubwordTextPreprocessor(tokenizer, corpus.context)
    seed_everything(training_config.seed)
    spec = task.spec(family, recipe.size, preprocessor, {**family.sizes[recipe.size], **recipe.config})
    pipeline = Pipeline(spec, dtype=training_config.precision)
    return pipeline, make_trainer(
        pipeline, token_shards, training_config, corpus.tokens, folder, resume_command, sampled=corpus.sampled
    )


def make_trainer(
    pipeline: Pipeline,
    token_shards: TokenShards,
    training_config: TrainingConfig,
    tokens: int,
    folder: Path | None,
    resume_command: str,
    sampled: int = 0,
    groups: LayerGroups | None = None,
) -> Trainer:
    """Returns a trainer of a language model that reads shards.

    Args:
        pipeline: The model.
        found: The shards.
        training_config: The training config.
        tokens: Number of ids that all epochs read together.
        folder: Folder of the state; ``None`` keeps none.
        resume_command: Command that resumes the run.
        sampled: Ids of the sampled softmax per batch; 0 uses the whole vocabulary.
        groups: Layer groups, for a learning rate per layer.

    Raises:
        InputError: A split is missing, or shorter than a window or than a batch per epoch.
    """
    preprocessor, task = pipeline.preprocessor, pipeline.task
    context, batch_size = preprocessor.context, training_config.batch_size
    ids = token_shards.split("train")
    epochs, seed = training_config.epochs, training_config.seed
    try:
        windows = Windows(ids, preprocessor.size, context, SEPARATOR, batch_size, epochs, tokens, seed, sampled)
    except ValueError as error:
        raise InputError(f"{token_shards.folder}: {len(ids):,} subwords of train: {error}") from None
    if len(token_shards.split("validation")) < context:
        raise InputError(f"{token_shards.folder}: validation is shorter than a window of {context} subwords: add texts")
    trainer = distributed.make_trainer(
        pipeline.model,
        windows,
        _validation(pipeline, token_shards.split("validation"), context, batch_size),
        task.monitor,
        training_config,
        task.loss(training_config),
        folder,
        resume_command,
        groups=groups,
    )
    trainer.data = token_shards.fingerprint
    return trainer


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
