"""Progress bar on standard error, shown on terminals only."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(title: str, total: int | None = None, unit: str = "") -> Iterator[Callable[..., None]]:
    """Show a bar while the body runs.

    Args:
        title: Label of the bar.
        total: Total number of units, if known.
        unit: ``"bytes"`` shows kilobytes and megabytes, and leaves the bar on the screen.

    Yields:
        A function of the number of units just done, an optional note to show, and the total once it is known.
    """
    if not sys.stderr.isatty():
        yield lambda count=1, note="", total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=unit != "bytes") as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(count: int = 1, note: str = "", total: int | None = None) -> None:
            bar.update(task, advance=count, note=note, total=total)

        yield advance
