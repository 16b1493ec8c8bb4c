"""Run faults against the zoo's download and, if installed, against four others, and print the results.

    pip install pooch huggingface_hub torch          # optional: those that are missing are left out
    python benchmarks/faults.py --write docs/guide/trust.md

A real HTTP server on this machine plays the faults. Every call is a separate process, and every fault is run several
times. The result of a call is compared with the correct bytes:

- ``correct``: the correct file. ``error``: an exception, and no file.
- ``WRONG BYTES``: another file, as success; ``error, then WRONG BYTES``: at the next call, to a working server.
- ``hang``: no end within a minute. ``crash``: the process died.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import hashlib
import importlib.util
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from download_clients import SIZE, SYSTEMS, client  # noqa: E402
from faulty_server import Handler, Server, answer, flipped, serving, status  # noqa: E402

SIXTY = SIZE * 6 // 10
PATIENCE = 60.0  # seconds until a call counts as hanging
ONE_AT_A_TIME = threading.Lock()  # for downloads that fall back to a shared temporary folder
MARKS = ("<!-- faults: written by benchmarks/faults.py -->", "<!-- end -->")


@functools.cache
def body(seed: int = 0) -> bytes:
    """Returns the correct file, or another version of it for another seed."""
    return random.Random(seed).randbytes(SIZE)


@functools.cache
def sha256() -> str:
    return hashlib.sha256(body()).hexdigest()


class HubHandler(Handler):
    """Also answer huggingface_hub's first request for the version."""

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()


class Trial:
    """One run of a fault on a system: a server, an empty folder, and calls."""

    def __init__(self, system: str, server: Server, folder: Path, context):
        self.system, self.server, self.folder, self.context = system, server, folder, context
        self.correct = {sha256()}
        self.note = ""

    def start(self, *limits: str):
        receiver, sender = self.context.Pipe(duplex=False)
        arguments = (self.system, self.server.url, self.folder, sha256(), sender, set(limits))
        process = self.context.Process(target=client, args=arguments, daemon=True)
        process.start()
        sender.close()
        return process, receiver

    def finish(self, process, receiver) -> tuple[str, str]:
        """Wait for a call and return its verdict, and the path or the message."""
        try:
            path, error = receiver.recv() if receiver.poll(PATIENCE) else ("", "hang")
        except EOFError:
            path, error = "", "crash"
        process.kill()  # it has said all it has to say, or never will
        process.join()
        if not path:
            return (error, error) if error in ("hang", "crash") else ("error", error)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ("correct" if digest in self.correct else "WRONG BYTES"), path

    def call(self, *limits: str) -> str:
        return self.finish(*self.start(*limits))[0]

    def warm(self) -> Path:
        """Fill the cache and return the file in it."""
        verdict, path = self.finish(*self.start())
        assert verdict == "correct", path
        return Path(path).resolve()

    def then(self, verdict: str) -> str:
        """After an error, call a working server: no trace of the fault may remain."""
        self.server.script = [answer(body())]
        if verdict != "error":
            return verdict
        after = self.call()
        return "error" if after == "correct" else f"error, then {after}"

    def at_once(self, count: int, *limits: str) -> str:
        """Start several calls; the note says how many files were transferred."""
        self.server.script = [slow_start]
        started = [self.start(*limits) for _ in range(count)]
        verdicts = sorted({self.finish(*one)[0] for one in started})
        self.note = f" ({self.server.sent / SIZE:.0f} downloads)"
        return ", ".join(verdicts)

    def killed(self, ranges: bool) -> str:
        """Kill the call when 60 % have arrived; the note says what the next call transferred."""

        def part(handler):
            answer(body(), cut=SIXTY)(handler)
            handler.server.closing.wait()

        self.server.script = [part, answer(body(), ranges=ranges)]
        process, receiver = self.start()
        deadline = time.monotonic() + PATIENCE
        while self.server.sent < SIXTY and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(1)  # the last bytes are being written to the disk
        process.kill()
        process.join()
        receiver.close()
        before = self.server.sent
        verdict = self.call()
        self.note = f" ({(self.server.sent - before) / SIZE:.0%} moved)"
        return verdict


