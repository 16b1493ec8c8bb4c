"""Options that say how a user's data are read, the same for every command."""

import functools

import click


def symbols_option(command):
    """Adds ``--symbols``."""
    return click.option(
        "--symbols",
        type=click.Choice(["characters", "spaces"]),
        help="How target texts are split into symbols; by default at spaces, if what stands between them repeats.",
    )(command)


def labels_option(command):
    """Adds ``--strip-labels``, ``--tag-names``, ``--dialect`` and ``--allow-unknown``."""
    options = (
        click.option(
            "--strip-labels",
            is_flag=True,
            help="Labels that differ only in case, spaces or invisible characters are one label.",
        ),
        click.option("--tag-names", default="", help="Names of numbered tags, in their order, between commas."),
        click.option(
            "--dialect",
            default="",
            help="How a .csv or .tsv is written: auto, or some of encoding=NAME separator=; decimal=, skip=1.",
        ),
        click.option("--allow-unknown", is_flag=True, help="Go on where the model knows less than half of the tokens."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), command)
