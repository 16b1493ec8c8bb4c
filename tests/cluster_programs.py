"""What a process of the tests of ``zoo.backends.cluster`` runs: ``python tests/cluster_programs.py NAME PORT N I``."""

import json
import os
import signal
import sys
import time

import numpy as np

from zoo.backends import cluster
from zoo.errors import StorageError


def exchange():
    place = cluster.index()
    arrays = cluster.gather({"place": place, "rows": np.arange(place + 1, dtype="float64") / 3})
    asked = []
    squares = cluster.spread(lambda items: [asked.append(x) or x * x for x in items], list(range(10)))
    with cluster.first_alone():
        alone = time.time()
        time.sleep(0.5 if place == 0 else 0)
    few = cluster.spread(lambda items: [-x for x in items], [7])
    first = cluster.of_first(lambda: ["of", place])
    cluster.check_same({"version": "1"})
    assert cluster.bytes_of_first(b"first" if place == 0 else b"") == b"first"
    rows = [[a["place"], a["rows"].tolist()] for a in arrays]
    print(json.dumps({"rows": rows, "squares": squares, "asked": asked, "few": few, "first": first, "at": alone}))


def other_version():
    cluster.check_same({"version": "1" if cluster.index() == 0 else "2", "data": "a"})


def fails():
    if cluster.index() == 1:
        raise StorageError("disk: is full: free some space")
    cluster.gather(None)


def first_fails():
    if cluster.index() == 0:
        raise StorageError("disk: is full: free some space")
    cluster.gather(None)


def is_killed():
    cluster.gather(None)
    if cluster.index() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        cluster.gather(None)


def first_works_longer():
    if cluster.index() == 0:
        time.sleep(2)
    print("done")


def main(name: str, port: str, processes: str, process: str) -> None:
    from zoo.errors import ZooError

    def print_lines(code, lines):
        print(*lines, file=sys.stderr)

    try:
        with cluster.together(cluster.Cluster(f"127.0.0.1:{port}", int(processes), int(process)), print_lines):
            globals()[name]()
    except ZooError as error:
        print(*error.lines(), file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
