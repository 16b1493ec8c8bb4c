"""``zoo profile``: place a model on the machine's roofline."""

import click

from zoo.checkpoints import locate
from zoo.models import registry

from . import backend, show
from .output import echo_json


@click.command(epilog="\b\nExample:\n  zoo profile lstm_small --plot roofline.png")
@click.argument("name")
@click.option("--steps", type=click.IntRange(1), default=256, show_default=True, help="Steps per sequence.")
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, help="Rows. Default: 1 and 32. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--plot", help="Plot the roofline to a .png, .svg or .pdf file.")
def profile(name: str, steps: int, batches: tuple[int, ...], as_json: bool, plot: str | None) -> None:
    """Count the FLOPs and bytes of NAME and times it: training, whole sequences and streams. On JAX count the
    memory of a training step, too.

    NAME is a checkpoint, a folder, or an architecture and its size (lstm_small). The machine's own limits,
    a product of matrices and a copy in memory, are measured first.
    """
    show.check_picture(plot)
    if registry.architecture_and_size(name) is None:
        locate.read_record(name)  # check the name before the backend starts
    backend.start()
    from zoo.analysis import profiling

    result = profiling.profile(name, steps, batches or (1, 32))
    if as_json:
        echo_json(result.to_json())
    else:
        show.profile(result.to_json())
    if plot:
        from zoo.analysis.plotting import roofline

        roofline(result.to_json(), plot)
