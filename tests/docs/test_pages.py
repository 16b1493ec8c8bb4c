"""Each page of the guide that shows commands or Python has a test that runs them."""

import re
from pathlib import Path

HERE = Path(__file__).parent
GUIDE = HERE.parents[1] / "docs" / "guide"


def blocks(text: str) -> list[str]:
    """Returns the fenced blocks of a page that start the command ``zoo`` or are Python."""
    result = re.findall(r"^```(python)?\n(.*?)^```$", text, flags=re.M | re.S)
    return [block for language, block in result if language or re.search(r"^zoo ", block, flags=re.M)]


def test_every_page_with_commands_is_run_by_a_test():
    tests = "".join(file.read_text("utf-8") for file in HERE.glob("test_*.py") if file != Path(__file__))
    pages = [page.name for page in GUIDE.glob("*.md") if blocks(page.read_text("utf-8"))]
    assert len(pages) >= 7
    assert [page for page in pages if f'"{page}"' not in tests] == []


def test_blocks_of_commands_and_of_python_are_seen():
    assert blocks("a\n```\nzoo list\n```\n```python\nimport zoo\n```\n```\npip install x\n```\n") == [
        "zoo list\n",
        "import zoo\n",
    ]
