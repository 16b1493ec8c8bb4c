"""``zoo predict --sentences``: pronounce whole sentences, read from the command line, a file or a pipe."""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

from zoo.errors import InputError, PartlyAnsweredError
from zoo.escape import escape

from . import answering
from .output import echo, echo_json, echo_raw, note

PER_BATCH = 256  # maximum sentences whose unknown words the model reads in one batch


def pronounce(
    name: str,
    record: Any,
    preprocessor: Any,
    words: tuple[str, ...],
    file: str | None,
    lexicon: str | None,
    alphabet: str,
    strict: bool,
    as_json: bool,
    backend: str | None,
    options: dict[str, Any],
) -> None:
    """Print the words of each sentence with their phones and the source of the phones.

    A line has the token, the spoken word, the phones and their source, separated by tabs. An empty line ends a
    sentence.

    Raises:
        InputError: The model writes no ARPAbet and has no languages, or the lexicon cannot be read.
        PartlyAnsweredError: Some lines could not be read.
    """
    from zoo.speech.pronunciation import make_pronouncer

    def load_and_predict(asked: list[str]) -> list[str]:
        nonlocal model
        model = model or answering.load(name, record, preprocessor, backend)
        return model.predict(asked, **options)

    model: Any = None
    bad, answered = 0, 0

    def on_bad(error: InputError) -> None:
        nonlocal bad
        if strict:
            raise error
        bad += 1
        for line in error.lines():
            note(f"error: {line}")

    pronouncer = make_pronouncer(load_and_predict, preprocessor, lexicon, alphabet)
    for sentences, places in _parts(words, file, on_bad):
        for sentence, place, spoken in zip(sentences, places, pronouncer.all(sentences), strict=True):
            answered += 1
            unknown = [row.word for row in spoken if row.source == "unknown"]
            if unknown:
                note(f"note: {place}{unknown[0]!r} cannot be read by the model: give its phones in a lexicon")
            if as_json:
                echo_json({"input": sentence, "words": [dataclasses.asdict(row) for row in spoken]})
                continue
            for row in spoken:
                echo_raw("\t".join(map(escape, (row.text, row.word, row.phones, row.source))))
            echo()
    if bad and not answered:
        raise InputError(f"none of the {bad:,} lines could be read: fix the lines above")
    if bad:
        raise PartlyAnsweredError(f"{bad:,} of {bad + answered:,} lines could not be read: see the lines above")


def _parts(words: tuple[str, ...], file: str | None, on_bad: Any) -> Iterator[tuple[list[str], list[str]]]:
    """Yield batches of sentences with their locations."""
    from zoo.data.lines import lines, stream_lines

    if words:
        yield list(words), [""] * len(words)
        return
    if file in (None, "-"):
        sys.stdout.flush()
        for sentences, places in stream_lines(PER_BATCH, on_bad):
            yield sentences, [f"{place}: " for place in places]
        return
    sentences, places = [], []
    for place, line in lines(file, on_bad=on_bad):
        sentences.append(line.strip())
        places.append(f"{place}: ")
        if len(sentences) == PER_BATCH:
            yield sentences, places
            sentences, places = [], []
    if sentences:
        yield sentences, places
