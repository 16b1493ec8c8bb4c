"""``zoo finetune``: a model for one's own rows, or the learning rate to train it with."""

import click

from zoo.checkpoints import locate
from zoo.checkpoints.save import check_folder
from zoo.errors import InputError
from zoo.limits import MAX_SEED

from . import backend, show
from .columns import labels_option, symbols_option
from .commands import _example
from .output import Text, echo, note


@click.command(epilog=_example("zoo finetune gru_small.cmudict words.csv --input word --target phones --output my-g2p"))
@click.argument("name")
@click.argument("data")
@click.option(
    "--input",
    "input",
    type=Text(),
    default="",
    help="Column with the inputs; of numbers a step several, between commas.",
)
@click.option(
    "--target", type=Text(), default="", help="Column with labels, or with texts whose symbols stand between spaces."
)
@click.option("--no-header", is_flag=True, help="The file names no columns: they are called 1, 2 and so on.")
@click.option(
    "--series", type=Text(), default="", help="Of a table with a row a step: the column that names the series."
)
@click.option("--time", type=Text(), default="", help="Of a table with a row a step: the column with the time.")
@click.option(
    "--group", type=Text(), default="", help="Column whose rows of one value stay together, on one side of every split."
)
@symbols_option
@labels_option
@click.option("--output", help="Folder to write the result to.")
@click.option("--validation", help="File for choosing the best epoch; by default a tenth of DATA.")
@click.option("--test", help="File for the final score; by default another tenth of DATA.")
@click.option(
    "--task",
    help="Override the inferred task: classification, series_classification, regression, tagging,"
    " sequence_to_sequence.",
)
@click.option("--epochs", type=click.IntRange(1), help="Most epochs; training may stop earlier.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Most minutes of training.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate, that of the head.")
@click.option("--lora-rank", type=click.IntRange(1), help="Train low-rank updates of this rank, and the head, alone.")
@click.option("--plain", is_flag=True, help="One rate for all layers, and all of them from the start.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="Seed of everything random."
)
@click.option("--class-balanced", is_flag=True, help="Let labels weigh alike, however rare, and not rows.")
@click.option(
    "--augment",
    is_flag=True,
    help="Vary sounds, or hide a tenth of a text's words, anew in each epoch.",
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--from-scratch", is_flag=True, help="Same model, fresh weights: what did pretraining bring?")
@click.option("--find-rate", "picture", help="Only look for a learning rate, and draw the search: .png, .svg, .pdf.")
@click.option("--unlabelled", help="File with a text per line that a language model reads before it learns labels.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
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
    resume,
) -> None:
    """Trains NAME further on the examples in DATA: .csv, .tsv, .jsonl, .parquet, .conll, .ts, or folders of .wav files.

    NAME is a checkpoint, or an architecture and its size (lstm_small) to be trained from scratch.
    """
    from zoo.models import registry

    show.check_picture(picture, data, option="--find-rate")
    if not picture and not output:
        raise InputError("say where the result goes: --output FOLDER")
    if output:
        folder = check_folder(output)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{output}: exists already: choose another --output")
    if lora_rank and plain:
        raise InputError("--lora-rank has one rate as it is: leave --plain out")
    if registry.architecture_and_size(name) is None:
        locate.read_record(name)  # a wrong name is told before the seconds that the backend takes to start
    backend.start()
    from zoo.fitting import fine_tuning

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
    }
    if picture:
        _find_rate(name, data, columns, task, training_config, not from_scratch, skip_bad_rows, picture)
        return
    with show.training(f"fine-tuning {name}") as (on_epoch, on_step):
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
            on_message=note,
            on_epoch=on_epoch,
            on_step=on_step,
        )
    assert pipeline.document is not None
    front_end = getattr(pipeline.preprocessor, "front_end", None)
    example = "TEXT" if front_end is None else "SOUND.wav" if hasattr(front_end, "rate") else "SERIES"
    show.fine_tuned(pipeline.document, pipeline.task.monitor, output, example)


def _find_rate(
    name: str, data: str, columns: dict, task: str | None, training_config, pretrained: bool, skip: bool, picture: str
) -> None:
    from zoo.analysis import plotting
    from zoo.fitting import rate_finder

    found = rate_finder.find_rate(
        name, data, **columns, task=task, training_config=training_config, pretrained=pretrained, skip_bad_rows=skip
    )
    plotting.rates(found.rates, found.losses, found.suggestion, picture)
    echo(f"--rate {found.suggestion:.1g}: a tenth of where the loss was lowest; drawn in {picture}")
