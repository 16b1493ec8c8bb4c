"""``python -m zoo``: the ``zoo`` command."""

from zoo.cli.main import main  # pyright: ignore[reportMissingImports]

main(prog_name="zoo")
