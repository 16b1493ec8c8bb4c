"""Imports between the packages of the zoo point downwards only."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLOORS = [
    {"errors", "version", "limits", "progress"},
    {"files", "backends", "layers"},
    {"data", "models", "checkpoints"},
    {"preprocessing", "datasets"},
    {"metrics", "inference", "training"},
    {"tasks", "recipes"},
    {"pipeline"},
    {"builder", "analysis"},
    {"evaluation"},
    {"fitting"},
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
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert found - {"__init__"} == set(RANK)


def test_imports_point_downwards():
    wrong = {}
    for path in (ROOT / "zoo").rglob("*.py"):
        room = path.relative_to(ROOT / "zoo").parts[0].removesuffix(".py")
        if room != "__init__" and (found := upward(room, path.read_text("utf-8"))):
            wrong[str(path.relative_to(ROOT))] = found
    assert wrong == {}


def test_an_import_upwards_is_seen():
    assert upward("models", "def f():\n    from zoo.pipeline import load\n") == {"pipeline"}
    assert upward("pipeline", "from zoo.models import registry\nimport zoo.tasks.task\n") == set()
    assert upward("files", "from zoo import layers\n") == {"layers"}
