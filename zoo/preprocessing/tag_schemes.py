"""Tagging schemes: convert recognised ones to IOB2, the scheme of the tagging models."""

import re
from collections.abc import Sequence

from zoo.preprocessing.tags import to_iob2

OUTSIDE = "Oo"
NAMELESS = "span"
"""Kind of spans whose tags are only B, I and O."""

_BEGIN = "BSUW"
_STYLES = {
    "B-kind": re.compile(r"([BIESLUWM])-(.+)"),
    "b-kind": re.compile(r"([biesluwm])-(.+)"),
    "B_kind": re.compile(r"([BIESLUWMbiesluwm])_(.+)"),
    "B:kind": re.compile(r"([BIESLUWM]):(.+)"),
    "kind-B": re.compile(r"(.+)-([BIESLUWMbiesluwm])"),
    "kind_B": re.compile(r"(.+)_([BIESLUWM])"),
}


def convert_to_iob2(sentences: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[str]]:
    """Returns tags in IOB2 (``B-`` begins a span, ``I-`` continues it, ``O`` is outside), and the conversions.

    Recognised are IOB1 (``B-`` only between two spans of a kind), IOBES and BILOU. The letter may be in lower case or
    after the kind, and other marks may separate them. All tags must have the same style. Tags of no scheme, such as
    parts of speech, are returned unchanged.

    Args:
        sentences: The tags of each sentence.

    Returns:
        The tags, and a note per conversion.

    Example:
        >>> convert_to_iob2([["S-city", "o"], ["B-city", "E-city"]])[0]
        [['B-city', 'O'], ['B-city', 'I-city']]
    """
    inside = {tag for tags in sentences for tag in tags if tag not in OUTSIDE}
    outside = any(tag in OUTSIDE for tags in sentences for tag in tags)
    parsed, style = _parsed(inside, outside)
    if not parsed:
        mixed = sorted(tag for tag in inside if not tag.startswith(("B-", "I-")))
        shown = ", ".join(map(repr, mixed[:5]))
        notes = [f"tags without B- or I- among others with it, each read as a separate class: {shown}"]
        return [list(tags) for tags in sentences], notes * (0 < len(mixed) < len(inside))
    letters = {letter.upper() for letter, _ in parsed.values()}
    names = {tag: f"{'B' if letter.upper() in _BEGIN else 'I'}-{kind}" for tag, (letter, kind) in parsed.items()}
    names |= {tag: "O" for tag in OUTSIDE}
    converted = [[names[tag] for tag in tags] for tags in sentences]
    scheme = "IOBES" if letters & set("ES") else "BILOU" if letters & set("LU") else "BMES" if "M" in letters else ""
    begins = any(fixed != tags for fixed, tags in zip(map(to_iob2, converted), converted, strict=True))
    parts = [f"tags written as {style}"] if style != "B-kind" else []
    parts += [scheme] if scheme else ["IOB1, where I- may begin a span"] if begins else []
    parts += ["'o' for O"] if any("o" in tags for tags in sentences) else []
    return [to_iob2(tags) for tags in converted], [f"tags are read as IOB2; found: {', '.join(parts)}"] * bool(parts)


def _parsed(tags: set[str], outside: bool) -> tuple[dict[str, tuple[str, str]], str]:
    """Returns letter and kind of each tag, and their style; nothing if the tags have no common scheme."""
    if outside and tags and tags <= set("BIES"):
        return {tag: (tag, NAMELESS) for tag in tags}, "letters alone"
    for style, pattern in _STYLES.items():
        parsed = {tag: match.groups() for tag in tags if (match := pattern.fullmatch(tag))}
        if not tags or len(parsed) < len(tags):
            continue
        pairs = {tag: (b, a) if style.startswith("kind") else (a, b) for tag, (a, b) in parsed.items()}
        # A letter after a name may be part of the name. Only a scheme has O and a letter that begins spans.
        letters = {letter.upper() for letter, _ in pairs.values()}
        if style in ("B-kind", "b-kind") or (outside and letters & set(_BEGIN)):
            return pairs, style
    return {}, ""
