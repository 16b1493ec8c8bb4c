"""Rows that cannot be used: reported together, or left out and counted."""

from zoo.data.examples import Examples
from zoo.errors import BadRowsError, InputError

NAMED = 10  # maximum rows in an error
REMEDY = "correct them, or leave them out with --skip-bad-rows"


class BadRows:
    """Collects the errors of bad rows; called with each error.

    Args:
        skip: Whether to leave bad rows out; otherwise ``check`` raises.

    Attributes:
        count: Number of bad rows so far. An error counts once, even if a file is read several times.
        errors: The first ``NAMED`` errors.
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
        """Raise the error of the only bad row, or an error that names up to ten, unless rows are skipped."""
        if self.skip or not self.count:
            return
        if self.count == 1:
            raise self.errors[0]
        more = f", {self.count - NAMED:,} of them not shown" if self.count > NAMED else ""
        raise BadRowsError([*map(str, self.errors), f"{self.count:,} rows cannot be used{more}: {REMEDY}"])

    def leave_out(self, part: Examples, errors: list[tuple[int, InputError]]) -> Examples:
        """Returns a part without its bad rows, and adds their errors with their locations."""
        for i, error in errors:
            self(InputError(f"{part.locations[i]}: {error}"))
        numbers = {i for i, _ in errors}
        return part.select(i for i in range(len(part)) if i not in numbers) if numbers else part

    def notes(self, fate: str = "left out") -> list[str]:
        """Returns the number of bad rows with what became of them, and the first errors."""
        rows = "row was" if self.count == 1 else "rows were"
        return [f"{self.count:,} {rows} {fate}", *map(str, self.errors)] if self.count else []
