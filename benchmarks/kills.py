"""Kill processes that save their state, and check what is left.

    python benchmarks/kills.py                             # 200 times kill -9 while saving without a pause
    python benchmarks/kills.py --training tensorflow jax torch    # kill -9 in the middle of a training, resumed
    python benchmarks/kills.py --disk                      # a file system of 6 MB that fills up (needs root to mount)

The first part needs no backend. The process writes states as a training run does, one after the other, each with its
number in every tensor. After each kill the state must be complete, consistent, and not older than the last save that
the process reported. The next process resumes from it. Killing a process does not test a power cut: fsync and the file
system must ensure that the bytes are on the disk before the rename.

The second part trains a small model with dropout and shuffling, three times per backend: uninterrupted; killed at a
random moment; and resumed. The final weights must be the same to the bit.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402

from zoo.training.state import STATE, read_state, write_state  # noqa: E402

TENSORS, SIZE = 20, 50_000  # 4 MB per state, as for a small checkpoint
MAX_SECONDS = 0.15  # seconds until the kill; a save takes some 10 ms


def save_for_ever(folder: Path, number: int, sender) -> None:
    """Write states continuously, and report the number of each once it is written."""
    while True:
        number += 1
        write_state(folder, {f"t{i}": np.full(SIZE, number, "float32") for i in range(TENSORS)}, {"number": number})
        sender.send(number)


def kill_savers(folder: Path, kills: int, generator: random.Random) -> tuple[int, int, int]:
    """Returns the number of correct resumes, of written states, and of kills that hit a save."""
    context = multiprocessing.get_context("fork")
    right, number, hits = 0, 0, 0
    for _ in range(kills):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=save_for_ever, args=(folder, number, sender))
        process.start()
        sender.close()
        started = number = receiver.recv()
        time.sleep(generator.uniform(0, MAX_SECONDS))
        process.kill()
        process.join()
        try:
            while True:
                number = receiver.recv()
        except EOFError:
            pass
        hits += any(folder.glob(f".{STATE}.*"))
        result = read_state(folder)
        if result is None:
            print("the state is gone")
            continue
        tensors, metadata = result
        whole = len(tensors) == TENSORS and all((tensor == metadata["number"]).all() for tensor in tensors.values())
        # The process may have been killed between writing a state and reporting it.
        if whole and metadata["number"] in (number, number + 1) and number >= started:
            right += 1
        else:
            print(f"reported {number}, found {metadata['number']}, whole: {whole}")
        number = metadata["number"]
    return right, number, hits


def fill_disk(place: Path) -> bool:
    """Save a state and a checkpoint, then again without disk space; returns whether the old ones remained."""
    from samples import document

    from zoo.checkpoints import save
    from zoo.errors import StorageError

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True)
    try:
        tensors = {f"t{i}": np.full(SIZE, 1, "float32") for i in range(TENSORS)}
        some = {name: tensors[name] for name in ("t0", "t1")}
        ways = {
            "state": lambda: write_state(place, tensors, {}),
            "checkpoint": lambda: save.save_checkpoint(place / "gru.words", document("gru.words"), some, "float32"),
        }
        for save in ways.values():
            save()
        (place / "other").write_bytes(bytes(1_700_000))

        def files() -> dict[Path, bytes]:
            return {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}

        before, kept = files(), True
        for name, save in ways.items():
            try:
                save()
                end = "no error"
            except StorageError as error:
                end = f"exit code {error.exit_code}: {error}"
            same = files() == before
            kept = kept and same and end.startswith("exit code 4")
            print(f"{name}: the old one is {'the same' if same else 'DIFFERENT'}, nothing is left beside it; {end}")
        return kept
    finally:
        subprocess.run(["umount", str(place)], check=True)


def train(folder: Path, resume: bool) -> None:
    """Train the tests' small model, saving after every step; print the step and finally the weights' hash."""
    import dataclasses

    from spelling import TRAINING_CONFIG, trainer

    pipeline, made = trainer(folder, dataclasses.replace(TRAINING_CONFIG, epochs=4, save_seconds=0))
    if resume and not made.load():
        sys.exit("no state to resume")
    made.on_step = lambda step, total, loss: print(f"step {step} of {total}", flush=True)
    made.run()
    digest = hashlib.sha256()
    for name, tensor in sorted(pipeline.tensors().items()):
        digest.update(name.encode() + tensor.tobytes())
    print(digest.hexdigest())


def kill_training(backend: str, place: Path, generator: random.Random) -> bool:
    """Returns whether a killed and resumed training run ends in the weights of an uninterrupted one."""

    def command(folder: str, *more: str) -> list[str]:
        return [sys.executable, __file__, "--train", str(place / folder), *more]

    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}

    def run(*arguments: str) -> str:
        done = subprocess.run(command(*arguments), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    straight = run("straight")
    running = subprocess.Popen(
        command("killed"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert running.stdout is not None
    first = running.stdout.readline().split()
    at = generator.randint(2, int(first[3]) - 2)
    step = int(first[1])
    for line in running.stdout:
        step = int(line.split()[1])
        if step >= at:
            break
    time.sleep(generator.uniform(0, 0.02))
    running.send_signal(signal.SIGKILL)
    running.communicate()
    resumed = run("killed", "--resume")
    print(
        f"{backend}: killed after step {step} of {first[3]}: {'the same bits' if resumed == straight else 'DIFFERENT'}"
    )
    return resumed == straight


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the moments of the kills.")
    parser.add_argument("--training", nargs="*", default=[], choices=["tensorflow", "jax", "torch"], metavar="BACKEND")
    parser.add_argument("--disk", action="store_true")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.resume)
        return 0
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        if options.disk:
            return 0 if fill_disk(Path(place)) else 1
        if options.training:
            ends = [kill_training(backend, Path(place) / backend, generator) for backend in options.training]
            return 0 if all(ends) else 1
        right, written, hits = kill_savers(Path(place), options.kills, generator)
        left = sorted(file.name for file in Path(place).iterdir() if file.name != STATE)
        write_state(Path(place), {"t": np.zeros(1)}, {})
        kept = sorted(file.name for file in Path(place).iterdir() if file.name != STATE)
    print(f"{right} correct resumes of {options.kills} kills; {written} states written; {hits} kills hit a save")
    print(f"leftovers after the last kill: {len(left)}; after the next save: {len(kept)}")
    return 0 if right == options.kills and not kept else 1


if __name__ == "__main__":
    sys.exit(main())
