"""Train a language model further on token shards: a corpus that is too large for the memory, or for one process."""

import dataclasses
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.backends import cluster
from zoo.backends.seeding import seed_everything
from zoo.checkpoints.document import blank_document
from zoo.checkpoints.record import name_of_folder
from zoo.checkpoints.save import check_folder
from zoo.data.examples import Examples
from zoo.data.token_shards import MANIFEST, TokenShards, open_shards
from zoo.errors import InputError
from zoo.evaluation.measure import evaluate
from zoo.fitting.callbacks import SILENT, Callbacks
from zoo.fitting.pretraining import make_trainer
from zoo.fitting.setup import training_facts
from zoo.fitting.transfer import DOMAIN, is_language_model
from zoo.loading import load
from zoo.pipeline import Pipeline
from zoo.preprocessing.byte_subwords import SEPARATOR
from zoo.training.config import TrainingConfig, override
from zoo.training.layer_groups import layer_groups
from zoo.training.state import check_resume

GOLDEN = 3  # test texts in a record
MAX_GOLDEN_LENGTH = 80
MAX_TESTED = 1_000  # texts of the test part that are scored


def is_folder_of_shards(data: Any) -> bool:
    """Returns whether data are a folder with token shards."""
    return isinstance(data, str | os.PathLike) and (Path(data) / MANIFEST).is_file()


def fine_tune_on_shards(
    model: Pipeline | str | os.PathLike,
    data: str | os.PathLike,
    *,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    output: str | os.PathLike | None = None,
    resume: bool = False,
    callbacks: Callbacks = SILENT,
) -> Pipeline:
    """Train a language model further on token shards, which several processes read from their disks.

    All epochs together read the training part once; the validation part chooses the best of them. Up to
    ``MAX_TESTED`` texts of the test part are scored at the end.

    Args:
        model: A language model of subwords, or its name for ``zoo.load``.
        data: Folder of ``zoo.data.token_shards.write_shards``, with the parts train, validation and test.
        training_config: Training config, or its fields that differ from ``zoo.fitting.transfer.DOMAIN``.
        output: Checkpoint folder for the result. Until then the state of the run is in ``<output>.unfinished``.
        resume: Whether to go on from that state.
        callbacks: Functions to call.

    Raises:
        InputError: The model or the shards cannot be used, or ``resume`` does not match the state.
        Interrupted: A signal arrived. The state is saved if there is an ``output``.
        StorageError: The output cannot be written.

    Example:
        >>> fine_tune_on_shards("gru_small.cmudict", "shards")
        Traceback (most recent call last):
        zoo.errors.InputError: gru_small.cmudict: no language model of subwords: token shards are for these only
    """
    folder = None if output is None or cluster.index() else check_folder(output)
    unfinished = folder.with_name(f"{folder.name}.unfinished") if folder else None
    if cluster.index() == 0:
        check_resume(unfinished, resume)
    base = model if isinstance(model, Pipeline) else load(os.fspath(model))
    name = base.document["name"] if base.document else "the model"
    if not is_language_model(base):
        raise InputError(f"{name}: no language model of subwords: token shards are for these only")
    shards = open_shards(Path(data))
    if shards is None:
        raise InputError(f"{data}: no token shards: {MANIFEST} is missing")
    if shards.tokenizer != base.preprocessor.tokenizer.to_json():
        raise InputError(f"{data}: encoded with other subwords than those of {name}: encode the texts with its own")
    tested = _texts(shards, "test", base)
    given = isinstance(training_config, TrainingConfig)
    config = training_config if given else override(DOMAIN, training_config or {})
    config = dataclasses.replace(config, min_steps=0)
    base.task.check_training_config(base.preprocessor, config)
    for field in ("lora_rank", "gradual_unfreezing"):
        if getattr(config, field):
            raise InputError(f"{field}: not for token shards: leave it out")
    seed_everything(config.seed)
    pipeline = Pipeline(base.spec)
    pipeline.assign(base.tensors(), name)
    tokens = shards.tokens["train"]
    command = "the same command with --resume"
    groups = layer_groups(pipeline.model, ())
    trainer = make_trainer(pipeline, shards, config, tokens, unfinished, command, groups=groups)
    trainer.on_epoch, trainer.on_step = callbacks.on_epoch, callbacks.on_step
    callbacks.on_message(f"language model: reads {tokens:,} subwords once, in {config.epochs} epochs")
    if resume:
        trainer.load()
    trainer.run()
    if cluster.index():
        return pipeline
    examples = Examples(tested, [""] * len(tested), [f"{data}:{i + 1}" for i in range(len(tested))])
    evaluation = evaluate(pipeline, examples)
    callbacks.on_evaluated(evaluation)
    own = base.document["licence"] if base.document else {"weights": "unknown", "data": "unknown"}
    facts = {
        "name": Path(data).name,
        "source": "the user's",
        "fingerprint": shards.fingerprint,
        "splits": shards.tokens,
    }
    pipeline.set_document(
        {
            **blank_document(name_of_folder(folder.name) if folder else "fine-tuned"),
            "licence": {
                "weights": f"as the data's, and as the base model's: {own['weights']}; its data: {own['data']}",
                "data": "the user's",
            },
            "data": facts,
            "training": training_facts(trainer, {"base": name, "training_config": dataclasses.asdict(config)}),
            "metrics": [evaluation.to_json()],
            "golden": pipeline.golden([text[:MAX_GOLDEN_LENGTH] for text in tested[:GOLDEN]]),
        }
    )
    if folder is not None:
        pipeline.save(folder)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return pipeline


def _texts(shards: TokenShards, split: str, base: Pipeline) -> list[str]:
    """Returns the first texts of a split (raises InputError if there is none)."""
    ids = shards.split(split)
    ends = np.flatnonzero(ids == SEPARATOR)[: MAX_TESTED + 1].tolist()
    parts: Iterator[tuple[int, int]] = itertools.pairwise([*ends, *([len(ids)] if len(ends) <= MAX_TESTED else [])])
    texts = [base.preprocessor.decode(ids[start + 1 : end].tolist()) for start, end in parts if end > start + 1]
    if not texts:
        raise InputError(f"{shards.folder}: {split} has no text: encode at least one")
    return texts
