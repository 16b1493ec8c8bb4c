"""Load malformed checkpoints, the whole corpus and thousands of random mutations, and print the results.

    python benchmarks/fuzz.py                 # the corpus and 10,000 mutations
    python benchmarks/fuzz.py --seed 7919     # another ten thousand

Each must load, or end in an error of the zoo within a second and 200 MB. Violations are printed with their name or
seed, and the exit code is 1. Time is CPU time of this process, and memory is its peak.
"""

import argparse
import collections
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ.setdefault("KERAS_BACKEND", "torch")

SECONDS = 1.0
MEGABYTES = 200


def megabytes() -> float:
    """Returns the peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the first mutation; each has its own seed.")
    options = parser.parse_args()

    import malformed
    import malformed_corpus

    from zoo import errors
    from zoo.checkpoints import locate
    from zoo.loading import load

    ends: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    slowest, slowest_name, refusal = 0.0, "", 0.0
    with tempfile.TemporaryDirectory() as place:
        words = malformed.good(Path(place) / "good" / "tiny.words")
        kinds = {kind: malformed.good_of(kind, Path(place) / "good" / f"tiny.{kind}") for kind in malformed.KINDS}
        specs = {start: locate.read_record(start).spec for start in (words, *kinds.values())}

        def play(
            name: str,
            spoil: Callable[[Path], object],
            attempt: Callable[[Path], object],
            may_load: bool = False,
            good: Path = words,
        ) -> float:
            nonlocal slowest, slowest_name
            folder = Path(place) / good.name
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(good, folder)
            spoil(folder)
            before = time.process_time()
            try:
                attempt(folder)
                ends["loaded"] += 1
                if not may_load:
                    wrong.append(f"{name}: loaded")
            except errors.ZooError as error:
                ends[type(error).__name__] += 1
                if not str(error).isprintable() or str(folder) not in str(error):
                    wrong.append(f"{name}: {error}")
            except Exception:
                ends["traceback"] += 1
                wrong.append(f"{name}: {traceback.format_exc()}")
            seconds = time.process_time() - before
            if seconds > slowest:
                slowest, slowest_name = seconds, name
            if seconds > SECONDS:
                wrong.append(f"{name}: {seconds:.1f} s")
            return seconds

        for start in specs:
            play("good", lambda folder: None, load, may_load=True, good=start)
        slowest, memory = 0.0, megabytes()
        corpora = {words: malformed_corpus.CORPUS}
        corpora |= {kinds[kind]: corpus for kind, corpus in malformed_corpus.OF_A_KIND.items()}
        for start, corpus in corpora.items():
            for name, (spoil, _) in corpus.items():
                play(name, spoil, load, good=start)
        print(
            f"corpus: {sum(ends.values()) - len(specs)}, memory {megabytes() - memory:+.0f} MB, slowest {slowest:.2f} s"
        )
        huge = malformed_corpus.CORPUS["units = 1e8"][0]
        refusal = min(play("units = 1e8", huge, locate.read_record) for _ in range(5))
        for seed in range(options.seed, options.seed + options.mutations):
            start = list(specs)[seed % len(specs)]
            play(
                f"mutation {seed}",
                lambda folder, seed=seed: malformed.mutate(folder, random.Random(seed)),
                lambda folder, start=start: malformed.attempt(folder, specs[start]),
                may_load=True,
                good=start,
            )
    memory = megabytes() - memory
    if memory > MEGABYTES:
        wrong.append(f"{memory:.0f} MB")
    print(f"mutations: {options.mutations}")
    print("ends: " + ", ".join(f"{name} {count}" for name, count in ends.most_common()))
    print(f"slowest: {slowest:.2f} s ({slowest_name}); memory {memory:+.0f} MB; units = 1e8 in {1000 * refusal:.1f} ms")
    print(*wrong, sep="\n", end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
