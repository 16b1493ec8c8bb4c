"""Run a recipe: train, evaluate and write the checkpoint."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from zoo import datasets
from zoo.backends import cluster
from zoo.backends.seeding import seed_everything
from zoo.checkpoints import index, locate
from zoo.checkpoints.save import check_folder
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.evaluation.measure import evaluate
from zoo.fitting import forecast_pretraining, ngram_model, pretraining
from zoo.fitting.callbacks import SILENT, Callbacks
from zoo.fitting.setup import fresh, make_trainer, training_facts
from zoo.fitting.transfer import for_task
from zoo.loading import load
from zoo.pipeline import Pipeline
from zoo.recipes import recipes
from zoo.recipes.forecasting import EXAMPLE
from zoo.recipes.recipe import Recipe
from zoo.tasks import find_task
from zoo.tasks.forecasting import FORECASTING
from zoo.training.state import check_resume

OF_DATA = ("vocab_size", "features", "source_vocab_size", "target_vocab_size")
"""Config fields that depend on the data."""


def train(
    name: str,
    output: Path | None = None,
    runs: Path = Path("runs"),
    resume: bool = False,
    callbacks: Callbacks = SILENT,
    settings: Sequence[str] = (),
) -> Pipeline:
    """Run a recipe and write its checkpoint.

    Args:
        name: One of ``RECIPES``.
        output: Checkpoint folder. Default, for unchanged recipes only: the zoo's weights folder.
        runs: Where the state of unfinished runs is kept, one folder per recipe.
        resume: Whether to resume from that state. If false, there must be none.
        callbacks: Functions to report to.
        settings: Changed fields of training config or architecture, each ``FIELD=VALUE``.

    Returns:
        The trained pipeline with its record. Of several processes only the first writes, evaluates and has a record.

    Raises:
        InputError: Unknown recipe or field, a changed recipe without an output, or ``resume`` does not match the
            existing state.
        Interrupted: A signal arrived. The state is saved.
        NotFiniteError: The loss became NaN or infinite.
    """
    recipe, folder = recipes.find(name), runs / name
    destination = output or locate.shipped_folder() / name
    if cluster.index() == 0:
        destination = check_folder(destination)
    if settings:
        if output is None:
            raise InputError("--output: missing for a changed recipe: give a folder")
        task = FORECASTING if recipe.series else find_task(datasets.entry(recipe.dataset).task)
        family = task.architecture(recipe.architecture)
        fields = [field.name for field in dataclasses.fields(family.config)]
        # With a language model, all other fields are the language model's.
        free = ["dropout"] if recipe.language_model else [name for name in fields if name not in OF_DATA]
        recipe = recipe.changed(settings, free)
        # Validate the config before reading the data, with placeholders for sizes that depend on the data.
        of_data = {name: 1 for name in fields if name in OF_DATA and name != "features" and not recipe.series}
        family.configure(recipe.size, **{**task.prefers(family), **recipe.config, **of_data})
        # Named after the settings, so that no run resumes from the state of another.
        folder = runs / ",".join([name, *sorted(settings)]).replace("/", "_")
    elsewhere = [f"--set={setting}" for setting in settings] + ([f"--output={output}"] if output else [])
    elsewhere += [f"--runs={runs}"] if runs != Path("runs") else []
    command = shlex.join(["zoo", "train", name, *elsewhere, "--resume"])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.training_config.precision)
    try:
        pipeline = _train(name, recipe, destination, folder, resume, callbacks, command)
    finally:
        keras.config.set_dtype_policy(before)
    if cluster.index():
        return pipeline
    # Evaluate in float32, because users load the model in float32.
    pipeline = measure(destination, recipe)
    index.refresh(destination)
    return pipeline


def _train(
    name, recipe: Recipe, destination: Path, folder: Path, resume: bool, callbacks: Callbacks, command: str
) -> Pipeline:
    """Train and write the weights to ``destination``, with the state in ``folder``."""
    if cluster.index() == 0:
        check_resume(folder, resume)
    about: dict[str, Any] = {"name": recipe.dataset}
    weights_licence = "Apache-2.0"
    if recipe.series:
        with cluster.first_alone():
            sources = forecast_pretraining.read_sources(recipe.series.sources)
        pipeline, trainer = forecast_pretraining.setup(recipe, sources, folder, command)
        about |= forecast_pretraining.describe(recipe.series, sources)
    elif recipe.corpus:
        with cluster.first_alone():
            token_shards = pretraining.shards(recipe, folder.parent / "shards")
        pipeline, trainer = pretraining.setup(recipe, token_shards, folder, command)
        about |= {"fingerprint": token_shards.fingerprint, "splits": token_shards.tokens}
    else:
        with cluster.first_alone():
            examples, training_config = training_examples(recipe), recipe.training_config
        task = find_task(datasets.entry(recipe.dataset).task)
        if recipe.language_model:
            seed_everything(training_config.seed)
            pipeline = for_task(load(recipe.language_model), task, examples, pretrained=True, **recipe.config)
        else:
            pipeline = fresh(
                task,
                recipe.architecture,
                recipe.size,
                examples,
                training_config.seed,
                training_config.precision,
                **recipe.config,
            )
        validation = datasets.load(recipe.dataset, "validation")
        trainer = make_trainer(pipeline, examples, validation, training_config, folder, command)
        about["fingerprint"] = datasets.fingerprint(examples)
        about["splits"] = {"train": len(examples), "validation": len(validation)}
    if not recipe.series:
        entry = datasets.entry(recipe.dataset)
        about |= {"source": entry.source, "licence": entry.licence}
        weights_licence = entry.weights_licence
    trainer.on_epoch, trainer.on_step = callbacks.on_epoch, callbacks.on_step
    if resume:
        trainer.load()
    trainer.run()
    if cluster.index():
        return pipeline
    if recipe.ngrams:
        linear_model = ngram_model.fit(pipeline, examples, recipe.training_config.seed)
        pipeline, _ = ngram_model.with_ngrams(pipeline, linear_model, validation, callbacks.on_message)
    pipeline.document = {
        "name": name,
        "licence": {"weights": weights_licence, "data": about.pop("licence")},
        "data": about,
        "training": training_facts(trainer, dataclasses.asdict(recipe)),
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }
    # Write the float16 weights first, because evaluation must use the weights that users get.
    pipeline.save(destination, dtype="float16")
    return pipeline


def measure(folder: Path, recipe: Recipe) -> Pipeline:
    """Evaluate a saved checkpoint on its recipe's splits and write the figures into its record."""
    pipeline = load(Path(folder))
    assert pipeline.document is not None
    metrics = [evaluate(pipeline, data, split=split).to_json() for data, split in recipe.evaluate]
    if recipe.series:
        metrics = forecast_pretraining.benchmark_scores(pipeline, recipe.series.never)
    published = [
        {"dataset": data, "split": split, **figure}
        for data, split in recipe.evaluate
        for figure in datasets.entry(data).figures(split)
    ]
    pipeline.document |= {
        "metrics": metrics,
        "published": published,
        "golden": pipeline.golden([EXAMPLE] if recipe.series else list(datasets.entry(recipe.dataset).golden)),
    }
    pipeline.save(folder, dtype="float16")
    return pipeline


def training_examples(recipe: Recipe) -> Examples:
    """Returns the train split without the inputs of the recipe's excluded split."""
    examples = datasets.load(recipe.dataset, "train")
    if recipe.exclude is None:
        return examples
    barred = set(datasets.load(*recipe.exclude).inputs)
    return examples.select([i for i, text in enumerate(examples.inputs) if text not in barred])
