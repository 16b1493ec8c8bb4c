"""``zoo probe``: how far back a causal model looks, and what it gains by it."""

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
@click.option("--dataset", help="Name of a dataset; by default the one that the checkpoint was trained on.")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--input", "input", type=Text(), default="", help="Column of the table DATA with the sequences.")
@click.option(
    "--target", type=Text(), default="", help="Column with the targets, if they are not the sequences themselves."
)
@click.option("--history", type=click.IntRange(2), default=1024, show_default=True, help="Most steps to show.")
@click.option("--windows", type=click.IntRange(1), default=128, show_default=True, help="Places at which to ask.")
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Seed of everything random."
)
@click.option("--recall", is_flag=True, help="Also fine-tune copies to repeat a symbol from 10, 100 and 1,000 back.")
@click.option("--lags", help="The lags of --recall, between commas: 10,100,10000.")
@click.option("--record", is_flag=True, help="Write the result into the checkpoint's record.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--plot", help="Write loss and influence as a picture: .png, .svg or .pdf.")
def probe(
    name, data, dataset, split, input, target, history, windows, seed, recall, lags, record, as_json, plot
) -> None:
    """Measures the memory of the causal model NAME, on a dataset by name, a text (.txt) or a table DATA.

    Loss against the number of past steps that it may see, influence of a step by its age, receptive field and
    longest path; with --recall the accuracy of repeating a symbol after a short fine-tuning.
    """
    show.check_picture(plot, data)
    if data and dataset:
        raise InputError("give a file or --dataset, not both")
    if lags and not recall:
        raise InputError("--lags are those of --recall: give both")
    chosen = dataset or locate.read_record(name).data["name"]
    backend.start(*([] if data else ["tensorflow"]))  # it reads the datasets, whatever the backend
    from zoo import datasets
    from zoo.analysis import probe as probing
    from zoo.analysis import recall as recalling
    from zoo.pipeline import load

    if data:
        examples, chosen, split = _read(data, input, target), Path(data).name, "all"
    else:
        examples = datasets.load(chosen, split)
    pipeline = load(name)
    found = probing.probe(pipeline, examples, history, windows, seed)
    recalled = recalling.recall(pipeline, _lags(lags) or recalling.LAGS, seed=seed) if recall else []
    probed = probing.document(chosen, split, found, recalled)
    if record:
        probing.write(locate.resolve(name)[1].parent, probed)
    if as_json:
        echo_json({"model": name, **probed})
    else:
        show.probe(probed)
    if plot:
        from zoo.analysis.plotting import memory

        memory(probed, name, plot)


def _read(data: str, input: str, target: str):
    """Returns the examples of a file; the lines of a text belong together."""
    from zoo.data import read
    from zoo.data.examples import Examples
    from zoo.data.lines import lines

    if Path(data).suffix == ".txt":
        return Examples(["".join(line for _, line in lines(data))], [""], [data])
    return read.examples(data, input, target or input)


def _lags(text: str | None) -> list[int]:
    try:
        return [int(lag) for lag in (text or "").split(",") if lag.strip()]
    except ValueError:
        raise InputError(f"--lags {text}: give whole numbers between commas: 10,100,1000") from None
