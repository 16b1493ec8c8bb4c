"""Rows that cannot be used: named together, or left out and counted."""

from zoo.data.examples import Examples
from zoo.errors import BadRowsError, InputError

NAMED = 10  # rows that one error names


class BadRows:
    """Collects the errors of rows; called with each of them.

    Args:
        skip: Whether such rows are left out; if not, ``check`` raises.

    Attributes:
        count: Rows so far.
        errors: The first ``NAMED`` of their errors.
    """

    def __init__(self, skip: bool = False):
        self.skip, self.count = skip, 0
        self.errors: list[InputError] = []

    def __call__(self, error: InputError) -> None:
        self.count += 1
        if self.count <= NAMED:
            self.errors.append(error)

    def add(self, count: int, errors: list[InputError]) -> None:
        """Add what another collected: the number of its rows and the first of their errors."""
        self.errors += errors[: max(0, NAMED - self.count)]
        self.count += count

    def check(self, remedy: str = "correct them") -> None:
        """Raise the error of the only row, or one that names up to ten, unless rows are skipped."""
        if self.skip or not self.count:
            return
        if self.count == 1:
            raise self.errors[0]
        more = f", {self.count - NAMED:,} of them not shown" if self.count > NAMED else ""
        raise BadRowsError([*map(str, self.errors), f"{self.count:,} rows cannot be used{more}: {remedy}"])

    def leave_out(self, part: Examples, errors: list[tuple[int, InputError]]) -> Examples:
        """Returns a part without its bad rows, whose errors get their places here."""
        for i, error in errors:
            self(InputError(f"{part.locations[i]}: {error}"))
        numbers = {i for i, _ in errors}
        return part.select(i for i in range(len(part)) if i not in numbers) if numbers else part

    def notes(self) -> list[str]:
        """Returns a line on the rows that were left out, and the errors of the first of them."""
        return [f"{self.count:,} rows were left out", *map(str, self.errors)] if self.count else []
