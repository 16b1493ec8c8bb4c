"""Training in 1, 2 and 4 processes of this machine, and a plan on paper for up to 64 machines.

    KERAS_BACKEND=jax python benchmarks/processes.py [--steps 10] [--families lstm tcn transformer]

The first table has examples a second (windows of 64 subwords, batches of 32) of one process with one thread, of one
with as many threads as there are cores, and of 2 and 4 processes that share the cores. The second has the bytes that
a step exchanges, counted in the compiled program of two devices, and from them the time of a step on 1 to 64 machines.
Each machine computes its share of the batch in the CPU time that one thread of this machine needs for it. It takes
part in a ring all-reduce, which moves 2 (n - 1) / n times the bytes through each machine and waits 2 (n - 1) times
(Patarasu & Yuan 2009, doi 10.1016/j.jpdc.2008.09.002).
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["KERAS_BACKEND"] = "jax"

import numpy as np  # noqa: E402

FAMILIES = ("lstm", "tcn", "transformer")
BATCH, STEPS, VOCABULARY = 32, 64, 2_000
MACHINES = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = {"1 Gbit/s, 100 us": (125e6, 100e-6), "25 Gbit/s, 20 us": (3.125e9, 20e-6)}
ELEMENT = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1}


def trainer(family: str):
    """Returns a trainer of a small language model, and a batch."""
    from zoo.backends.seeding import seed_everything
    from zoo.builder import create_model
    from zoo.training.config import TrainingConfig
    from zoo.training.distributed import make_trainer
    from zoo.training.losses import SmoothedCrossentropy
    from zoo.training.windows import Windows

    seed_everything(1)
    model = create_model(f"{family}_small", task="language_modelling", vocab_size=VOCABULARY, output_dim=VOCABULARY)
    ids = np.random.default_rng(0).integers(2, VOCABULARY, 200_000).astype("uint16")
    windows = Windows(ids, VOCABULARY, STEPS, 1, BATCH, 1, 40 * BATCH * STEPS, 1)
    config = TrainingConfig(epochs=1, batch_size=BATCH)
    return make_trainer(model, windows, dict, "nats", config, SmoothedCrossentropy(0.0)), next(windows.epoch(0))


def measure(family: str, steps: int) -> tuple[float, float]:
    """Returns examples a second of all processes, and the CPU time of a step in this one, after two steps."""
    made, batch = trainer(family)
    for _ in range(2):
        made.fit(*batch)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        made.fit(*batch)
    return BATCH * steps / (time.perf_counter() - start), (time.process_time() - cpu) / steps


def work(options: dict) -> None:
    """Measure as one of some processes; process 0 prints."""
    from zoo.backends import cluster

    os.sched_setaffinity(0, options["cores"])
    if options["processes"] == 1:
        print(json.dumps([measure(family, options["steps"]) for family in options["families"]]))
        return
    place = cluster.Cluster(options["address"], options["processes"], options["process"])
    with cluster.together(place, lambda code, lines: print(*lines, file=sys.stderr)):
        result = [measure(family, options["steps"]) for family in options["families"]]
        if cluster.index() == 0:
            print(json.dumps(result))


def run(processes: int, cores: list[list[int]], steps: int, families: list[str]) -> list[tuple[float, float]]:
    """Returns what ``measure`` does of each family in so many processes, which have the given cores."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    children = []
    for process in range(processes):
        options = {"processes": processes, "process": process, "address": address, "cores": cores[process]}
        command = [sys.executable, __file__, "--work", json.dumps({**options, "steps": steps, "families": families})]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
    outputs = [child.communicate()[0] for child in children]
    return json.loads(outputs[0].splitlines()[-1])


def exchanged(family: str) -> tuple[int, int]:
    """Returns number and bytes of the all-reduces in the compiled step of two devices."""
    code = (
        "import sys; sys.path.insert(0, 'benchmarks'); import json, processes;"
        f"print(json.dumps(processes.count_bytes({family!r})))"
    )
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    root = Path(__file__).parents[1]
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return tuple(json.loads(output.splitlines()[-1]))


def count_bytes(family: str) -> tuple[int, int]:
    """Returns number and bytes of the all-reduces of a step on the devices that there are."""
    made, batch = trainer(family)
    result = re.findall(r" = (.*?) all-reduce(?:-start)?\(", made.compiled_step(*batch).as_text())
    size = 0
    for kind, shape in re.findall(r"(\w+)\[([\d,]*)\]", " ".join(result)):
        size += ELEMENT[kind] * int(np.prod([int(n) for n in shape.split(",") if n] or [1]))
    return len(result), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--plan", action="store_true", help="The second table alone.")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    asked = parser.parse_args()
    if asked.work:
        work(json.loads(asked.work))
        return
    cores = sorted(os.sched_getaffinity(0))
    columns = {
        "1 process, 1 thread": (1, [cores[:1]]),
        f"1 process, {len(cores)} threads": (1, [cores]),
        **{f"{n} processes": (n, [cores[i % len(cores) :: n] for i in range(n)]) for n in (2, 4)},
    }
    settings = list(columns.values())[: 1 if asked.plan else None]
    result = [run(*setting, asked.steps, list(asked.families)) for setting in settings]
    if not asked.plan:
        print(f"| examples/s | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
        for place, family in enumerate(asked.families):
            print(f"| {family} | {' | '.join(f'{row[place][0]:.1f}' for row in result)} |")
    print(f"\n| step in ms (share of time that computes) | network | MB | {' | '.join(map(str, MACHINES))} |")
    print(f"|---|---|---:|{'---:|' * len(MACHINES)}")
    for place, family in enumerate(asked.families):
        (_, size), alone = exchanged(family), result[0][place][1]
        for network, (bandwidth, latency) in NETWORKS.items():
            cells = []
            for n in MACHINES:
                exchange = 2 * (n - 1) * (size / n / bandwidth + latency)
                cells.append(f"{1e3 * (alone / n + exchange):.0f} ({100 * alone / n / (alone / n + exchange):.0f} %)")
            print(f"| {family} | {network} | {size / 1e6:.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
