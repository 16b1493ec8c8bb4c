"""Notes on inputs: unknown tokens, and characters that are read as known ones."""

from collections.abc import Sequence
from typing import Any

from zoo.errors import InputError
from zoo.pipeline import Pipeline

MANY_UNKNOWN, MAX_UNKNOWN = 0.05, 0.5  # shares of unknown tokens for a warning and for an error


def unknown_tokens(pipeline: Pipeline, inputs: Sequence[Any], allowed: bool = False) -> list[str]:
    """Returns a note on unknown tokens, if there are any.

    Args:
        pipeline: The pipeline.
        inputs: Texts.
        allowed: Whether more than half of the tokens may be unknown.

    Raises:
        InputError: More than half of the tokens are unknown, and this is not allowed.
    """
    share = pipeline.task.unknown_share(pipeline.preprocessor, inputs)
    if not share:
        return []
    known = f"{100 * share:.1f} % of the tokens are unknown to the model"
    if share > MAX_UNKNOWN and not allowed:
        raise InputError(
            f"{known}, which knows the language or the script of other texts: train one from fresh weights"
            f" ({pipeline.spec.architecture}_{pipeline.spec.size}), or go on with --allow-unknown"
        )
    fresh = f": {pipeline.spec.architecture}_{pipeline.spec.size} with fresh weights would learn them"
    return [f"{known}{fresh if share > MANY_UNKNOWN else ''}"]


class Folded:
    """Counts inputs whose unknown characters are read as known ones.

    Args:
        preprocessor: A preprocessor; one without ``read_as`` replaces nothing.
    """

    def __init__(self, preprocessor: Any):
        self.read_as = getattr(preprocessor, "read_as", None)
        self.count, self.first = 0, ("", "")

    def add(self, inputs: Sequence[Any]) -> None:
        """Count those of some inputs."""
        if self.read_as is None:
            return
        for value in inputs:
            other = self.read_as(value) if isinstance(value, str) else None
            if other is not None:
                self.first = self.first if self.count else (value, other)
                self.count += 1

    def merge(self, count: int, first: tuple[str, str]) -> None:
        """Add the count and the first of later inputs."""
        self.first = self.first if self.count else first
        self.count += count

    def notes(self) -> list[str]:
        """Returns a note with the count and an example, if there are such inputs."""
        if not self.count:
            return []
        given, other = self.first
        inputs = "input has" if self.count == 1 else "inputs have"
        return [f"{self.count:,} {inputs} characters that are read as others: {given!r:.60} as {other!r:.60}"]
