"""Shared options for reading user data."""

import functools

import click


def symbols_option(command):
    """Add ``--symbols``."""
    return click.option(
        "--symbols",
        type=click.Choice(["characters", "spaces"]),
        help="How to split target texts into symbols. Default: at spaces if the parts repeat.",
    )(command)


def labels_option(command):
    """Add ``--strip-labels``, ``--tag-names``, ``--dialect`` and ``--allow-unknown``."""
    options = (
        click.option(
            "--strip-labels",
            is_flag=True,
            help="Merge labels that differ only in case, spaces or invisible characters.",
        ),
        click.option("--tag-names", default="", help="Comma-separated names of numbered tags, in order."),
        click.option(
            "--dialect",
            default="",
            help="Dialect of a .csv or .tsv: auto, or some of encoding=NAME separator=; decimal=, skip=1.",
        ),
        click.option("--allow-unknown", is_flag=True, help="Accept data with mostly unknown tokens."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), command)
