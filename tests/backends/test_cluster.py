"""Processes that exchange values, and that end together when one of them fails."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.backends import cluster
from zoo.errors import InputError

PROGRAMS = Path(__file__).parents[1] / "cluster_programs.py"
pytest.importorskip("jax")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(name, processes, only=None, **environment):
    """Returns exit code, output and error of each process, which all have to end within a minute."""
    port = free_port()
    children = [
        subprocess.Popen(
            [sys.executable, str(PROGRAMS), name, str(port), str(processes), str(i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        for i in (range(processes) if only is None else [only])
    ]
    end = time.monotonic() + 60
    try:
        results = [child.communicate(timeout=max(1, end - time.monotonic())) for child in children]
    finally:
        for child in children:
            child.kill()
    return [(child.returncode, *texts) for child, texts in zip(children, results, strict=True)]


def test_without_others_there_is_one_process():
    assert (cluster.count(), cluster.index()) == (1, 0)
    assert cluster.gather({"a": 1}) == [{"a": 1}]
    assert cluster.spread(lambda items: [2 * x for x in items], [1, 2]) == [2, 4]
    assert cluster.of_first(lambda: 3) == 3
    cluster.check_same({"version": "1"})


def test_values_of_all_processes_arrive_in_their_order():
    results = run("exchange", 2)
    assert [code for code, _, _ in results] == [0, 0], results
    first, second = (json.loads(out) for _, out, _ in results)
    for name in ("rows", "squares", "few", "first"):
        assert first[name] == second[name]
    assert first["rows"] == [[0, [0.0]], [1, [0.0, 1 / 3]]]
    assert first["squares"] == [x * x for x in range(10)]
    assert (first["asked"], second["asked"]) == ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9])
    assert first["few"] == [-7] and first["first"] == ["of", 0]
    assert second["at"] - first["at"] > 0.4


@pytest.mark.parametrize("name", ["fails", "first_fails"])
def test_a_failure_ends_all_with_its_exit_code_and_its_reason(name):
    results = run(name, 2)
    assert [code for code, _, _ in results] == [4, 4], results
    assert all("disk: is full: free some space" in error for _, _, error in results)


def test_another_version_is_refused_by_all():
    results = run("other_version", 2)
    assert [code for code, _, _ in results] == [2, 2], results
    assert all("process 1 differs from process 0 (version: 2, not 1)" in error for _, _, error in results)


def test_a_coordinator_that_is_not_there_is_reported():
    (result,) = run("exchange", 2, only=1, ZOO_JOIN_SECONDS="2")
    assert result[0] == 9
    assert "no coordinator answers" in result[2]


def test_a_port_in_use_is_refused():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with (
            pytest.raises(InputError, match=f"port {port} is in use: choose another"),
            cluster.together(cluster.Cluster(f"127.0.0.1:{port}", 2, 0), lambda code, lines: None),
        ):
            pass


@pytest.mark.parametrize(
    "given, problem",
    [
        (("here", 2, 0), "expected HOST:PORT"),
        (("here:99999", 2, 0), "expected HOST:PORT"),
        (("here:80", 2, 2), "process 2 of 2"),
        (("here:80", None, 0), "give all or none"),
    ],
)
def test_a_cluster_is_checked(given, problem):
    with pytest.raises(InputError, match=problem):
        cluster.Cluster(*given)
