"""Rows that cannot be used: named together, or left out and counted."""

from zoo.data.examples import Examples
from zoo.errors import BadRowsError, InputError

NAMED = 10  # rows that one error names
REMEDY = "correct them, or leave them out with --skip-bad-rows"


class BadRows:
    """Collects the errors of rows; called with each of them.

    Args:
        skip: Whether such rows are left out; if not, ``check`` raises.

    Attributes:
        count: Rows so far. A file may be read several times: an error counts once.
        errors: The first ``NAMED`` of their errors.
    """

    def __init__(self, skip: bool = False):
        self.skip, self.count = skip, 0
        self.errors: list[InputError] = []
        self._known: set[int] = set()

    def __call__(self, error: InputError) -> None:
        key = hash(str(error))
        if key in self._known:
            return
        self._known.add(key)
        self.count += 1
        if self.count <= NAMED:
            self.errors.append(error)

    def check(self) -> None:
        """Raise the error of the only row, or one that names up to ten, unless rows are skipped."""
        if self.skip or not self.count:
            return
        if self.count == 1:
            raise self.errors[0]
        more = f", {self.count - NAMED:,} of them not shown" if self.count > NAMED else ""
        raise BadRowsError([*map(str, self.errors), f"{self.count:,} rows cannot be used{more}: {REMEDY}"])

    def leave_out(self, part: Examples, errors: list[tuple[int, InputError]]) -> Examples:
        """Returns a part without its bad rows, whose errors get their places here."""
        for i, error in errors:
            self(InputError(f"{part.locations[i]}: {error}"))
        numbers = {i for i, _ in errors}
        return part.select(i for i in range(len(part)) if i not in numbers) if numbers else part

    def notes(self) -> list[str]:
        """Returns a line on the rows that were left out, and the errors of the first of them."""
        rows = "row was" if self.count == 1 else "rows were"
        return [f"{self.count:,} {rows} left out", *map(str, self.errors)] if self.count else []
