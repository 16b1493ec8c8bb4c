"""Draw the pictures of README and docs from the checkpoints: ``python docs/pictures.py [FOLDER]``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import zoo  # noqa: E402
from zoo.analysis import plotting  # noqa: E402
from zoo.checkpoints import locate  # noqa: E402


def draw(folder: Path) -> None:
    """Write ``curves.png`` (validation error by epoch) and ``attention.png`` (one word's alignment)."""
    curves = {name: locate.read_record(name).training["curve"] for name in locate.list_models("*_small.cmudict")}
    plotting.curves(curves, "per", folder / "curves.png")
    plotting.alignment(*zoo.load("gru_small.cmudict").alignment("culurciello"), folder / "attention.png")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
