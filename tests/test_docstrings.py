"""Public classes and functions have an example in their docstring, and every example gives what it shows."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "zoo").rglob("*.py"))
# Rooms whose public classes need an example, and rooms whose public functions need one too.
CLASSES = ("layers", "preprocessing", "metrics")
FUNCTIONS = ("metrics",)
MODELS = [
    "Architecture",
    "Backbone",
    "Classifier",
    "ConvolutionalSeq2Seq",
    "HierarchicalAttentionNetwork",
    "NextStepModel",
    "PervasiveAttention",
    "RecurrentSeq2Seq",
    "Stream",
    "Tagger",
    "TransformerSeq2Seq",
]
LOADS_OR_TRAINS = (
    "zoo.loading",
    "zoo.pipeline",
    "zoo.inference.generation",
    "zoo.speech.pronunciation",
    "zoo.evaluation",
    "zoo.fitting",
)


def public(file: Path):
    """Yield the public classes and functions at the top of a file."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def has_example(node) -> bool:
    return ">>> " in (ast.get_docstring(node) or "")


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = [
    pytest.param(name_of(file), marks=pytest.mark.slow if name_of(file).startswith(LOADS_OR_TRAINS) else ())
    for file in FILES
    if ">>> " in file.read_text("utf-8")
]


def test_each_public_name_has_an_example():
    lacking, result = [], set()
    for file in FILES:
        if file.name.startswith("torch_"):  # parts of a layer, for one backend alone
            continue
        room = file.relative_to(ROOT / "zoo").parts[0]
        for node in public(file):
            kind = CLASSES if isinstance(node, ast.ClassDef) else FUNCTIONS
            exported = zoo._PUBLIC.get(node.name) == name_of(file) and not node.name.endswith("Error")
            needed = exported or room in kind or (room == "models" and node.name in MODELS)
            if needed:
                result.add(node.name)
                if not has_example(node):
                    lacking.append(f"{file.relative_to(ROOT)}: {node.name}")
    assert lacking == []
    assert {*MODELS, *(name for name in zoo.__all__ if not name.endswith("Error"))} <= result


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed
