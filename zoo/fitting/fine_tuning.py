"""Fine-tune a model on user data; vocabulary and labels may change."""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo import datasets
from zoo.backends import cluster
from zoo.checkpoints.document import blank_document
from zoo.checkpoints.record import name_of_folder
from zoo.checkpoints.save import check_document, check_folder
from zoo.data import read
from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.errors import InputError, WeightsError
from zoo.evaluation.measure import evaluate
from zoo.fitting import baselines, first_stages, ngram_model
from zoo.fitting.callbacks import SILENT, Callbacks
from zoo.fitting.few_rows import keep_linear_head
from zoo.fitting.forecast_tuning import fine_tune_forecaster
from zoo.fitting.interpolation import choose, interpolate
from zoo.fitting.ngram_model import suits, with_ngrams
from zoo.fitting.setup import make_trainer, training_facts
from zoo.fitting.shard_tuning import fine_tune_on_shards, is_folder_of_shards
from zoo.fitting.start import prepare
from zoo.models.heads import Classifier
from zoo.pipeline import Pipeline
from zoo.training.config import TrainingConfig, override
from zoo.training.lora import LowRank
from zoo.training.state import STATE, check_resume

GOLDEN = 3  # test inputs in a record


def fine_tune(
    model: Pipeline | str | os.PathLike,
    data: Any,
    *,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    group: str = "",
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    pretrained: bool = True,
    skip_bad_rows: bool = False,
    symbols: str = "",
    strip_labels: bool = False,
    tag_names: str = "",
    dialect: str = "",
    language: str = "",
    allow_unknown: bool = False,
    output: str | os.PathLike | None = None,
    resume: bool = False,
    unlabelled: Any = None,
    ngrams: bool = True,
    horizon: int | None = None,
    windows: int = 1,
    period: int | None = None,
    time_format: str = "",
    callbacks: Callbacks = SILENT,
) -> Pipeline:
    """Train a model on a user's examples, from pretrained weights or from scratch.

    Symbols that the data share with the pretrained model keep their embeddings and their rows of the output layer. New
    parts are randomly initialized. Training stops once the validation score has not improved for
    ``training_config.patience`` epochs, and the best weights are kept. The test part is scored once, at the end.

    Args:
        model: A pipeline, or a name for ``zoo.load``, or a sized architecture (``"lstm_small"``) to train from scratch.
        data: A file, a folder of sounds, a DataFrame or arrays, as for ``zoo.data.read.examples``; or a folder of token
            shards, for a language model: see ``zoo.fitting.shard_tuning.fine_tune_on_shards``, which this calls.
        input: Input column.
        target: Target column: labels, or texts with spaces between symbols.
        header: Whether the first row of a CSV or TSV names its columns. Otherwise their names are "1", "2", ...
        series: Column with the name of the series, in a table with one row per step.
        time: Column with the time, in a table with one row per step.
        group: Group column of a table of texts. Rows of one group, for example of one person, stay in one split.
        validation: Like ``data``. Default: a tenth of ``data``, chosen by a hash, stratified by label.
        test: Like ``data``. Default: another tenth.
        task: Task name; ``"regression"`` for one number per text, series or sound. Default: the model's task. For an
            architecture it is inferred from the targets: measured numbers, repeating labels, or texts.
        training_config: Training config, or a mapping of its fields that differ from the default.
        epochs: Maximum epochs; overrides the training config.
        learning_rate: Peak rate; overrides the training config.
        pretrained: Whether to start from the model's weights. ``False`` trains the same model from scratch.
        skip_bad_rows: Whether to leave out and count bad rows, and training rows that are in another part too.
            Otherwise up to ten are named before the first step.
        symbols: How target texts are split into symbols: ``"spaces"``, ``"characters"``, or by default inferred.
        strip_labels: Whether to merge labels that differ only in case, spaces or invisible characters.
        tag_names: Names of numbered tags, between commas.
        dialect: Format of a CSV or TSV: ``"auto"`` to detect it, or for example ``"separator=; decimal=,"``.
        language: Language of the inputs, for a model of many languages; a new one is added to those of the model.
        allow_unknown: Whether to accept more than half of the tokens as unknown to the pretrained model.
        output: Checkpoint folder for the result. Until then the state of the run is in ``<output>.unfinished``.
        resume: Whether to resume from that state. If false, there must be none.
        unlabelled: Texts without labels for the language model to read first: a list, or a file with one text per line.
        ngrams: Whether a classifier of texts may get a linear model on n-grams beside its network, where the loss of
            the validation part is then lower. ``False`` keeps the network alone, to compare families.
        horizon: Steps ahead, for a forecaster only. See ``zoo.fitting.forecast_tuning.fine_tune_forecaster``, which
            this calls; so for the next three.
        windows: Number of held-out windows per series.
        period: Steps of a season.
        time_format: Format of the dates.
        callbacks: Functions to call.

    Returns:
        A new pipeline. Its record has the test score with its interval. Of several processes only the first
        evaluates, writes and has a record.

    Raises:
        InputError: A file, column or row is unusable, or ``resume`` does not match the existing state.
        Interrupted: A signal arrived. The state is saved if there is an ``output``.
        NotFiniteError: The loss or a weight became NaN or infinite.
        StorageError: The output cannot be written.

    Example:
        >>> import numpy as np, zoo
        >>> from zoo.training.config import TrainingConfig, override
        >>> x, y = np.random.default_rng(0).normal(size=(40, 10, 2)), ["up", "down"] * 20
        >>> mine = zoo.fine_tune("gru_tiny", (x, y), training_config=TrainingConfig(epochs=1))
        >>> len(mine.predict(x[:3]))
        3
    """
    if horizon is not None:
        changes = {"epochs": epochs, "learning_rate": learning_rate}
        return fine_tune_forecaster(
            model,
            data,
            horizon=horizon,
            target=target,
            series=series,
            time=time,
            period=period,
            time_format=time_format,
            header=header,
            dialect=dialect,
            windows=windows,
            training_config=override(
                training_config, {field: value for field, value in changes.items() if value is not None}
            ),
            output=output,
            resume=resume,
            callbacks=callbacks,
        ).pipeline
    columns = Columns(input, target, header, series, time, group, symbols, strip_labels, tag_names, dialect, language)
    changes = {"epochs": epochs, "min_steps": None if epochs is None else 0, "learning_rate": learning_rate}
    training_config = override(training_config, {field: value for field, value in changes.items() if value is not None})
    if is_folder_of_shards(data):
        if columns != Columns() or not (validation is test is task is unlabelled is None and pretrained):
            raise InputError(f"{data}: token shards have no columns and all parts: omit the options of tables")
        return fine_tune_on_shards(
            model, data, training_config=training_config, output=output, resume=resume, callbacks=callbacks
        )
    folder = None if output is None or cluster.index() else check_folder(output)
    unfinished = folder.with_name(f"{folder.name}.unfinished") if folder else None
    if cluster.index() == 0:
        in_training = unfinished is None or (unfinished / STATE).exists()
        check_resume(unfinished if in_training else unfinished / first_stages.LANGUAGE_MODEL, resume)
    start = prepare(
        model,
        data,
        columns,
        validation,
        test,
        task,
        training_config,
        pretrained,
        skip_bad_rows,
        allow_unknown,
    )
    if unlabelled is not None and start.language_model is None:
        raise InputError("unlabelled: only a language model reads texts before it learns labels: leave it out")
    for line in start.lines():
        callbacks.on_message(line)
    pipeline, (train, validation_part, test_part) = start.pipeline, start.parts
    recipe = {
        "base": start.base_name,
        "training_config": dataclasses.asdict(start.training_config),
        "columns": start.columns.to_json(),
        "validation": "drawn" if validation is None else read.named(validation),
        "test": "drawn" if test is None else read.named(test),
        **({} if unlabelled is None else {"unlabelled": read.named(unlabelled)}),
    }
    document = {
        **blank_document(name_of_folder(folder.name) if folder else "fine-tuned"),
        "licence": {"weights": start.licence(), "data": "the user's"},
        "data": {
            "name": read.named(data),
            "source": "the user's",
            "fingerprint": datasets.fingerprint(train),
            "splits": start.sizes,
        },
    }
    _check_record(pipeline, document, recipe, test_part)
    resumes = cluster.of_first(lambda: bool(resume and unfinished and (unfinished / STATE).exists()))
    first = None
    if start.reads_pretrained_text and not resumes:
        first = first_stages.run(start, unlabelled, unfinished, resume, ngrams, callbacks)
    elif start.reads_pretrained_text and unfinished:
        first = first_stages.read(unfinished)
    few_rows = first and first.few_rows
    if few_rows:
        recipe["few_rows"] = {"losses": list(few_rows.losses)}
    trainer = make_trainer(
        pipeline, train, validation_part, start.training_config, unfinished, "the same command with --resume", start.new
    )
    trainer.on_epoch, trainer.on_step = callbacks.on_epoch, callbacks.on_step
    trainer.data = datasets.fingerprint(train)
    if start.training_config.lora_rank:
        counted = (trainer.model.trainable_variables, pipeline.model.weights)
        trained, total = (sum(int(np.prod(v.shape)) for v in of) for of in counted)
        callbacks.on_message(f"LoRA: {trained:,} of {total:,} parameters are trained")
    if resumes:
        trainer.load()
    if few_rows and not few_rows.share:
        keep_linear_head(pipeline, trainer, train)
    else:
        trainer.run()
    if isinstance(trainer.model, LowRank):
        trainer.model.merge()
    if cluster.index():
        return pipeline
    linear_model = ngram_model.fit(pipeline, train, start.training_config.seed) if ngrams and suits(pipeline) else None
    if first and isinstance(pipeline.model, Classifier):
        if few_rows:
            share = few_rows.share
            interpolate(pipeline, first.weights, pipeline.tensors(), share)
        else:
            share = choose(pipeline, first.weights, validation_part, linear_model, callbacks.on_message)
        recipe["fine_tuned_share"] = share
    if linear_model:
        pipeline, recipe["ngrams"] = with_ngrams(pipeline, linear_model, validation_part, callbacks.on_message)
    for line in baselines.against_tfidf(pipeline, train, validation_part):
        callbacks.on_message(line)
    evaluation = evaluate(pipeline, test_part)
    callbacks.on_evaluated(evaluation)
    document = {
        **document,
        "training": training_facts(trainer, recipe),
        "metrics": [evaluation.to_json()],
        "published": [
            {"dataset": evaluation.dataset, "split": evaluation.split, **figure}
            for figure in pipeline.task.baselines(train, test_part)
        ],
        "golden": pipeline.golden(evaluation.inputs[:GOLDEN]),
    }
    pipeline.set_document(document)
    if folder is not None:
        pipeline.save(folder)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return pipeline


def _check_record(pipeline: Pipeline, document: dict[str, Any], recipe: dict[str, Any], test: Examples) -> None:
    """Raise InputError before the first step for a value that a record cannot hold, such as a huge number."""
    inputs = [pipeline.task.plain(pipeline, value) for value in pipeline.task.cases(test).inputs[:GOLDEN]]
    golden = {"inputs": inputs, "outputs": inputs}
    made = {**document, "training": {**document["training"], "recipe": recipe}, "golden": golden}
    shapes = {variable.path: tuple(variable.shape) for variable in pipeline.model.weights}
    try:
        check_document({**made, "spec": pipeline.spec.to_json()}, shapes)
    except WeightsError as error:
        raise InputError(f"the model could not be saved: {error}") from None
