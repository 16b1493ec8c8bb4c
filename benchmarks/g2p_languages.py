"""Compare a model of many languages with phonemizer (espeak-ng) and gruut, on words and on English sentences.

    apt-get install espeak-ng
    pip install phonemizer gruut gruut-lang-de gruut-lang-es gruut-lang-fr gruut-lang-it
    python benchmarks/g2p_languages.py --model lstm_small.wikipron --languages de,es-ES,fr,it

Words are those of the test split of ``wikipron``, which the zoo's model has not seen. espeak-ng has rules and lists
written by hand; gruut has dictionaries, partly made from Wiktionary, which may have these very words. Each writes IPA
by its own conventions, so only base letters are compared: no stress, length, ties or other marks. A difference from
Wiktionary is not always an error.

Sentences are English, those of ``benchmarks/homographs_dev.tsv``. Peers that are not installed are left out.
"""

import argparse
import unicodedata
from collections.abc import Callable
from pathlib import Path

from g2p import fastest

import zoo
from zoo import datasets
from zoo.data.languages import split_tag, tag
from zoo.export.cache import load_predictor
from zoo.metrics.edits import edits, error_rates
from zoo.speech.pronunciation import Pronouncer
from zoo.tasks import find_task

SENTENCES = Path(__file__).parent / "homographs_dev.tsv"
ESPEAK = {"fr": "fr-fr", "es-ES": "es", "en-US": "en-us", "en-GB": "en-gb", "pt-BR": "pt-br", "pt-PT": "pt"}
GRUUT = {"de": "de_DE", "es-ES": "es_ES", "fr": "fr_FR", "it": "it_IT", "en-US": "en_US"}

Phonemize = Callable[[list[str]], list[str]]


def espeak(language: str) -> Phonemize | None:
    """Returns espeak-ng's pronunciation of texts through phonemizer; ``None`` if it is not installed."""
    try:
        from phonemizer.backend import EspeakBackend  # pyright: ignore[reportMissingImports]

        backend = EspeakBackend(ESPEAK.get(language, language), language_switch="remove-flags")
    except (ImportError, RuntimeError):
        return None
    return lambda texts: list(backend.phonemize(texts))


def gruut(language: str) -> Phonemize | None:
    """Returns gruut's pronunciation of texts; ``None`` if it or the language is not installed."""
    try:
        from gruut import sentences  # pyright: ignore[reportMissingImports]

        list(sentences("a", lang=GRUUT[language]))
    except (ImportError, LookupError, ValueError, OSError):
        return None

    def phones(text: str) -> str:
        words = (word for sentence in sentences(text, lang=GRUUT[language]) for word in sentence)
        return " ".join(" ".join(word.phonemes or ()) for word in words)

    return lambda texts: [phones(text) for text in texts]


def base_letters(phones: str) -> list[str]:
    """Returns the letters of an IPA text without marks and modifiers."""
    return [c for c in unicodedata.normalize("NFD", phones) if unicodedata.category(c) in ("Ll", "Lo", "Lu")]


def peers(language: str) -> dict[str, Phonemize]:
    both = {"espeak-ng": espeak(language), "gruut": gruut(language)}
    return {name: phonemize for name, phonemize in both.items() if phonemize is not None}


def compare_words(model: str, language: str) -> None:
    """Print accuracy and speed on the test words of a language."""
    runtime = load_predictor(model)
    cases = find_task("sequence_to_sequence").cases(datasets.load("wikipron", "test"))
    rows = [(split_tag(text), phones) for text, phones in zip(cases.inputs, cases.references, strict=True)]
    chosen = [(word, phones) for (code, word), phones in rows if code == language]
    words = [word for word, _ in chosen]
    references = [[base_letters(text) for text in phones] for _, phones in chosen]
    tagged = [tag(language, word) for word in words]
    systems: dict[str, Callable[[], list[str]]] = {
        f"{model}, beam 5": lambda: runtime.predict(tagged, beam_size=5, batch_size=256),
        f"{model}, greedy": lambda: runtime.predict(tagged, beam_size=1, batch_size=256),
        **{name: (lambda run=run: run(words)) for name, run in peers(language).items()},
    }
    outputs = {name: run() for name, run in systems.items()}
    seconds = fastest(dict(systems))
    for name, phones in outputs.items():
        rates = error_rates(edits([base_letters(text) for text in phones], references))
        wer, per = (f"{100 * r.value:5.1f} ({100 * r.low:.1f}-{100 * r.high:.1f})" for r in rates.values())
        speed = len(words) / seconds[name]
        print(f"{language:<8}{name:<32} words {wer:<20} letters {per:<20} {speed:>8,.0f} words/s", flush=True)


def compare_sentences(model: str) -> None:
    """Print the speed on English sentences."""
    lines = SENTENCES.read_text("utf-8").splitlines()[1:]
    texts = [max(line.split("\t"), key=len) for line in lines]
    loaded = zoo.load(model)
    systems: dict[str, Callable[[], object]] = {
        model: lambda: Pronouncer(loaded.predict, loaded.preprocessor).all(texts),
        **{name: (lambda run=run: run(texts)) for name, run in peers("en-US").items()},
    }
    for run in systems.values():
        run()
    for name, seconds in fastest(systems).items():
        print(f"{name:<40} {len(texts) / seconds:>8,.0f} sentences/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lstm_small.wikipron", help="checkpoint of many languages")
    parser.add_argument("--languages", default="de,es-ES,fr,it", help="codes, separated by commas")
    parser.add_argument("--english", default="lstm_tiny.cmudict", help="checkpoint that reads the sentences")
    options = parser.parse_args()
    print("errors in % with 95 % intervals, of words and of base letters")
    for language in options.languages.split(","):
        compare_words(options.model, language)
    compare_sentences(options.english)


if __name__ == "__main__":
    main()
