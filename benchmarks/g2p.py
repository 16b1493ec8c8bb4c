"""Compare the network of PyPI's g2p-en with a checkpoint of the zoo on the same held-out words.

    pip install --no-deps g2p-en
    python benchmarks/g2p.py --model gru_small.cmudict

g2p-en looks words up in CMUdict, and runs its network on words that it does not find. Only the network is compared
here, by its own ``predict``. NLTK and inflect, which the package imports for the look-up and for numbers, are replaced
by empty stand-ins, so that no data are needed.

g2p-en's network has probably seen most of the test words. Its author names a notebook as its training code
(https://github.com/Kyubyong/g2p/issues/5). The notebook shuffles NLTK's CMUdict without a seed and trains on 80 % of
its words. These words are not known. The shipped weights are twice as wide as the notebook's, so even the share is
uncertain. This favours g2p-en: the zoo's checkpoints have seen none of the test words.

Only words with the letters a to z count, because g2p-en's network knows no others. It decodes greedily, one word at a
time, and has no batch mode. The zoo's checkpoint runs in Keras on the chosen backend, and exported in ONNX Runtime.
"""

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Callable
from unittest import mock

import keras

import zoo
from zoo import datasets
from zoo.export.cache import load_predictor
from zoo.metrics.edits import sequence_to_sequence_metrics
from zoo.metrics.intervals import Interval
from zoo.tasks import find_task

STAND_INS = ("nltk", "nltk.corpus", "nltk.tokenize", "inflect")
SINGLE = 200  # words timed one at a time
ROUNDS = 3  # each timing is the best of this number of alternating runs
BEAM = 5


def network() -> Callable[[str], list[str]]:
    """Returns g2p-en's network: a word in lower case to its phones."""
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in STAND_INS}):
        try:
            from g2p_en import G2p  # pyright: ignore[reportMissingImports]
        except ImportError:
            sys.exit("g2p-en is not installed: pip install --no-deps g2p-en")
        return G2p().predict


def held_out(limit: int | None) -> dict[str, list[list[str]]]:
    """Returns the hash split's test words with all their pronunciations; with a limit, a sample of them.

    A sample is needed because the first words all begin with the same letters, and many are names.
    """
    cases = find_task("sequence_to_sequence").cases(datasets.load("cmudict", "test"))
    grouped = dict(zip(cases.inputs, cases.references, strict=True))
    words = [word for word in grouped if re.fullmatch("[a-z]+", word)]
    if limit is not None and limit < len(words):
        words = random.Random(0).sample(words, limit)
    return {word: [text.split() for text in grouped[word]] for word in words}


def fastest(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Returns the minimum seconds of each function; they alternate, so that a busy machine slows all equally."""
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def percent(rate: Interval) -> str:
    return f"{100 * rate.value:.2f} ({100 * rate.low:.2f} - {100 * rate.high:.2f})"


def main() -> None:
    """Print accuracy, speed and their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="gru_small.cmudict", help="name of a checkpoint")
    parser.add_argument("--words", type=int, help="size of a sample of the test words")
    options = parser.parse_args()
    if options.words is not None and options.words < 1:
        parser.error("--words: give at least 1")

    reference, ours, runtime = network(), zoo.load(options.model), load_predictor(options.model)
    references = held_out(options.words)
    words = list(references)
    few = words[:SINGLE]

    def batches(beam: int) -> list[list[str]]:
        return [text.split() for text in ours.predict(words, beam_size=beam, batch_size=256)]

    # The first passes also compile the zoo's model for every timed shape.
    outputs = {
        "g2p-en": [reference(word) for word in words],
        f"{options.model}, greedy": batches(1),
        f"{options.model}, beam {BEAM}": batches(BEAM),
    }
    for word in few:
        ours.predict([word], beam_size=1)
        runtime.predict([word], beam_size=1)

    cores, backend = os.cpu_count(), keras.backend.backend()
    print(f"{len(words):,} words of cmudict's test split, {backend}, {cores} CPU cores\n")
    print("accuracy, % with 95 % intervals")
    rates = {
        name: sequence_to_sequence_metrics(phones, list(references.values()), stress=True)
        for name, phones in outputs.items()
    }
    for name, result in rates.items():
        print(f"  {name}")
        for metric, rate in result.items():
            print(f"    {metric:14} {percent(rate)}")
    first, *others = rates
    for name in others:
        for metric in ("wer", "wer_no_stress"):
            points = 100 * (rates[name][metric].value - rates[first][metric].value)
            print(f"  {name}: {metric} {points:+.1f} points against {first}")

    single = fastest(
        {
            "g2p-en": lambda: [reference(word) for word in few],
            "Keras": lambda: [ours.predict([word], beam_size=1) for word in few],
            "ONNX": lambda: [runtime.predict([word], beam_size=1) for word in few],
        }
    )
    many = fastest(
        {
            "g2p-en": lambda: [reference(word) for word in words],
            "greedy": lambda: batches(1),
            f"beam {BEAM}": lambda: batches(BEAM),
            "ONNX": lambda: runtime.predict(words, beam_size=1, batch_size=256),
            f"ONNX, {BEAM}": lambda: runtime.predict(words, beam_size=BEAM, batch_size=256),
        }
    )
    print(f"\nwords per second, best of {ROUNDS} rounds")
    print(f"  one word at a time, {len(few)} words")
    for name, seconds in single.items():
        print(f"    {name:10} {len(few) / seconds:10,.0f}   {single['g2p-en'] / seconds:.2f} times g2p-en")
    print(f"  all {len(words):,} words, the zoo in batches of 256, g2p-en one by one (it has no batch mode)")
    for name, seconds in many.items():
        print(f"    {name:10} {len(words) / seconds:10,.0f}   {many['g2p-en'] / seconds:.2f} times g2p-en")
    print("\ng2p-en's training probably saw about 80 % of these words (see the head of this file); the zoo's none.")


if __name__ == "__main__":
    main()
