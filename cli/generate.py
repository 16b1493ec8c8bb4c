"""``zoo generate``: goes on with a text or a piece of music."""

from pathlib import Path
from typing import Any

import click

from zoo.checkpoints import locate
from zoo.errors import InputError
from zoo.files import check_output
from zoo.limits import MAX_SEED

from . import backend, show
from .output import Text, echo, echo_json

LENGTHS = {"language_modelling": 500, "music_modelling": 64}
GIVEN = 16  # frames of a dataset's piece


@click.command(
    epilog="\b\nExamples:\n"
    '  zoo generate gru_small.tiny_shakespeare --prompt "ROMEO:" --temperature 0.8 --stream\n'
    "  zoo generate tcn_small.jsb_chorales --piece 3 --output piece.mid --plot piece.png"
)
@click.argument("name")
@click.option("--prompt", type=Text(), help="Text to go on with; if there is none, the model begins as it likes.")
@click.option("--file", "file", help="What to go on with: a text file; for music .mid, or .json of frames of notes.")
@click.option("--length", type=int, help="Characters (500 if not said) or frames (64) to add.")
@click.option("--temperature", type=float, default=1.0, show_default=True, help="0: always the likeliest; up to 100.")
@click.option("--top-k", type=int, help="Draw from so many of the likeliest characters.")
@click.option("--top-p", type=float, default=1.0, show_default=True, help="Draw from the likeliest that make up this.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help="Seed of the draws.")
@click.option("--stream", "streaming", is_flag=True, help="Print as it comes.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of the plain text.")
@click.option("--dataset", help="Music: where the piece is from, by default what the model was trained on.")
@click.option("--split", help="Music: split of the dataset, test if not said.")
@click.option("--piece", type=click.IntRange(1), help="Music: number of the piece in the split, 1 if not said.")
@click.option("--frames", type=click.IntRange(1), help="Music: frames given; if not said 16, of a file all.")
@click.option("--output", help="Music: also write given and added frames as MIDI, .mid.")
@click.option("--plot", help="Music: also draw the piano roll, .png, .svg or .pdf.")
@click.option("--seconds", type=float, default=0.5, show_default=True, help="Music: time of a frame in MIDI files.")
def generate(name: str, prompt: str | None, length: int | None, streaming: bool, as_json: bool, **options: Any) -> None:
    """Goes on with a text, or with a piece of music, as the checkpoint NAME would.

    A text is printed with its prompt; of music the added frames, a line each, as MIDI notes between spaces.
    """
    record = locate.read_record(name)
    task = record.spec.task
    if task not in LENGTHS:
        raise InputError(
            f"{name} does {task}, it does not say what comes next: choose a model of {' or '.join(LENGTHS)}"
        )
    if streaming and as_json:
        raise InputError("--stream prints as it comes, --json when all is there: give one of them")
    music = task == "music_modelling"
    if music:
        given = _piece(prompt, record, **{key: options[key] for key in ("file", "dataset", "split", "piece", "frames")})
        _check_files(options)
        from zoo.preprocessing.midi import check_seconds

        check_seconds(options["seconds"])
    else:
        unfit = [key for key in ("dataset", "split", "piece", "frames", "output", "plot") if options[key] is not None]
        if unfit:
            raise InputError(f"--{unfit[0]} is for music, and {name} writes text")
        given = _text(prompt, options["file"])
    backend.start()
    from zoo.pipeline import load, stream

    settings = {key: options[key] for key in ("temperature", "top_k", "top_p", "seed")}
    parts = stream(load(name), given, LENGTHS[task] if length is None else length, **settings)
    added: list[Any] = []
    if streaming and not music:
        echo(given, nl=False)
    for part in parts:
        added += part
        if streaming:
            echo(_lines(part) if music else part, nl=False)
    if as_json:
        found = {"prompt": given, "output": added if music else "".join(added)}
        echo_json({"model": name, **found, "seed": options["seed"]})
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
        raise InputError("give --prompt or --file, not both")
    return _read(file)


def _piece(prompt, record, file, dataset, split, piece, frames) -> list[list[int]]:
    """Returns the frames that are given to a model of music."""
    from zoo.preprocessing.music import MusicPreprocessor

    if prompt is not None:
        raise InputError("--prompt is for text: give music as --file or --piece")
    if file is None:
        backend.start("tensorflow")  # it reads the datasets
        from zoo import datasets

        dataset, split, piece = dataset or record.data["name"], split or "test", piece or 1
        if datasets.entry(dataset).task != record.spec.task:
            raise InputError(f"--dataset {dataset} has no music")
        pieces = datasets.load(dataset, split).inputs
        if piece > len(pieces):
            raise InputError(f"--piece {piece}: {dataset} {split} has {len(pieces)}")
        location, roll = f"piece {piece} of {dataset} {split}", pieces[piece - 1]
        frames = frames or min(GIVEN, len(roll))
    elif dataset or split or piece:
        raise InputError("give --file, or a piece of a dataset, not both")
    elif Path(file).suffix.lower() in (".mid", ".midi"):
        from zoo.preprocessing.midi import read_midi

        location, roll = file, read_midi(file, click.get_current_context().params["seconds"])
    elif Path(file).suffix.lower() == ".json":
        location, roll = file, _read(file)
    else:
        raise InputError(f"--file {file}: give music as .mid, or as .json: [[60, 64, 67], [62]]")
    try:
        notes = MusicPreprocessor().decode(MusicPreprocessor().encode_input(roll))
    except InputError as error:
        raise InputError(f"{location}: {error}") from None
    if frames and frames > len(notes):
        raise InputError(f"--frames {frames}: {location} has {len(notes)}")
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
