"""``zoo probe``: measure the memory of a causal model."""

from pathlib import Path

import click

from zoo.checkpoints import locate
from zoo.errors import InputError
from zoo.limits import MAX_SEED

from . import backend, show
from .output import Text, echo_json


@click.command(epilog="\b\nExample:\n  zoo probe gru_small.tiny_shakespeare --history 512 --plot memory.png")
@click.argument("name")
@click.argument("data", required=False)
@click.option("--dataset", help="Dataset name. Default: the checkpoint's training dataset.")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--input", "input", type=Text(), default="", help="Column of DATA with the sequences.")
@click.option("--target", type=Text(), default="", help="Column of DATA with the targets. Default: the sequences.")
@click.option("--history", type=click.IntRange(2), default=1024, show_default=True, help="Maximum steps of context.")
@click.option("--windows", type=click.IntRange(1), default=128, show_default=True, help="Number of windows to sample.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Random seed.")
@click.option("--recall", is_flag=True, help="Also fine-tune copies to recall a symbol after 10, 100 and 1,000 steps.")
@click.option("--lags", help="Comma-separated lags of --recall: 10,100,10000.")
@click.option("--record", is_flag=True, help="Write the result to the checkpoint's record.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--plot", help="Plot loss and influence to a .png, .svg or .pdf file.")
def probe(
    name, data, dataset, split, input, target, history, windows, seed, recall, lags, record, as_json, plot
) -> None:
    """Measure the memory of the causal model NAME, on a dataset by name, a text (.txt) or a table DATA.

    Loss against the number of past steps that it may see, influence of a step by its age, receptive field and
    longest path; with --recall the accuracy of repeating a symbol after a short fine-tuning.
    """
    show.check_picture(plot, data)
    if data and dataset:
        raise InputError("--dataset: excludes DATA: give one of them")
    if lags and not recall:
        raise InputError("--lags: needs --recall: give both")
    chosen = dataset or locate.read_record(name).data["name"]
    backend.start(*([] if data else ["tensorflow"]))  # it reads the datasets on every backend
    from zoo import datasets
    from zoo.analysis import probe as probing
    from zoo.analysis import recall as recalling
    from zoo.loading import load

    pipeline = load(name)
    probing.check_task(pipeline)
    if data:
        from zoo.data import read

        examples, chosen, split = read.examples(data, input, target, layout="inputs"), Path(data).name, "all"
    else:
        examples = datasets.load(chosen, split)
    result = probing.probe(pipeline, examples, history, windows, seed)
    recalled = recalling.recall(pipeline, _lags(lags) or recalling.LAGS, seed=seed) if recall else []
    probed = probing.document(chosen, split, result, recalled)
    if record:
        probing.write(locate.resolve(name)[1].parent, probed)
    if as_json:
        echo_json({"model": name, **probed})
    else:
        show.probe(probed)
    if plot:
        from zoo.analysis.plotting import memory

        memory(probed, name, plot)


def _lags(text: str | None) -> list[int]:
    try:
        return [int(lag) for lag in (text or "").split(",") if lag.strip()]
    except ValueError:
        raise InputError(f"--lags {text}: not a list of numbers: give 10,100,1000") from None
