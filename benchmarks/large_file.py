"""Measure the peak memory while a JSONL file larger than the allowed memory is evaluated, or predicted from a pipe.

    python benchmarks/large_file.py [--gigabytes 2] [--model gru_small.cmudict]

Writes a file of generated rows, and evaluates a model with fixed predictions on it, because only the reading is
measured; the network would take hours. Prints the peak memory above that of the loaded model. The exit code is 1 if it
is above 1 GB.
"""

import argparse
import json
import resource
import tempfile
from pathlib import Path

import zoo


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--model", default="gru_small.cmudict")
    parser.add_argument("--row", type=int, default=4000, help="Approximate bytes per row.")
    asked = parser.parse_args()
    pipeline = zoo.load(asked.model)
    sample = "keras" if pipeline.task.name == "sequence_to_sequence" else "a film of great charm "
    answer = pipeline.predict([sample])[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.jsonl")
        written, count = 0, 0
        with path.open("w", encoding="utf-8") as file:
            while written < asked.gigabytes * 1e9:
                # Different words, spelled with letters only.
                name = "".join(chr(97 + int(digit)) for digit in str(count))
                text = name if sample == "keras" else f"{sample}{name} {'and a story ' * (asked.row // 14)}"
                padding = "x" * max(0, asked.row - len(text) - len(answer) - 40)
                written += file.write(json.dumps({"input": text, "target": answer, "note": padding}) + "\n")
                count += 1
        pipeline.predict_raw = lambda inputs, *rest, **options: [answer] * len(inputs)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = zoo.evaluate(pipeline, path, input="input", target="target", keep=False)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more = (after - before) / 1e6
    print(f"{written / 1e9:.2f} GB, {count:,} rows, {report.size:,} inputs: {more:.2f} GB above the loaded model")
    return int(more > 1)


if __name__ == "__main__":
    raise SystemExit(main())
