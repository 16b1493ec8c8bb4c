"""Print the CPU seconds of ``zoo list`` and ``zoo info`` with many shipped records.

    python benchmarks/startup.py

The package is copied into a temporary folder in its installed layout. Its weights folder has copies of the shipped
records under other names, without the tensors.
"""

import argparse
import itertools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ARGUMENTS = (["list"], ["list", "--json"], ["info", "{name}"], ["--help"])


def copy_package(folder: Path, records: int) -> str:
    """Copy the package with a number of records into a folder and write their index.

    Returns:
        Name of the last record.
    """
    package = folder / "zoo"
    shutil.copytree(ROOT / "zoo", package)
    shutil.copytree(ROOT / "cli", package / "cli")
    name = ""
    sources = itertools.cycle(sorted((ROOT / "weights").glob("*/record.json")))
    for number, source in zip(range(records), sources, strict=False):
        name = f"{source.parent.name}-{number}"
        document = json.loads(source.read_text("utf-8"))
        target = package / "weights" / name / "record.json"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(document | {"name": name}), "utf-8")
    subprocess.run([sys.executable, "-m", "zoo.checkpoints.index"], cwd=folder, check=True, capture_output=True)
    return name


def cpu_seconds(folder: Path, arguments: list[str]) -> float:
    """Returns the CPU seconds, user and system, of one run of ``zoo`` with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "zoo.cli.main", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a row per command: minimum and median of the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--runs", type=int, default=7, help="number of runs, after an uncounted one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name = copy_package(Path(folder), options.records)
        print(f"{options.records} records; CPU seconds of {options.runs} runs: least, median")
        for arguments in ARGUMENTS:
            command = [argument.format(name=name) for argument in arguments]
            cpu_seconds(Path(folder), command)  # compiles the modules
            seconds = sorted(cpu_seconds(Path(folder), command) for _ in range(options.runs))
            print(f"zoo {' '.join(command):<50} {seconds[0]:.3f} {seconds[len(seconds) // 2]:.3f}")


if __name__ == "__main__":
    main()
