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


def series_options(required: bool):
    """Returns a decorator that adds ``--horizon``, ``--period`` and ``--time-format``, and ``--dialect`` if required.

    Args:
        required: Whether the command only forecasts. Others have ``--dialect`` from ``labels_option``, and
            ``--windows``.
    """
    options = [
        click.option(
            "--horizon",
            type=int,
            required=required,
            help="Steps to forecast, 1 to 10,000." if required else "Of a forecaster: steps to forecast.",
        ),
        click.option("--period", type=int, help="Steps of a season. Default: from the dates or the values."),
        click.option(
            "--time-format", default="", help="Format of dates that can be read in two ways, such as %d/%m/%Y."
        ),
    ]
    if not required:
        options.append(
            click.option("--windows", type=int, help="Of a forecaster: last windows per series to score on.")
        )
    else:
        options.append(
            click.option(
                "--dialect",
                default="",
                help="Dialect of a .csv or .tsv: auto, or some of encoding=NAME separator=; decimal=, skip=1.",
            )
        )

    def add(command):
        return functools.reduce(lambda made, option: option(made), reversed(options), command)

    return add
