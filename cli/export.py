"""``zoo export``: write a checkpoint as graphs that run without Keras."""

import dataclasses
import json

import click

from zoo.errors import InputError

from . import backend
from .commands import _example
from .output import echo, note

FORMATS = ("onnx", "saved_model", "litert")


@click.command(epilog=_example("zoo export gru_small.cmudict g2p --format onnx"))
@click.argument("name")
@click.argument("folder", type=click.Path())
@click.option("--format", "format", type=click.Choice(FORMATS), default="onnx", show_default=True, help="File format.")
@click.option("--int8", is_flag=True, help="ONNX: store 8-bit weights; measure what is lost on 1,000 test inputs.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="With --int8: test inputs.")
@click.option("--check", is_flag=True, help="ONNX: compare every graph with Keras; fail beyond 1e-5 of the scale.")
@click.option("--length", type=click.IntRange(1), help="LiteRT: the fixed length of the sequences.")
def export(name: str, folder: str, format: str, int8: bool, limit: int, check: bool, length: int | None) -> None:
    """Write the checkpoint NAME to FOLDER: graphs, a program that runs them, and a page that says how.

    ONNX graphs take any batch and any length. runner.py needs NumPy and onnxruntime, and tokenizers for texts.
    """
    if format != "onnx" and (int8 or check):
        raise InputError(f"--{'int8' if int8 else 'check'}: only for ONNX: omit it, or give --format onnx")
    if format != "litert" and length:
        raise InputError("--length: only for LiteRT: ONNX takes any length: omit it")
    if int8 and check:
        raise InputError("--check: excludes --int8: 8 bits differ; the score before and after says by how much")
    if format != "onnx":
        from zoo.export.files import check_target

        check_target(folder)
        backend.start()
        from zoo.export import others

        for line in others.export(name, folder, format, length):
            echo(line)
        return
    _require()
    from zoo.export.folder import export as write

    notes = {}
    if check:
        notes["check"] = _compare(name, folder)
    if int8:
        notes["scores"] = _scores(name, folder, limit)
    write(name, folder, int8=int8, notes=notes, on_message=echo)


def _require() -> None:
    """Raise InputError unless the packages of the extra are there."""
    from zoo.export.cache import is_installed

    if not is_installed():
        raise InputError('ONNX: not installed: pip install "seqzoo[onnx]"')


def _compare(name: str, folder: str) -> list[dict]:
    """Compare graphs with Keras before anything is written; returns what was found."""
    from zoo.export.files import check_target

    check_target(folder)
    backend.start()
    from zoo.checkpoints import locate
    from zoo.checkpoints.tensors import read_tensors
    from zoo.export.check import compare
    from zoo.export.folder import make_models
    from zoo.loading import load

    record, _, tensors = locate.locate_and_read(name, read_tensors)
    models = {file: model.SerializeToString() for file, model in make_models(record, tensors).items()}
    result = compare(load(name, record=record), models)
    for one in result:
        note(f"{one.file}: {one.compared:,} outputs differ from Keras by at most {one.error:.1e} of their scale")
        one.check()
    return [dataclasses.asdict(one) for one in result]


def _scores(name: str, folder: str, limit: int) -> dict:
    """Returns the scores with 32 and with 8 bits on the test split of the checkpoint's dataset."""
    from zoo.export.files import check_target

    check_target(folder)
    backend.start("tensorflow")  # it reads the datasets
    from zoo.export.score import score_int8

    result = score_int8(name, limit)
    note(json.dumps(result))
    return result
