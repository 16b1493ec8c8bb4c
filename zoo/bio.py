"""Spans of words as tags: ``B-`` begins one, ``I-`` goes on with it, ``O`` is outside (Ramshaw & Marcus 1995)."""

from collections.abc import Sequence

import numpy as np


def begun(tags: Sequence[str]) -> list[str]:
    """Returns tags in which every span begins with ``B-``.

    An ``I-`` that follows no tag of its kind begins a span, the way conlleval and seqeval read it; it becomes the
    ``B-`` that it stands for. Tags without these prefixes stay as they are.
    """
    before = ["O", *tags]
    return [
        f"B-{tag[2:]}" if tag.startswith("I-") and last not in (f"B-{tag[2:]}", tag) else tag
        for last, tag in zip(before, tags, strict=False)
    ]


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Returns the spans of tags as (kind, first, last), read as in ``begun``; any other tag is a span of one word."""
    found, kind, first = set(), None, 0
    for i, tag in enumerate([*begun(tags), "O"]):
        inside = tag.startswith("I-")
        if kind is not None and not inside:
            found.add((kind, first, i - 1))
            kind = None
        if tag != "O" and not inside:
            kind, first = tag.removeprefix("B-"), i
    return found


def most_likely(likelihoods: np.ndarray, tags: Sequence[str]) -> list[int]:
    """Returns the likeliest tags of a sentence among those in which every span begins with ``B-``.

    A tag chosen for each word alone may go on with a span that nothing began. This is the algorithm of Viterbi (1967)
    where each step is allowed or not: to an ``I-`` from its own kind only, to any other tag from anywhere. So a step
    costs as much as there are tags, not their square.

    Args:
        likelihoods: Log-likelihoods, or logits, of the tags of each word ``(words, tags)``, at least one word.
        tags: Names of the tags; each ``I-`` has its ``B-`` among them.
    """
    places = {tag: i for i, tag in enumerate(tags)}
    inside = np.array([i for i, tag in enumerate(tags) if tag.startswith("I-")], int)
    begins = np.array([places[f"B-{tags[i][2:]}"] for i in inside], int)
    score = likelihoods[0].astype(float)
    score[inside] = -np.inf
    sources = []
    for likely in likelihoods[1:]:
        source = np.full(len(tags), score.argmax())
        source[inside] = np.where(score[inside] > score[begins], inside, begins)
        sources.append(source)
        score = score[source] + likely
    path = [int(score.argmax())]
    for source in reversed(sources):
        path.append(int(source[path[-1]]))
    return path[::-1]
