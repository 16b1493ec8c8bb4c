"""``zoo finetune``: fine-tune a model, or search its learning rate."""

import click

from zoo.backends import cluster
from zoo.checkpoints import locate
from zoo.checkpoints.save import check_folder
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.limits import MAX_SEED

from . import backend, forecasters, show
from .columns import labels_option, series_options, symbols_option
from .commands import _example
from .languages import language_option
from .output import Text, echo
from .processes import processes_options


@click.command(epilog=_example("zoo finetune gru_small.cmudict words.csv --input word --target phones --output my-g2p"))
@click.argument("name")
@click.argument("data")
@click.option(
    "--input",
    "input",
    type=Text(),
    default="",
    help="Column with the inputs; of numbers per step several, between commas.",
)
@click.option("--target", type=Text(), default="", help="Target column: labels, or texts of space-separated symbols.")
@click.option("--no-header", is_flag=True, help="DATA has no header row; columns are named 1, 2, ...")
@click.option(
    "--series", type=Text(), default="", help="Of a table with one row per step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with one row per step: the column with the time.")
@click.option("--group", type=Text(), default="", help="Group column: rows of one group stay in one split.")
@symbols_option
@labels_option
@language_option
@series_options(required=False)
@click.option("--output", help="Output folder.")
@click.option("--validation", help="Validation file. Default: a tenth of DATA.")
@click.option("--test", help="Test file. Default: another tenth of DATA.")
@click.option(
    "--task",
    help="Override the inferred task: classification, series_classification, regression, tagging,"
    " sequence_to_sequence, translation.",
)
@click.option("--epochs", type=click.IntRange(1), help="Maximum epochs; early stopping may end sooner.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Maximum minutes of training.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Peak learning rate (of the head).")
@click.option("--lora-rank", type=click.IntRange(1), help="Train LoRA updates of this rank and the head only.")
@click.option("--plain", is_flag=True, help="One learning rate for all layers, no gradual unfreezing.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="Random seed.")
@click.option("--class-balanced", is_flag=True, help="Weight classes equally in the loss.")
@click.option(
    "--augment",
    is_flag=True,
    help="Augment sounds, or drop a tenth of a text's words, anew per epoch.",
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--from-scratch", is_flag=True, help="Start from random weights, to measure the gain of pretraining.")
@click.option("--find-rate", "picture", help="Search the learning rate only; plot to a .png, .svg or .pdf file.")
@click.option("--unlabelled", help="File with a text per line that a language model reads before it learns labels.")
@click.option("--no-ngrams", is_flag=True, help="Keep a text classifier's network alone.")
@click.option("--resume", is_flag=True, help="Resume an interrupted run.")
@processes_options
def finetune(
    name,
    data,
    input,
    target,
    no_header,
    series,
    time,
    group,
    symbols,
    strip_labels,
    tag_names,
    dialect,
    allow_unknown,
    language,
    horizon,
    period,
    time_format,
    windows,
    output,
    validation,
    test,
    task,
    epochs,
    minutes,
    rate,
    lora_rank,
    plain,
    seed,
    class_balanced,
    augment,
    skip_bad_rows,
    from_scratch,
    picture,
    unlabelled,
    no_ngrams,
    resume,
) -> None:
    """Train NAME further on the examples in DATA: .csv, .tsv, .jsonl, .parquet, .conll, .ts, or folders of .wav files.

    NAME is a checkpoint, or a sized architecture (lstm_small) to train from scratch. With --horizon it is a forecaster,
    whose result is measured on the last windows of each series.
    """
    from zoo.models import registry

    show.check_picture(picture, data, option="--find-rate")
    if not picture and not output:
        raise InputError("--output: missing: give a folder for the result")
    if picture and cluster.count() > 1:
        raise InputError("--find-rate: runs in one process: omit --processes")
    if output and cluster.index() == 0:
        folder = check_folder(output)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{output}: already exists: choose another --output")
    if lora_rank and plain:
        raise InputError("--plain: --lora-rank implies it: omit --plain")
    if horizon is None:
        forecasters.refuse_without_horizon(period=period, time_format=time_format, windows=windows)
        if registry.architecture_and_size(name) is None:
            locate.read_record(name)  # refuse a wrong name before the backend starts, which takes seconds
            forecasters.needs_horizon(name)
        backend.start()
    training_config = {
        "epochs": epochs,
        "min_steps": None if epochs is None else 0,
        "minutes": minutes,
        "learning_rate": rate,
        "seed": seed,
        "class_balanced": class_balanced,
        "augment": augment,
        **({"layer_lr_decay": 1.0, "gradual_unfreezing": False} if plain or lora_rank else {}),
        "lora_rank": lora_rank,
    }
    training_config = {field: value for field, value in training_config.items() if value is not None}
    if horizon is not None:
        others = {
            "input": input,
            "group": group,
            "symbols": symbols,
            "strip_labels": strip_labels,
            "find_rate": picture,
        }
        others |= {"tag_names": tag_names, "allow_unknown": allow_unknown, "validation": validation, "test": test}
        others |= {"class_balanced": class_balanced, "augment": augment, "skip_bad_rows": skip_bad_rows, "task": task}
        others |= {"from_scratch": from_scratch, "unlabelled": unlabelled, "no_ngrams": no_ngrams}
        forecasters.refuse(**others)
        series_columns = Columns(target=target, header=not no_header, series=series, time=time, dialect=dialect)
        request = forecasters.Request(data, series_columns, horizon, period, time_format, windows)
        config = {name: value for name, value in training_config.items() if value is not False}
        forecasters.finetune(name, request, config, output, resume)
        return
    columns = {
        "input": input,
        "target": target,
        "header": not no_header,
        "series": series,
        "time": time,
        "group": group,
        "symbols": symbols or "",
        "strip_labels": strip_labels,
        "tag_names": tag_names,
        "dialect": dialect,
        "allow_unknown": allow_unknown,
        "language": language or "",
    }
    if picture:
        _find_rate(name, data, columns, task, training_config, not from_scratch, skip_bad_rows, picture)
        return
    from zoo.fitting import fine_tuning

    with show.training(f"fine-tuning {name}") as callbacks:
        pipeline = fine_tuning.fine_tune(
            name,
            data,
            **columns,
            validation=validation,
            test=test,
            task=task,
            training_config=training_config,
            pretrained=not from_scratch,
            skip_bad_rows=skip_bad_rows,
            output=output,
            resume=resume,
            unlabelled=unlabelled,
            ngrams=not no_ngrams,
            callbacks=callbacks,
        )
    if pipeline.document is None:  # not the first of several processes
        return
    front_end = getattr(pipeline.preprocessor, "front_end", None)
    example = "TEXT" if front_end is None else "SOUND.wav" if hasattr(front_end, "rate") else "SERIES"
    show.fine_tuned(pipeline.document, pipeline.task.monitor, output, example)


def _find_rate(
    name: str, data: str, columns: dict, task: str | None, training_config, pretrained: bool, skip: bool, picture: str
) -> None:
    from zoo.analysis import plotting
    from zoo.fitting import rate_finder

    search = rate_finder.find_rate(
        name, data, **columns, task=task, training_config=training_config, pretrained=pretrained, skip_bad_rows=skip
    )
    plotting.rates(search.rates, search.losses, search.suggestion, picture)
    echo(f"--rate {search.suggestion:.1g}: a tenth of the rate with the lowest loss; plotted in {picture}")
