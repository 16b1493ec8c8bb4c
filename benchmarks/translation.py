"""Compare translation in one batch, symbol by symbol with a state, with a greedy loop around ``model.predict``.

    OMP_NUM_THREADS=1 KERAS_BACKEND=torch python benchmarks/translation.py --model transformer_small.multi30k_en_de

The loop calls ``model.predict`` for each target symbol, with the whole targets so far: once with all sentences in one
batch, and once sentence by sentence (on the first ten, scaled to all). All write the same translations. Prints seconds
of CPU time of this process after a first call of each, and ratios.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402

import zoo  # noqa: E402
from zoo.preprocessing.symbols import END, PAD, START, pad  # noqa: E402

WHO = ("A man in a red shirt", "Two young women", "A little boy", "A brown dog", "Three people with helmets")
WHAT = ("is riding a bicycle", "are playing guitar", "is jumping into the water", "is looking at a book", "waits")
WHERE = ("on a busy street.", "in the park.", "next to a large building.", "near the beach.", "at night.")
WHEN = ("", "In the winter, ", "While others watch, ", "On a sunny day, ", "Behind a fence, ")
SCALED = 10  # sentences of the loop that takes them one by one


def sentences(count: int) -> list[str]:
    """Returns different sentences of several lengths."""
    made = (f"{when}{who} {what} {where}" for when, where, what, who in itertools.product(WHEN, WHERE, WHAT, WHO))
    return list(itertools.islice(made, count))


def loop(pipeline, texts: list[str], length: int) -> list[str]:
    """Translate texts greedily with one call of ``model.predict`` per target symbol."""
    encoded = [pipeline.preprocessor.encode_input(text) for text in texts]
    source = pad(encoded, max(map(len, encoded)))
    target = np.full((len(texts), length + 1), PAD, "int32")
    target[:, 0] = START
    done = np.zeros(len(texts), "bool")
    for t in range(length):
        inputs = {"source": source, "source_mask": source > 0, "target": target[:, : t + 1]}
        logits = pipeline.model.predict(inputs, batch_size=len(texts), verbose=0)[:, t]
        logits[:, [PAD, START]] = -np.inf
        target[:, t + 1] = np.where(done, PAD, logits.argmax(-1))
        done |= target[:, t + 1] == END
        if done.all():
            break
    return [pipeline.preprocessor.target.decode(row[1:].tolist()) for row in target]


def seconds(run) -> tuple[float, list[str]]:
    """Returns the CPU seconds of the second call, and its result."""
    run()
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="transformer_small.multi30k_en_de")
    parser.add_argument("--sentences", type=int, default=200)
    arguments = parser.parse_args()
    pipeline, texts = zoo.load(arguments.model), sentences(arguments.sentences)
    length = pipeline.preprocessor.max_target
    ours, translated = seconds(lambda: pipeline.predict(texts, beam_size=1, batch_size=len(texts)))
    batched, looped = seconds(lambda: loop(pipeline, texts, length))
    single, _ = seconds(lambda: [loop(pipeline, [text], length)[0] for text in texts[:SCALED]])
    same = sum(a == b for a, b in zip(translated, looped, strict=True))
    print(f"{arguments.model}, {len(texts)} sentences, backend {keras.backend.backend()}")
    print(f"equal translations: {same} of {len(texts)}")
    print(f"one batch, with a state         {ours:8.2f} s")
    print(f"model.predict, all sentences    {batched:8.2f} s   ratio {batched / ours:.1f}")
    single *= len(texts) / SCALED
    print(f"model.predict, one by one       {single:8.2f} s   ratio {single / ours:.1f}")


if __name__ == "__main__":
    main()
