"""``zoo profile``: how near a model comes to what the machine can do."""

import click

from zoo.checkpoints import locate
from zoo.models import registry

from . import backend, show
from .output import echo_json


@click.command(epilog="\b\nExample:\n  zoo profile lstm_small --plot roofline.png")
@click.argument("name")
@click.option("--steps", type=click.IntRange(1), default=256, show_default=True, help="Steps of a whole sequence.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--plot", help="Write the roofline with the model's points on it: .png, .svg or .pdf.")
def profile(name: str, steps: int, as_json: bool, plot: str | None) -> None:
    """Counts the FLOPs and bytes of NAME and times it: training, whole sequences and streams, 1 and 32 rows.

    NAME is a checkpoint, a folder, or an architecture and its size (lstm_small). The machine's own limits,
    a product of matrices and a copy in memory, are measured first.
    """
    show.check_picture(plot)
    if registry.architecture_and_size(name) is None:
        locate.read_record(name)  # a wrong name is told before the seconds that the backend takes to start
    backend.start()
    from zoo.analysis import profiling

    found = profiling.profile(name, steps)
    if as_json:
        echo_json(found.to_json())
    else:
        show.profile(found.to_json())
    if plot:
        from zoo.analysis.plotting import roofline

        roofline(found.to_json(), plot)
