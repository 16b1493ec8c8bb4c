"""``zoo generate``: continue a text or a piece of music."""

from pathlib import Path
from typing import Any

import click

from zoo.checkpoints import locate
from zoo.errors import InputError, located
from zoo.files import check_output
from zoo.limits import MAX_SEED

from . import backend, show
from .output import Text, echo, echo_json

GIVEN = 16  # frames of a dataset's piece used as prompt


@click.command(
    epilog="\b\nExamples:\n"
    '  zoo generate gru_small.tiny_shakespeare --prompt "ROMEO:" --temperature 0.8 --stream\n'
    "  zoo generate tcn_small.jsb_chorales --piece 3 --output piece.mid --plot piece.png"
)
@click.argument("name")
@click.option("--prompt", type=Text(), help="Text to continue. Default: empty.")
@click.option("--file", "file", help="Prompt file: text, .mid or .json (lists of notes).")
@click.option("--length", type=int, help="Characters (default 500) or frames (64) to generate.")
@click.option("--temperature", type=float, default=1.0, show_default=True, help="0 is greedy; at most 100.")
@click.option("--top-k", type=int, help="Sample from the K most likely characters.")
@click.option("--top-p", type=float, default=1.0, show_default=True, help="Nucleus sampling: probability mass.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Random seed of sampling.")
@click.option("--stream", "streaming", is_flag=True, help="Print each part as it is generated.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of text.")
@click.option("--dataset", help="Music: dataset of the piece. Default: the training data.")
@click.option("--split", help="Music: split of the dataset. Default: test.")
@click.option("--piece", type=click.IntRange(1), help="Music: number of the piece in the split. Default: 1.")
@click.option(
    "--frames", type=click.IntRange(1), help="Music: frames of the prompt. Default: 16; all frames of a file."
)
@click.option("--output", help="Music: write prompt and generated frames to a .mid file.")
@click.option("--plot", help="Music: plot the piano roll to a .png, .svg or .pdf file.")
@click.option("--seconds", type=float, default=0.5, show_default=True, help="Music: seconds per frame in MIDI files.")
def generate(name: str, prompt: str | None, length: int | None, streaming: bool, as_json: bool, **options: Any) -> None:
    """Continue a text or a piece of music with the checkpoint NAME.

    Text is printed after its prompt. Music is printed as one line of MIDI notes per generated frame.
    """
    from zoo.tasks import GENERATED

    record = locate.read_record(name)
    task = record.spec.task
    if task not in GENERATED:
        raise InputError(f"{name}: {task} predicts no next step: choose a model of {' or '.join(GENERATED)}")
    kind, default_length = GENERATED[task]
    if streaming and as_json:
        raise InputError("--stream: excludes --json: give one of them")
    music = kind == "notes"
    if music:
        given = _piece(prompt, record, **{key: options[key] for key in ("file", "dataset", "split", "piece", "frames")})
        _check_files(options)
        from zoo.preprocessing.midi import check_seconds

        check_seconds(options["seconds"])
    else:
        unfit = [key for key in ("dataset", "split", "piece", "frames", "output", "plot") if options[key] is not None]
        if unfit:
            raise InputError(f"--{unfit[0]}: only for music, and {name} generates text: omit it")
        given = _text(prompt, options["file"])
    backend.start()
    from zoo.inference.generation import stream
    from zoo.loading import load

    settings = {key: options[key] for key in ("temperature", "top_k", "top_p", "seed")}
    parts = stream(load(name), given, default_length if length is None else length, **settings)
    added: list[Any] = []
    if streaming and not music:
        echo(given, nl=False)
    for part in parts:
        added += part
        if streaming:
            echo(_lines(part) if music else part, nl=False)
    if as_json:
        result = {"prompt": given, "output": added if music else "".join(added)}
        echo_json({"model": name, **result, "seed": options["seed"]})
    elif not streaming:
        echo(_lines(added) if music else given + "".join(added), nl=False)
    if not music and not as_json:
        echo()
    if options["output"]:
        from zoo.preprocessing.midi import write_midi

        write_midi([*given, *added], options["output"], options["seconds"])
    if options["plot"]:
        from zoo.analysis.plotting import piano_roll

        piano_roll([*given, *added], len(given), options["plot"])


def _lines(frames: list[list[int]]) -> str:
    return "".join(f"{' '.join(map(str, frame))}\n" for frame in frames)


def _text(prompt: str | None, file: str | None) -> str:
    if file is None:
        return prompt or ""
    if prompt is not None:
        raise InputError("--prompt: excludes --file: give one of them")
    return _read(file)


def _piece(prompt, record, file, dataset, split, piece, frames) -> list[list[int]]:
    """Returns the frames of a music prompt."""
    from zoo.preprocessing.music import MusicPreprocessor

    if prompt is not None:
        raise InputError("--prompt: only for text: give music as --file or --piece")
    if file is None:
        backend.start("tensorflow")  # reads the datasets
        from zoo import datasets

        dataset, split, piece = dataset or record.data["name"], split or "test", piece or 1
        if datasets.entry(dataset).task != record.spec.task:
            raise InputError(f"--dataset {dataset}: has no music: choose another one")
        pieces = datasets.load(dataset, split).inputs
        if piece > len(pieces):
            raise InputError(f"--piece {piece}: {dataset} {split} has {len(pieces)} pieces: give a smaller number")
        location, roll = f"piece {piece} of {dataset} {split}", pieces[piece - 1]
        frames = frames or min(GIVEN, len(roll))
    elif dataset or split or piece:
        raise InputError("--file: excludes a piece of a dataset: give one of them")
    elif Path(file).suffix.lower() in (".mid", ".midi"):
        from zoo.preprocessing.midi import read_midi

        location, roll = file, read_midi(file, click.get_current_context().params["seconds"])
    elif Path(file).suffix.lower() == ".json":
        location, roll = file, _read(file)
    else:
        raise InputError(f"--file {file}: give music as .mid, or as .json: [[60, 64, 67], [62]]")
    with located(location):
        notes = MusicPreprocessor().decode(MusicPreprocessor().encode_input(roll))
    if frames and frames > len(notes):
        raise InputError(f"--frames {frames}: {location} has {len(notes)} frames: give a smaller number")
    return notes[:frames]


def _check_files(options: dict[str, Any]) -> None:
    if options["output"] and Path(options["output"]).suffix.lower() not in (".mid", ".midi"):
        raise InputError(f"--output {options['output']}: give a name that ends in .mid")
    if options["output"]:
        check_output(options["output"], options["file"])
    show.check_picture(options["plot"], options["file"])


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{file}: not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
