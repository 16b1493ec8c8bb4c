"""CoNLL files: a token and its tags per line, with an empty line between sentences."""

import os
from collections import Counter

from zoo.data.columns import Columns
from zoo.data.examples import Examples, Reading
from zoo.data.lines import ending, lines
from zoo.errors import InputError

ENDINGS = (".conll", ".conllu", ".txt")
UD = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
"""Columns of Universal Dependencies (https://universaldependencies.org/format.html)."""


def read_conll(path: str | os.PathLike, columns: Columns) -> Examples:
    """Read sentences of tokens with tags.

    Columns are separated by tabs, or by spaces if there is no tab. Lines with ``-DOCSTART-``, comments, and the ranges
    and empty nodes of Universal Dependencies (``1-2``, ``1.1``) are left out.

    Args:
        path: The file.
        columns: ``input`` and ``target`` give columns by number from 1, by the names in the first line, or in a
            ``.conllu`` file by the names in ``UD``. The defaults are the first and the last column; in ``.conllu`` FORM
            and UPOS.

    Raises:
        InputError: The file cannot be read, has no sentence, or a line has fewer columns than the others.
    """
    rows = [(location, line.rstrip("\r\n")) for location, line in lines(path)]
    tabs = any("\t" in line for _, line in rows)
    cells = [(location, [c.strip() for c in line.split("\t")] if tabs else line.split()) for location, line in rows]
    counts = Counter(len(row) for _, row in cells if any(row))
    if not counts:
        raise InputError(f"{path}: has no tokens: give a token and its tag per line")
    width = counts.most_common(1)[0][0]
    if width < 2:
        raise InputError(
            f"{path}: only one column: give a token and its tag per line, with a tab between them; or for a language"
            " model the task language_modelling"
        )
    universal = ending(path) == ".conllu" and width == len(UD)
    names: list[str] = [*UD] if universal else [str(i + 1) for i in range(width)]
    given = {name for name in (columns.input, columns.target) if name}
    head = next((row for _, row in cells if len(row) == width), [])
    header = not universal and bool(given - set(names)) and given <= {*head, *names}
    names = list(head) if header else names
    word = _place(columns.input or ("FORM" if universal else names[0]), names, path)
    tag = _place(columns.target or ("UPOS" if universal else names[-1]), names, path)

    sentences: list[tuple[list[str], list[str], str]] = []
    open_sentence, skipped_header, spaced = False, not header, 0
    for location, row in cells:
        if not any(row) or row[0].startswith("-DOCSTART-"):
            open_sentence = False
        elif row[0].startswith("#") and (universal or len(row) != width):
            continue
        elif len(row) != width:
            raise InputError(
                f"{location}: {len(row)} columns, the other lines have {width}: give each token the same number"
            )
        elif universal and not row[0].isdecimal():
            continue
        elif not skipped_header:
            skipped_header = True
        else:
            if not row[word] or not row[tag]:
                raise InputError(f"{location}: an empty token or tag: fill it in or remove the line")
            if not open_sentence:
                sentences.append(([], [], location))
                open_sentence = True
            spaced += len(row[word].split()) > 1 or len(row[tag].split()) > 1
            sentences[-1][0].append("_".join(row[word].split()))
            sentences[-1][1].append("_".join(row[tag].split()))
    if not sentences:
        raise InputError(f"{path}: has no sentence: give a token and its tag per line")
    tokens = sum(len(words) for words, _, _ in sentences)
    notes = [f"read as {len(sentences):,} sentences of {tokens:,} tokens; tokens {names[word]!r}, tags {names[tag]!r}"]
    if spaced:
        notes.append(f"spaces inside {spaced:,} tokens or tags are read as _")
    return Examples(
        [" ".join(words) for words, _, _ in sentences],
        [" ".join(tags) for _, tags, _ in sentences],
        [location for _, _, location in sentences],
        reading=Reading(notes=tuple(notes), layout="tokens"),
    )


def looks_like_conll(path: str | os.PathLike) -> bool:
    """Returns whether a ``.tsv`` has a token per line and empty lines between sentences."""
    sentences = tokens = 0
    inside = False
    for _, line in lines(path):
        if not line.strip():
            inside = False
            continue
        first = line.split("\t")[0].strip()
        if len(first.split()) != 1 or "\t" not in line:
            return False
        sentences += not inside
        tokens += 1
        inside = True
    return sentences > 1 and tokens > sentences


def _place(name: str, names: list[str], path: str | os.PathLike) -> int:
    if name in names:
        return names.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise InputError(f"{path}: no column {name!r}; there are: {', '.join(names)}, or give a number from 1")
