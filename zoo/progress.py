"""A progress bar on standard error, on a terminal only."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Shows a bar while the body runs.

    Args:
        title: What is being done.
        total: Number of units in all, if it is known by now.

    Yields:
        A function to call with the number of units just done, a short note to show if any, and the number of
        units in all once it is known.
    """
    if not sys.stderr.isatty():
        yield lambda count=1, note="", total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(count: int = 1, note: str = "", total: int | None = None) -> None:
            bar.update(task, advance=count, note=note, total=total)

        yield advance
