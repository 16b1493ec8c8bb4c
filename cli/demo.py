"""``zoo demo``: a page that runs models in the browser."""

import click

from zoo.errors import InputError

from .commands import _example
from .output import echo


@click.command(epilog=_example("zoo demo page gru_small.cmudict lstm_small.tiny_shakespeare"))
@click.argument("folder", type=click.Path())
@click.argument("names", nargs=-1, required=True)
@click.option("--runtime", help="Folder dist of the npm package onnxruntime-web. Default: found, or fetched by npm.")
def demo(folder: str, names: tuple[str, ...], runtime: str | None) -> None:
    """Write FOLDER: a static page that runs the checkpoints NAMES on the visitor's machine.

    Show it with python -m http.server --directory FOLDER. It works offline and sends nothing anywhere.
    """
    from zoo.export.cache import is_installed

    if not is_installed():
        raise InputError('ONNX: not installed: pip install "seqzoo[onnx]"')
    from zoo.export.demo import write_demo

    files = write_demo(folder, names, runtime)
    echo(
        f"{folder}\t{len(files)} files, {sum(files.values()) / 1e6:.1f} MB: python -m http.server --directory {folder}"
    )
