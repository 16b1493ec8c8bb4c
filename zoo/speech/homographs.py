"""English homographs: words whose pronunciation depends on part of speech or meaning.

Each word has one sense per kind of context. Contexts are rules over neighbouring words: determiners and adjectives
precede nouns, ``to`` and modal verbs precede verbs, forms of ``have`` and ``be`` precede participles.
"""

import csv
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from zoo.speech.vocabulary import WORD_LISTS

SENSES = ("noun", "verb", "past")
_DETERMINERS = WORD_LISTS["determiners"]
_BEFORE_VERBS = WORD_LISTS["before_verbs"]
_SUBJECTS = WORD_LISTS["subjects"]
_AUXILIARIES = WORD_LISTS["auxiliaries"]
_PAST_MARKERS = WORD_LISTS["past_markers"]
_PREPOSITIONS = WORD_LISTS["prepositions"]


@dataclasses.dataclass(frozen=True)
class Homograph:
    """Pronunciations of a homograph.

    Attributes:
        noun: As a noun or an adjective; for two nouns, the more frequent one.
        verb: As a verb in the present or the infinitive; for two nouns or adjectives, the rarer one.
        past: As a past tense or a participle; empty if equal to ``verb``.
        default: Most frequent sense, used if no rule applies.
        cues: Neighbouring words that decide, with the sense that they select.
    """

    noun: str
    verb: str
    past: str = ""
    default: str = "noun"
    cues: dict[str, str] = dataclasses.field(default_factory=dict)


@functools.cache
def homographs() -> dict[str, Homograph]:
    """Returns the homographs by word, from ``homographs.tsv``, with pronunciations in CMUdict's form."""
    text = (Path(__file__).parent / "homographs.tsv").read_text("utf-8")
    result = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        cues = {cue: sense for sense in SENSES for cue in row[f"{sense}_cues"].split()}
        result[row["word"]] = Homograph(row["noun"], row["verb"], row["past"], row["default"], cues)
    return result


def choose(words: Sequence[str], place: int) -> str:
    """Returns the phones of a homograph in its sentence, or an empty text for other words.

    Args:
        words: Spoken words of the sentence, in lower case.
        place: Index of the word.

    Example:
        >>> choose("she will read it".split(), 2), choose("she has read it".split(), 2)
        ('R IY1 D', 'R EH1 D')
    """
    word = homographs().get(words[place])
    if word is None:
        return ""
    return getattr(word, _sense(word, words, place)) or word.verb


def _sense(word: Homograph, words: Sequence[str], place: int) -> str:
    """Returns the sense of a homograph in its context."""
    before = words[place - 1] if place else ""
    two_before = words[place - 2] if place > 1 else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    nearby = [w for w in (*words[max(0, place - 4) : place], *words[place + 1 : place + 5]) if w in word.cues]
    participle = before in _AUXILIARIES or (two_before in _AUXILIARIES and before.endswith("ly"))
    if word.past and word.past != word.noun and participle and not word.cues:
        return "past"
    if nearby and not (
        before in ("to", "will", "can", "could", "would", "must", "should") and word.cues[nearby[0]] == "noun"
    ):
        return word.cues[nearby[0]]
    if before in _DETERMINERS or (
        two_before in _DETERMINERS and before not in _BEFORE_VERBS and not before.endswith("ly")
    ):
        return "noun"
    if before in _BEFORE_VERBS or (before.endswith("ly") and two_before in _SUBJECTS | _BEFORE_VERBS):
        in_the_past = word.past and before in _SUBJECTS and _PAST_MARKERS & set(words)
        return "past" if in_the_past else "verb"
    if before in ("he", "she", "it") and word.past:
        return "past"  # the present tense would end in s
    if not before and after in _DETERMINERS | {"me", "us", "it", "them", "him", "her", "your"}:
        return "verb"
    if before in _PREPOSITIONS:
        return "noun"
    if after in _DETERMINERS | {"me", "us", "it", "them", "him", "her"}:
        return "past" if word.past and _PAST_MARKERS & set(words) else "verb"
    return word.default
