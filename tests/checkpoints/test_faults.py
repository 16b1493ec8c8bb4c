"""The quick half of the fault matrix: every fault but the stalled peer, once, on the zoo alone."""

import subprocess
import sys

from faulty_server import ROOT

ENDS_IN_AN_ERROR = {
    "a web page with status 200",
    "full disk",
    "offline, nothing cached",
    "offline, cached file damaged",
}


def test_every_fault_ends_in_the_correct_file_or_in_an_error():
    command = [sys.executable, ROOT / "benchmarks" / "faults.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = dict(line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:-1])
    assert len(rows) == 17
    for fault, verdict in rows.items():
        assert verdict.startswith("error" if fault in ENDS_IN_AN_ERROR else "correct"), (fault, verdict)
        assert "left behind" not in verdict
    assert rows["kill -9 at 60 %, called again"] in {f"correct ({share}% moved)" for share in range(40, 46)}
    assert rows["six processes at once"] == "correct (1 downloads)"
