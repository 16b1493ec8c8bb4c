"""Read and write music as MIDI files."""

from pathlib import Path

from zoo.errors import InputError
from zoo.files import open_output
from zoo.preprocessing.music import KEYS, LOWEST

BEAT = 480  # ticks per quarter note
MAX_FRAMES = 100_000  # maximum frames of a piece
DRUMS = 9  # the drum channel, whose notes are not pitches


def write_midi(frames: list[list[int]], path: str | Path, seconds: float) -> None:
    """Write a piece as piano notes; the same note in neighbouring frames becomes one long note.

    Args:
        frames: MIDI note numbers per frame.
        path: Output file.
        seconds: Duration of a frame.

    Raises:
        InputError: The time is out of range.
        StorageError: The file cannot be written.

    Example:
        >>> write_midi([[60, 64], [60, 67]], "piece.mid", 0.5)
        >>> read_midi("piece.mid", 0.5)
        [[60, 64], [60, 67]]
    """
    import mido

    check_seconds(seconds)
    # A frame is a quarter note, so its duration sets the tempo: exact, and readable as notes.
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(seconds * 1e6), time=0)])
    sounding: set[int] = set()
    waited = 0
    for frame in [*map(set, frames), set()]:
        for kind, notes in (("note_off", sounding - frame), ("note_on", frame - sounding)):
            for note in sorted(notes):
                track.append(mido.Message(kind, note=note, velocity=64, time=waited))
                waited = 0
        sounding = frame
        waited += BEAT
    track.append(mido.MetaMessage("end_of_track", time=max(0, waited - BEAT)))
    with open_output(path) as file:
        mido.MidiFile(type=0, ticks_per_beat=BEAT, tracks=[track]).save(file=file)


def read_midi(path: str | Path, seconds: float) -> list[list[int]]:
    """Read the notes of each frame of a MIDI file, with all instruments except drums merged.

    Args:
        path: A ``.mid`` file.
        seconds: Duration of a frame. A note is in every frame whose middle it covers, and at least in the frame where
            it begins.

    Raises:
        InputError: The file cannot be read, has no notes, or has notes outside a piano's range.
    """
    import mido

    check_seconds(seconds)
    try:
        messages = list(mido.MidiFile(path))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}: not a MIDI file ({' '.join(str(error).split())[:80] or 'cut short'})") from None
    now, sounding = 0.0, {}
    notes: list[tuple[int, float, float]] = []
    for message in messages:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        if not LOWEST <= message.note < LOWEST + KEYS:
            raise InputError(f"{path}: MIDI note {message.note}: a piano has {LOWEST} to {LOWEST + KEYS - 1}")
        start = sounding.pop((message.channel, message.note), None)
        if start is not None:
            notes.append((message.note, start, now))
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note] = now
    notes += [(note, start, now) for (_, note), start in sounding.items()]
    if not notes:
        raise InputError(f"{path}: has no notes: give a piece")
    size = round(max(end for _, _, end in notes) / seconds)
    if size > MAX_FRAMES:
        raise InputError(f"{path}: {size:,} frames of {seconds:g} s, at most {MAX_FRAMES:,}: give longer ones")
    frames: list[set[int]] = [set() for _ in range(max(1, size))]
    for note, start, end in notes:
        # Frame i lasts from i to i + 1; rounding selects the frames whose middle is covered.
        first = min(int(start / seconds + 0.5), len(frames) - 1)
        for frame in frames[first : max(first + 1, int(end / seconds + 0.5))]:
            frame.add(note)
    return [sorted(frame) for frame in frames]


def check_seconds(seconds: float) -> None:
    """Raise InputError for a frame duration that MIDI's tempo cannot hold, or that nobody would hear."""
    if not 0.01 <= seconds <= 10:
        raise InputError(f"{seconds:g} seconds per frame: give 0.01 to 10")
