"""From a recipe to a checkpoint: data, training, measurement, record."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
from keras import ops

from zoo import datasets, hub, models
from zoo.batching import PairBatches
from zoo.data import Examples
from zoo.errors import InputError
from zoo.evaluation import evaluate, group, score
from zoo.pipeline import Pipeline, load
from zoo.preprocessing import START, SymbolTokenizer, TransductionPreprocessor, pad
from zoo.recipes import RECIPES, Plan, Recipe
from zoo.spec import ModelSpec
from zoo.training import Trainer, versions

LONGEST = 48  # symbols of a word or a pronunciation; the longest in CMUdict has 28
GOLDEN = ["phoneme", "culurciello", "keras", "rhythm", "o'neill"]


def train(
    name: str,
    output: Path | None = None,
    runs: Path = Path("runs"),
    resume: bool = False,
    report: Callable[[dict], None] = lambda row: None,
    tick: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> Pipeline:
    """Runs a recipe and writes its checkpoint.

    Args:
        name: One of ``RECIPES``.
        output: The checkpoint's folder; by default its place among the zoo's weights.
        runs: Where the state of unfinished runs is kept, a folder a recipe.
        resume: Go on with the state there; otherwise there must be none.
        report: Called with a dict after each epoch.
        tick: Called with (step, steps in all, loss) after each step.

    Returns:
        The trained model, with its record.

    Raises:
        InputError: No such recipe, or a state that ``resume`` does not say what to do with.
        Interrupted: A signal came; the state is saved.
        NotFiniteError: The loss became NaN or infinite.
    """
    recipe = find(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.plan.precision)
    try:
        destination = _train(name, recipe, output, runs, resume, report, tick)
    finally:
        keras.config.set_dtype_policy(before)
    # In float32 again: the figures are of the model that users load.
    return measure(destination, recipe)


def _train(name, recipe: Recipe, output, runs: Path, resume: bool, report, tick) -> Path:
    """``train`` up to the checkpoint's weights; returns its folder."""
    folder = runs / name
    if not resume and any(folder.glob("*.safetensors")):
        raise InputError(f"{folder}: has an unfinished run: go on with --resume, or delete it to start over")
    examples = training_examples(recipe)
    pipeline = fresh(recipe, examples)
    validation = datasets.load(recipe.dataset, "validation")
    trainer = make_trainer(pipeline, examples, validation, recipe.plan, folder, f"zoo train {name} --resume")
    trainer.report, trainer.tick = report, tick
    if resume and not trainer.load():
        raise InputError(f"{folder}: no run to resume: start it without --resume")
    trainer.run()
    pipeline.document = {
        "name": name,
        "licence": {"weights": "Apache-2.0", "data": datasets.entry(recipe.dataset).licence},
        "data": {
            "name": recipe.dataset,
            "source": datasets.entry(recipe.dataset).source,
            "fingerprint": datasets.fingerprint(examples),
            "splits": {"train": len(examples), "validation": len(validation)},
        },
        "training": training_facts(trainer, dataclasses.asdict(recipe)),
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }
    destination = output or hub.shipped_folder() / name
    # First the rounded weights, then the measurements: they are of the weights that users get.
    pipeline.save(destination, dtype="float16")
    return destination


def measure(folder: Path, recipe: Recipe) -> Pipeline:
    """Evaluates a saved checkpoint on its recipe's splits and writes the figures into its record."""
    pipeline = load(Path(folder))
    assert pipeline.document is not None
    metrics = [evaluate(pipeline, data, split=split).to_json() for data, split in recipe.evaluate]
    published = [
        {"dataset": data, "split": split, **figure}
        for data, split in recipe.evaluate
        for figure in datasets.entry(data).published
    ]
    pipeline.document |= {"metrics": metrics, "published": published, "golden": golden(pipeline)}
    pipeline.save(folder, dtype="float16")
    return pipeline


def find(name: str) -> Recipe:
    """Returns a recipe by name (raises InputError for an unknown one)."""
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]


def training_examples(recipe: Recipe) -> Examples:
    """Returns the train split without the inputs of the split that the recipe excludes."""
    examples = datasets.load(recipe.dataset, "train")
    barred = set(datasets.load(*recipe.exclude).inputs)
    rows = [row for row in _rows(examples) if row[0] not in barred]
    return Examples(*(list(column) for column in zip(*rows, strict=True)))


def fresh(recipe: Recipe, examples: Examples) -> Pipeline:
    """Returns the recipe's model with fresh weights, drawn from the plan's seed."""
    preprocessor = TransductionPreprocessor(
        SymbolTokenizer.fit(examples.inputs, lowercase=True),
        SymbolTokenizer.fit(examples.targets, separator=" "),
        LONGEST,
        LONGEST,
    )
    architecture = models.find_seq2seq(recipe.architecture)
    config = architecture.configure(
        recipe.size,
        source_symbols=preprocessor.source.size,
        target_symbols=preprocessor.target.size,
        **recipe.config,
    )
    keras.utils.set_random_seed(recipe.plan.seed)
    return Pipeline(
        ModelSpec(
            recipe.architecture,
            recipe.size,
            dataclasses.asdict(config),
            "transduction",
            preprocessor.to_json(),
        )
    )


def make_trainer(
    pipeline: Pipeline,
    train: Examples,
    validation: Examples,
    plan: Plan,
    folder: Path | None = None,
    resume_command: str = "",
) -> Trainer:
    """Returns a trainer whose validation score is the greedy error rate on ``validation``."""
    preprocessor = pipeline.preprocessor
    sources, targets = [], []
    for text, target, where in _rows(train):
        try:
            sources.append(preprocessor.encode_source(text))
            targets.append(preprocessor.encode_target(target))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    grouped = group(validation)

    def validate() -> dict[str, float]:
        outputs = pipeline.predict(list(grouped), beam_size=1)
        values = score(preprocessor.target, outputs, list(grouped.values()))
        return {name: value.value for name, value in values.items()}

    batches = PairBatches(sources, targets, plan.batch_size, plan.seed)
    return Trainer(pipeline.model, batches, validate, plan, folder, resume_command)


def training_facts(trainer: Trainer, recipe: dict) -> dict:
    """Returns a record's ``training`` part."""
    return {
        "recipe": recipe,
        "seed": trainer.plan.seed,
        "backend": keras.backend.backend(),
        "versions": versions(),
        "seconds": trainer.seconds,
        "steps": trainer.step,
        "curve": trainer.curve,
    }


def golden(pipeline: Pipeline, inputs: list[str] | None = None) -> dict:
    """Returns inputs, greedy outputs and logits after the start mark, to be compared on every machine."""
    inputs = inputs or GOLDEN
    logits = []
    for text in inputs:
        source = pad([source_ids := pipeline.preprocessor.encode_source(text)], len(source_ids))
        out = pipeline.model({"source": source, "source_mask": source > 0, "target": pad([[START]], 1)})
        logits.append([round(float(x), 5) for x in ops.convert_to_numpy(out)[0, 0]])
    return {"inputs": inputs, "outputs": pipeline.predict(inputs, beam_size=1), "logits": logits}


def _rows(examples: Examples):
    return zip(examples.inputs, examples.targets, examples.where, strict=True)
