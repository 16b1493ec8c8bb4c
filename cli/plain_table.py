"""Print tables in rich's layout without importing rich, where no cell needs wrapping."""

import os
import shutil
import sys
from collections.abc import Sequence

import click

from .output import echo_raw

WIDTH = 200  # columns of a table in a file or a pipe


def print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Print a table where plain text suffices.

    Args:
        columns: Names of the columns.
        rows: Cells of each row.

    Returns:
        Whether the table was printed. If not, it needs rich: a cell would wrap or may contain markup.
    """
    if not _suits_output() or not all(_is_plain(cell) for row in (columns, *rows) for cell in row):
        return False
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    total = sum(widths) + 3 * len(widths) + 1
    terminal = sys.stdout.isatty()
    if total > (shutil.get_terminal_size().columns if terminal else WIDTH):
        return False
    head = _line(columns, widths)
    blank, rule = " " * total, f" {'─' * (total - 2)} "
    lines = [blank, click.style(head, bold=True) if terminal else head, rule]
    lines += [*(_line(row, widths) for row in rows), blank]
    echo_raw("\n".join(lines))
    return True


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"  {'   '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))}  "


def _is_plain(cell: str) -> bool:
    """Returns whether a cell has one column per character and no markup of rich: brackets, ``:emoji:``."""
    return cell.isascii() and cell.isprintable() and not set(cell) & {"[", ":", "\\"}


def _suits_output() -> bool:
    """Returns whether the output takes the lines of the table, and no setting asks for other styles."""
    asked = {"FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"} & os.environ.keys()
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return not asked and not dumb and encoding.lower().startswith("utf")
