"""Tables for users: columns where the terminal is wide enough for them, else one record per block."""

import textwrap
from collections.abc import Sequence

from zoo.escape import escape

from .output import echo_raw
from .plain_table import WIDTH, print_plain


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table.

    Args:
        columns: The names of the columns.
        rows: The cells of each row; a row whose first cell is empty goes on with the one before.
        title: A line above the table, if any.
    """
    title, rows = escape(title), [[escape(cell) for cell in row] for row in rows]
    if not title and print_plain(columns, rows):
        return
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(*columns, title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for row in rows:
        table.add_row(*row)
    # Names of users' files and labels are no markup.
    console = Console(highlight=False, soft_wrap=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    # A column narrower than its longest word would cut names.
    if Measurement.get(console, console.options.update_width(10 * WIDTH), table).minimum > console.width:
        _print_blocks(columns, rows, title, console.width)
    else:
        console.print(table)


def _print_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, width: int) -> None:
    blocks = [textwrap.wrap(title, width)] if title else []
    for row in rows:
        lines = blocks[-1] if blocks and not row[0] else []
        if row[0]:
            blocks.append(lines)
        for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
            text = f"{column}: {cell}" if column else cell
            indent = "  " if place else ""
            if cell:
                lines += textwrap.wrap(
                    text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False
                )
    echo_raw("\n\n".join("\n".join(lines) for lines in blocks))
