"""The README says what is so today."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_checkpoints_is_that_of_the_records():
    text = (ROOT / "README.md").read_text("utf-8")
    assert runpy.run_path(str(ROOT / "docs" / "table.py"))["with_table"](text) == text
