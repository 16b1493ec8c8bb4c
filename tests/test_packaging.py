import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
SHIPPED = PROJECT["tool"]["setuptools"]["package-data"]["zoo.weights"]
MAX_WEIGHTS_BYTES = 60_000_000


def sources(folder):
    """Returns the files of a folder that belong into a wheel."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    files = [path for path in files if "__pycache__" not in path.parts and not path.name.startswith(".")]
    if folder != "weights":
        return files
    return [path for path in files if any(fnmatch(str(path.relative_to(ROOT / folder)), name) for name in SHIPPED)]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Returns the path of a wheel built from a copy of the tree, so that the tree stays as it is."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("zoo", "cli", "weights"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def zoo(place, folder, *arguments):
    """Run the command from a folder, with the package taken from a place alone."""
    code = "import sys, zoo.cli.main as command; print(command.__file__, file=sys.stderr); command.main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
    )


def test_the_list_of_packages_is_the_tree():
    result = {".".join(path.parent.relative_to(ROOT).parts) for path in sources("zoo") if path.suffix == ".py"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == result | {"zoo.cli", "zoo.weights"}


def test_the_wheel_holds_the_whole_tree_and_nothing_else(unpacked):
    expected = {
        Path(*package.split("."), path.relative_to(ROOT / folder))
        for package, folder in FOLDERS.items()
        for path in sources(folder)
    }
    files = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    (information,) = {path.parts[0] for path in files if path.parts[0].endswith(".dist-info")}
    assert {path for path in files if path.parts[0] != information} == expected
    assert Path("zoo/py.typed") in files
    assert Path("zoo/cli/main.py") in files


def test_the_wheel_says_what_it_is(unpacked):
    (information,) = unpacked.glob("*.dist-info")
    assert "zoo = zoo.cli.main:main" in (information / "entry_points.txt").read_text()
    metadata = HeaderParser().parsestr((information / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "seqzoo"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert (information / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_runs_without_the_checkout(unpacked, tmp_path):
    done = zoo(unpacked, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    assert Path(done.stderr.splitlines()[0]) == unpacked / "zoo" / "cli" / "main.py"
    assert done.stdout == zoo(ROOT, tmp_path, "list").stdout


def test_the_checkout_runs_without_being_installed(tmp_path):
    done = zoo(ROOT, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    assert Path(done.stderr.splitlines()[0]) == ROOT / "cli" / "main.py"


def test_the_wheel_holds_every_record_and_at_most_60_mb_of_weights(wheel, unpacked):
    records = {path.relative_to(ROOT) for path in (ROOT / "weights").glob("*/record.json")}
    packed = {path.relative_to(unpacked / "zoo") for path in (unpacked / "zoo" / "weights").glob("*/record.json")}
    assert packed == records
    assert (unpacked / "zoo" / "weights" / "index.json").is_file()
    weights = sum(path.stat().st_size for path in unpacked.rglob("*.safetensors"))
    remedy = "shorten the list of weights in pyproject.toml, [tool.setuptools.package-data]"
    assert weights <= MAX_WEIGHTS_BYTES and wheel.stat().st_size <= MAX_WEIGHTS_BYTES, remedy
    # Each pattern ships something; the one that the README installs is among it.
    names = [str(path.relative_to(unpacked / "zoo" / "weights")) for path in unpacked.rglob("*.safetensors")]
    assert all(any(fnmatch(name, pattern) for name in names) for pattern in SHIPPED if "safetensors" in pattern)
    assert "gru_small.cmudict/model.safetensors" in names


def test_weights_outside_the_wheel_say_where_to_get_them(unpacked, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_WEIGHTS_URL", raising=False)
    packed = unpacked / "zoo" / "weights"
    name = next(
        path.name for path in sorted(packed.iterdir()) if path.is_dir() and not list(path.glob("*.safetensors"))
    )
    assert zoo(unpacked, tmp_path, "info", name).returncode == 0
    done = zoo(unpacked, tmp_path, "weights", "fetch", name)
    assert done.returncode not in (0, 1)
    (line,) = done.stderr.splitlines()[1:]
    assert name in line and "set ZOO_WEIGHTS_URL" in line
    monkeypatch.setenv("ZOO_WEIGHTS_URL", (ROOT / "weights").as_uri())
    done = zoo(unpacked, tmp_path, "weights", "fetch", name)
    assert done.returncode == 0, done.stderr


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def names(requirements):
    return {normal(re.split("[^a-zA-Z0-9._-]", text)[0]) for text in requirements}


def test_every_distribution_that_is_imported_is_required():
    imported = set()
    for path in [*sources("zoo"), *sources("cli")]:
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    imported.add(node.module.split(".")[0])
    owners = importlib.metadata.packages_distributions()
    needed = {normal(owners.get(name, [name])[0]) for name in imported - set(sys.stdlib_module_names) - {"zoo"}}
    # Those of extras are imported where they are asked for, with a message that names the extra.
    extras = PROJECT["project"]["optional-dependencies"]
    optional = names(text for extra, needs in extras.items() if extra != "test" for text in needs)
    assert needed - optional <= names(PROJECT["project"]["dependencies"])
