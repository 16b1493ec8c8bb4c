"""Find pronunciations of English words that CMUdict lacks, as further words to train on.

Several checkpoints write a pronunciation together: the score of a symbol is the mean of their log-probabilities. So
they teach a new model (Sun et al. 2019, arXiv 1904.03446). Frequent words of Wikipedia and Wikinews get the most likely
output. For words of Wiktionary, whose pronunciation in IPA is known, the outputs of a beam search are weighed by how
well they fit the IPA. A memoryless transducer (Ristad & Yianilos 1998, IEEE PAMI 20:522) learns the fit from the words
that both dictionaries have.

No word that differs from a word of a validation or test split only in case, apostrophe or hyphen is among them.

``python -m zoo.fitting.dictionary extension.tsv.xz`` needs the datasets ``cmudict``, ``wikipron`` and ``english``, and
takes about half an hour of one core.
"""

import collections
import lzma
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from keras import ops

import zoo
from zoo import datasets
from zoo.data.languages import split_tag
from zoo.datasets.english.english import FILES, read
from zoo.inference.decoding import Decoder
from zoo.metrics.edits import strip_stress

TEACHERS = ("lstm_small.cmudict", "transformer_small.cmudict", "gru_small.cmudict")
BEAM_TEACHERS = TEACHERS[:2]
BEAM = 8
FIT_WEIGHT = 0.25  # of the fit to the IPA, beside the teachers' log-probability
MIN_PROBABILITY = 0.2  # of the teachers' output for a word without IPA
MIN_FIT = -3.0  # mean log-probability of a phone of the IPA and of the output
MIN_COUNT = 2  # minimum occurrences of a word in Wikipedia and Wikinews
MAX_LETTERS = 20
VARIETIES = ("en-US", "en-GB")  # the preferred one first
PAIRS, ROUNDS = 12_000, 5  # words and rounds of expectation maximization


def spelling(word: str) -> str:
    """Returns a word without case, apostrophes, hyphens and full stops.

    Example:
        >>> spelling("O'Neill-Smith")
        'oneillsmith'
    """
    return re.sub(r"[\W_]", "", word.lower())


class Ensemble:
    """Several sequence-to-sequence models with the same symbols that write one output together.

    The score of a symbol is the mean of the models' log-probabilities.

    Args:
        models: The models.
    """

    def __init__(self, models):
        self.models = models
        self.config = models[0].config
        self.variables = [variable for model in models for variable in model.variables]

    def encode(self, source, mask):
        """Returns the memory of each model."""
        return tuple(model.encode(source, mask) for model in self.models)

    def initial_state(self, memory, length):
        """Returns the first state of each model."""
        return tuple(model.initial_state(own, length) for model, own in zip(self.models, memory, strict=True))

    def step(self, last, state, memory):
        """Returns the mean log-probabilities ``(batch, symbols)``, no attention, and the next states."""
        steps = [model.step(last, *own) for model, *own in zip(self.models, state, memory, strict=True)]
        likely = sum(ops.log_softmax(logits) for logits, _, _ in steps) / len(steps)
        return likely, None, tuple(own for _, _, own in steps)


class Transducer:
    """A memoryless transducer: a pair of symbol sequences is a series of edits, each with its own probability.

    An edit is a pair of symbols, or a symbol of one side alone. The probability of a pair is the sum over all ways to
    write it as edits.

    Args:
        pairs: Pairs of sequences to learn from, by expectation maximization.
        rounds: Number of rounds.

    Example:
        >>> pairs = [(["a", "b"], ["A", "B"]), (["b"], ["B"]), (["a"], ["A"])]
        >>> model = Transducer(pairs, 3)
        >>> model.log_probability(["a"], ["A"]) > model.log_probability(["a"], ["B"])
        True
    """

    def __init__(self, pairs: list[tuple[list[str], list[str]]], rounds: int = ROUNDS):
        self.sources = {s: i + 1 for i, s in enumerate(sorted({s for pair in pairs for s in pair[0]}))}
        self.targets = {s: i + 1 for i, s in enumerate(sorted({s for pair in pairs for s in pair[1]}))}
        # Row and column 0 stand for no symbol. At first a pair is ten times as likely as a symbol alone.
        chances = np.full((len(self.sources) + 1, len(self.targets) + 1), 1.0)
        chances[0] = chances[:, 0] = 0.1
        chances[0, 0] = 0.0
        self.chances = chances / chances.sum()
        for _ in range(rounds):
            counts = np.full_like(chances, 1e-3)
            counts[0, 0] = 0.0
            for source, target in pairs:
                self._count(*self._ids(source, target), counts)
            self.chances = counts / counts.sum()

    def _ids(self, source: list[str], target: list[str]) -> tuple[list[int], list[int]]:
        return [self.sources[s] for s in source], [self.targets[s] for s in target]

    def _forward(self, source: list[int], target: list[int]) -> np.ndarray:
        """Returns the probability of each pair of beginnings, ``(source + 1, target + 1)``."""
        result = np.zeros((len(source) + 1, len(target) + 1))
        result[0, 0] = 1.0
        for i in range(len(source) + 1):
            for j in range(len(target) + 1):
                if i:
                    result[i, j] += result[i - 1, j] * self.chances[source[i - 1], 0]
                if j:
                    result[i, j] += result[i, j - 1] * self.chances[0, target[j - 1]]
                if i and j:
                    result[i, j] += result[i - 1, j - 1] * self.chances[source[i - 1], target[j - 1]]
        return result

    def _count(self, source: list[int], target: list[int], counts: np.ndarray) -> None:
        """Add the expected number of each edit of a pair."""
        before = self._forward(source, target)
        after = self._forward(source[::-1], target[::-1])[::-1, ::-1]  # edits have no memory, hence no direction
        for i in range(len(source) + 1):
            for j in range(len(target) + 1):
                share = after[i, j] / before[-1, -1]
                if i:
                    counts[source[i - 1], 0] += before[i - 1, j] * self.chances[source[i - 1], 0] * share
                if j:
                    counts[0, target[j - 1]] += before[i, j - 1] * self.chances[0, target[j - 1]] * share
                if i and j:
                    edit = source[i - 1], target[j - 1]
                    counts[edit] += before[i - 1, j - 1] * self.chances[edit] * share

    def log_probability(self, source: list[str], target: list[str]) -> float:
        """Returns the log-probability of a pair; minus infinity if a symbol is unknown."""
        if not (self.sources.keys() >= set(source) and self.targets.keys() >= set(target)):
            return -math.inf
        chance = self._forward(*self._ids(source, target))[-1, -1]
        return math.log(chance) if chance else -math.inf


