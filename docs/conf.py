"""Sphinx configuration: ``python -m sphinx -W -b html docs build/site``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gallery  # noqa: E402

from zoo.version import __version__  # noqa: E402

project = "seqzoo"
author = "The seqzoo authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = "seqzoo"
html_static_path = ["_static"]
html_js_files = ["gallery.js"]
html_css_files = ["gallery.css"]
# ``zoo demo docs/_extra/demo NAME...`` before the build puts the page into the site.
html_extra_path = ["_extra"] if Path(__file__).with_name("_extra").is_dir() else []
if html_extra_path:
    tags.add("demo")  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields of dataclasses stand in the docstring once, and not as members too
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]


def literal_example(app, context, lines):
    """Show the example in a command's epilog literally, because wildcards would be read as emphasis."""
    if lines:
        text = [line.strip() for line in lines if line.strip() not in ("", "\b", "Example:")]
        lines[:] = [
            "Example::",
            "",
            *(f"   {line.lstrip('| ')}" for line in text if line.lstrip("| ") != "Example:"),
            "",
        ]


def setup(app):
    """Write the gallery before the sources are read."""
    app.connect("builder-inited", lambda app: gallery.write(Path(app.srcdir) / "gallery"))
    app.connect("sphinx-click-process-epilog", literal_example)