def slow_start(handler):
    time.sleep(0.5)
    answer(body())(handler)


def stalled(handler):
    handler.send_response(200)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Length", str(SIZE))
    handler.end_headers()
    handler.write(body()[: SIZE // 3])
    handler.server.closing.wait()


def played(*answers: Callable) -> Callable[[Trial], str]:
    """A fault of the server: it sends these responses in order, and repeats the last one."""

    def play(trial: Trial) -> str:
        trial.server.script = list(answers)
        return trial.then(trial.call())

    return play


def replaced(trial: Trial) -> str:
    """The server has a new version when the client requests the rest; either whole file is correct."""
    trial.correct.add(hashlib.sha256(body(1)).hexdigest())
    trial.server.script = [answer(body(1), etag='"old"', cut=SIXTY), answer(body(), etag='"new"')]
    return trial.then(trial.call())


def damaged(change: Callable[[bytes], bytes], offline: bool = False) -> Callable[[Trial], str]:
    """A damaged file in the cache."""

    def play(trial: Trial) -> str:
        path = trial.warm()
        path.write_bytes(change(path.read_bytes()))
        if offline:
            trial.server.shutdown()
            trial.server.server_close()
        return trial.call()

    return play


def full_disk(trial: Trial) -> str:
    """A file system of an eighth of the file; if none can be mounted, a limit on the file's size."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE // 8},mode=777", "tmpfs", str(trial.folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    try:
        verdict = trial.call(*([] if mounted else ["no space"]))
        left = sum(file.stat().st_size for file in trial.folder.rglob("*") if file.is_file())
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(trial.folder)], check=True)
    trial.note = f" ({left / 1e6:.0f} MB left behind)" if left else ""
    return verdict


def read_only(trial: Trial) -> str:
    """A warm cache on a read-only file system; if none can be mounted, in read-only folders."""
    trial.warm()
    place = str(trial.folder)
    bind, remount = ["mount", "--bind", place, place], ["mount", "-o", "remount,bind,ro", place]
    mounted = os.geteuid() == 0 and subprocess.run(bind, stderr=subprocess.DEVNULL).returncode == 0
    folders = [trial.folder, *(item for item in trial.folder.rglob("*") if item.is_dir())]
    if mounted:
        subprocess.run(remount, check=True)
    for folder in [] if mounted else folders:
        folder.chmod(0o555)
    try:
        with ONE_AT_A_TIME:
            verdict, path = trial.finish(*trial.start())
            if verdict == "correct" and not Path(path).is_relative_to(trial.folder):
                trial.note = " (downloaded into a temporary folder)"
                Path(path).unlink()
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", place], check=True)
        for folder in [] if mounted else folders:
            folder.chmod(0o755)
    return verdict


def nothing_listens(trial: Trial) -> str:
    trial.server.shutdown()
    trial.server.server_close()
    before = time.monotonic()
    verdict = trial.call()
    trial.note = f" ({time.monotonic() - before:.0f} s)"
    return verdict


def faults() -> dict[str, Callable[[Trial], str]]:
    """Returns the faults by name; each runs itself on a trial and returns the verdict."""
    whole = answer(body())
    cut = answer(body(), cut=SIXTY)
    return {
        "connection cut once": played(cut, whole),
        "connection cut four times": played(*[answer(body(), cut=SIZE // 6) for _ in range(4)], whole),
        "short body without a length": played(answer(body(), cut=SIXTY, length=False), whole),
        "one wrong bit on the way": played(answer(flipped(body())), whole),
        "a web page with status 200": played(answer(b"<html>Please log in</html>", kind="text/html")),
        "file replaced between two tries": replaced,
        "503 with Retry-After": played(status(503, Retry_After="1"), whole),
        "a peer that stalls": played(stalled, whole),
        "kill -9 at 60 %, called again": lambda trial: trial.killed(ranges=True),
        "the same, Range ignored": lambda trial: trial.killed(ranges=False),
        "six processes at once": lambda trial: trial.at_once(6),
        "eight processes, locks do nothing": lambda trial: trial.at_once(8, "no locks"),
        "a bit flipped in the cache": damaged(flipped),
        "the cached file cut": damaged(lambda data: data[:SIXTY]),
        "full disk": full_disk,
        "read-only warm cache": read_only,
        "offline, nothing cached": nothing_listens,
        "offline, cached file damaged": damaged(flipped, offline=True),
    }


def play(system: str, fault: str, context) -> str:
    """Run one fault once and return the verdict with its note."""
    with serving(HubHandler) as server, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place) / "cache"
        folder.mkdir()
        server.script = [answer(body())]
        trial = Trial(system, server, folder, context)
        verdict = faults()[fault](trial)
        return verdict + trial.note


def matrix(systems: list[str], names: list[str], times: int, jobs: int) -> dict[tuple[str, str], str]:
    """Run every fault on every system; returns verdicts by (fault, system), several if they differ."""
    context = multiprocessing.get_context("forkserver")  # imports each library once, not once per call
    context.set_forkserver_preload(["importlib.metadata", *{SYSTEMS[name][0] for name in systems}])
    cells: dict[tuple[str, str], list[str]] = {(fault, system): [] for fault in names for system in systems}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(play, system, fault, context): (fault, system) for fault, system in cells for _ in range(times)
        }
        for done in concurrent.futures.as_completed(futures):
            cells[futures[done]].append(done.result())
            print(*futures[done], done.result(), sep=": ", file=sys.stderr)
    return {place: " or ".join(sorted(set(verdicts))) for place, verdicts in cells.items()}


def table(cells: dict[tuple[str, str], str]) -> str:
    """Returns the verdicts as a Markdown table: a row per fault, a column per system."""
    names, systems = (list(dict.fromkeys(place[i] for place in cells)) for i in (0, 1))
    rows = [["fault", *systems], ["---"] * (len(systems) + 1)]
    rows += [[fault, *(cells[fault, system] for system in systems)] for fault in names]
    counts = [sum("WRONG" in cells[fault, system] for fault in names) for system in systems]
    rows.append(["**faults that gave wrong bytes**", *(f"**{count}**" for count in counts)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def versions(systems: list[str]) -> str:
    from importlib.metadata import version

    modules = dict.fromkeys(SYSTEMS[name][0] for name in systems if name != "zoo")
    return ", ".join(f"{module} {version(module)}" for module in modules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="Only this one (may be repeated).")
    parser.add_argument("--times", type=int, default=2, help="Number of runs of each fault (default 2).")
    parser.add_argument("--jobs", type=int, default=4, help="Trials at once (default 4).")
    parser.add_argument("--quick", action="store_true", help="Only the zoo, each fault once, no stalled peer.")
    parser.add_argument("--write", type=Path, help="Also write the table into this Markdown file, between its marks.")
    options = parser.parse_args()
    os.environ |= {
        "KERAS_BACKEND": "numpy",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "no_proxy": "*",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    os.environ.pop("ZOO_OFFLINE", None)
    systems = options.system or (["zoo"] if options.quick else list(SYSTEMS))
    systems = [name for name in systems if importlib.util.find_spec(SYSTEMS[name][0])]
    names = [name for name in faults() if not (options.quick and "stalls" in name)]
    cells = matrix(systems, names, 1 if options.quick else options.times, options.jobs)
    print(table(cells))
    if options.write:
        text = options.write.read_text("utf-8")
        others = versions(systems)
        inner = f"\n{table(cells)}\n\nEach fault was run {options.times} times, with {others}.\n"
        pattern = f"({re.escape(MARKS[0])}\n).*({re.escape(MARKS[1])})"
        options.write.write_text(re.sub(pattern, lambda match: match[1] + inner + match[2], text, flags=re.S), "utf-8")
    if any(re.search("WRONG|hang|crash", verdict) for (_, system), verdict in cells.items() if system == "zoo"):
        sys.exit("the zoo returned wrong bytes, hung or crashed")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