def taught(words: list[str], beam_size: int, teachers: Iterable[str]) -> list[list[tuple[str, float]]]:
    """Returns the pronunciations that checkpoints write together for each word, with their log-probabilities."""
    pipelines = [zoo.load(name) for name in teachers]
    preprocessor = pipelines[0].preprocessor
    assert all(pipeline.preprocessor == preprocessor for pipeline in pipelines)
    decoder = Decoder(Ensemble([pipeline.model for pipeline in pipelines]), preprocessor.max_target + 1)
    decoded = decoder([preprocessor.encode_input(word) for word in words], beam_size)
    return [
        [(preprocessor.target.decode(ids), score * (len(ids) + 1)) for ids, score in hypotheses]
        for hypotheses in decoded
    ]


def fit(transducer: Transducer, ipa: str, phones: str) -> float:
    """Returns the log-probability of an IPA pronunciation with one in ARPAbet, whose stress is not compared."""
    return transducer.log_probability(ipa.split(), strip_stress(phones.split()))


def best_fit(transducer: Transducer, ipa: str, hypotheses: list[tuple[str, float]]) -> str | None:
    """Returns the pronunciation with the best sum of likelihood and fit; ``None`` if none fits."""
    fits = {phones: fit(transducer, ipa, phones) for phones, _ in hypotheses}
    best = max(hypotheses, key=lambda hypothesis: hypothesis[1] + FIT_WEIGHT * fits[hypothesis[0]])[0]
    return best if fits[best] >= MIN_FIT * (len(ipa.split()) + len(best.split())) else None


def wiktionary() -> dict[str, str]:
    """Returns the first pronunciation in IPA of each English word, in lower case."""
    found: dict[str, dict[str, str]] = {language: {} for language in VARIETIES}
    for split in ("train", "validation", "test"):
        examples = datasets.load("wikipron", split)
        for text, phones in zip(examples.inputs, examples.targets, strict=True):
            language, word = split_tag(text)
            if language in found and re.fullmatch(rf"[a-z'.-]{{1,{MAX_LETTERS}}}", word.lower()):
                found[language].setdefault(word.lower(), phones)
    return {word: phones for language in reversed(VARIETIES) for word, phones in found[language].items()}


def frequent_words() -> list[str]:
    """Returns the words of Wikipedia and Wikinews that occur at least ``MIN_COUNT`` times, in lower case."""
    counts: collections.Counter[str] = collections.Counter()
    paths = datasets.local_copies("english", FILES)
    for source, split, text in read(paths):
        if split == "train" and source in ("wikipedia", "wikinews"):
            pattern = r"(?<![^\W\d_])[A-Za-z]+(?:'[A-Za-z]+)?(?![^\W\d_])"
            counts.update(word.lower() for word in re.findall(pattern, text.replace("’", "'")))
    return [
        word
        for word, count in counts.items()
        if count >= MIN_COUNT and 2 < len(word) <= MAX_LETTERS and not word.endswith("'s")
    ]


def main(output: str) -> None:
    """Write the words and pronunciations to a file, ``word<TAB>phones`` each, packed with xz."""
    barred = {
        spelling(word)
        for name in ("cmudict", "cmudict/published")
        for split in ("validation", "test")
        for word in datasets.load(name, split).inputs
    }
    known: dict[str, str] = {}
    examples = datasets.load("cmudict", "train")
    for word, phones in zip(examples.inputs, examples.targets, strict=True):
        if spelling(word) not in barred:
            known.setdefault(word, phones)
    ipa = wiktionary()
    transducer = Transducer([(ipa[w].split(), strip_stress(known[w].split())) for w in ipa if w in known][:PAIRS])
    new = [word for word in ipa if word not in known and spelling(word) not in barred]
    found = {
        word: best_fit(transducer, ipa[word], hypotheses)
        for word, hypotheses in zip(new, taught(new, BEAM, BEAM_TEACHERS), strict=True)
    }
    others = [w for w in frequent_words() if w not in known and w not in ipa and spelling(w) not in barred]
    for word, [(phones, likely)] in zip(others, taught(others, 1, TEACHERS), strict=True):
        found[word] = phones if math.exp(likely) >= MIN_PROBABILITY else None
    rows = [f"{word}\t{phones}\n" for word, phones in sorted(found.items()) if phones]
    Path(output).write_bytes(lzma.compress("".join(rows).encode("ascii"), preset=9))
    print(f"{len(rows):,} of {len(found):,} words, {len(new):,} of them of Wiktionary", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
