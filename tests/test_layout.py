"""Imports between the packages of the zoo point downwards only."""

import ast
import re
from pathlib import Path

import zoo

ROOT = Path(__file__).parents[1]

FLOORS = [
    {"errors", "version", "limits", "progress", "escape"},
    {"files", "backends", "layers"},
    {"data", "models", "checkpoints"},
    {"preprocessing", "datasets"},
    {"metrics", "inference", "training", "speech"},
    {"tasks", "recipes"},
    {"pipeline"},
    {"loading"},
    {"builder", "analysis"},
    {"forecasting"},
    {"evaluation"},
    {"fitting", "export"},
]
RANK = {room: rank for rank, floor in enumerate(FLOORS) for room in floor}


def imports(source: str) -> set[str]:
    """Returns the rooms of ``zoo`` that a source imports, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "zoo":
            names = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            rooms.update(names)
        elif isinstance(node, ast.Import):
            rooms.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("zoo."))
    return rooms


def upward(room: str, source: str) -> set[str]:
    """Returns the imports of a room's source that do not point downwards."""
    return {other for other in imports(source) - {room} if RANK[other] >= RANK[room]}


def test_every_room_stands_on_a_floor():
    folder = ROOT / "zoo"
    result = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert result - {"__init__", "__main__"} == set(RANK)


def test_imports_point_downwards():
    wrong = {}
    for path in (ROOT / "zoo").rglob("*.py"):
        room = path.relative_to(ROOT / "zoo").parts[0].removesuffix(".py")
        if room not in ("__init__", "__main__") and (result := upward(room, path.read_text("utf-8"))):
            wrong[str(path.relative_to(ROOT))] = result
    assert wrong == {}


def test_an_import_upwards_is_seen():
    assert upward("models", "def f():\n    from zoo.pipeline import load\n") == {"pipeline"}
    assert upward("pipeline", "from zoo.models import registry\nimport zoo.tasks.task\n") == set()
    assert upward("files", "from zoo import layers\n") == {"layers"}


def missing(text: str) -> set[str]:
    """Returns the dotted names below ``zoo`` in a text that are neither a module, a folder nor a public name."""
    names = {tuple(name.split(".")[1:3]) for name in re.findall(r"\bzoo(?:\.[a-z][a-z_0-9]*)+", text)}
    known = {*zoo.__all__, "cli", "weights"}
    wrong = set()
    for first, *rest in names:
        folder = ROOT / "zoo" / first
        if first in known or folder.with_suffix(".py").is_file():
            continue
        attributes = (folder / "__init__.py").read_text("utf-8") if folder.is_dir() else ""
        inside = (
            not rest or (folder / f"{rest[0]}.py").is_file() or (folder / rest[0]).is_dir() or rest[0] in attributes
        )
        if not folder.is_dir() or not inside:
            wrong.add(".".join([first, *rest]))
    return wrong


def test_modules_that_code_and_pages_name_exist():
    files = [
        *(ROOT / "zoo").rglob("*.py"),
        *(ROOT / "benchmarks").glob("*.py"),
        *(ROOT / "docs" / "guide").glob("*.md"),
    ]
    assert {str(file.relative_to(ROOT)): result for file in files if (result := missing(file.read_text("utf-8")))} == {}
    assert missing("see zoo.hub and zoo.checkpoints.scores, zoo.load, zoo.metrics.ratio") == {"hub", "metrics.ratio"}
