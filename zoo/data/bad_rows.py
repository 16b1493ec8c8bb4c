"""Rows that cannot be used: reported together, or left out and counted."""

from zoo.data.examples import Examples
from zoo.errors import BadRowsError, InputError

NAMED = 10  # maximum lines of an error
REMEDY = "correct them, or leave them out with --skip-bad-rows"


class BadRows:
    """Collects the errors of bad rows; called with each error, and its location if the error does not name it.

    Args:
        skip: Whether to leave bad rows out; otherwise ``check`` raises.

    Attributes:
        count: Number of bad rows so far. An error counts once, even if a file is read several times.
    """

    def __init__(self, skip: bool = False):
        self.skip, self.count = skip, 0
        self._known: set[int] = set()
        self._shown: dict[str, tuple[str, int]] = {}  # by message: its first line, and the number of further rows

    def __call__(self, error: InputError, location: str = "") -> None:
        message = str(error)
        line = f"{location}: {message}" if location else message
        key = hash(line)
        if key in self._known:
            return
        self._known.add(key)
        self.count += 1
        if message in self._shown:
            first, further = self._shown[message]
            self._shown[message] = first, further + 1
        elif len(self._shown) < NAMED:
            self._shown[message] = line, 0

    @property
    def errors(self) -> list[InputError]:
        """The first ``NAMED`` different errors, each with the number of further rows that have it too."""
        return [
            InputError(f"{line} (and {further:,} further row{'s' * (further > 1)})" if further else line)
            for line, further in self._shown.values()
        ]

    def check(self) -> None:
        """Raise the error of the only bad row, or an error that names up to ten, unless rows are skipped."""
        if self.skip or not self.count:
            return
        if self.count == 1:
            raise self.errors[0]
        hidden = self.count - sum(1 + further for _, further in self._shown.values())
        more = f", {hidden:,} of them not shown" if hidden else ""
        raise BadRowsError([*map(str, self.errors), f"{self.count:,} rows cannot be used{more}: {REMEDY}"])

    def leave_out(self, part: Examples, errors: list[tuple[int, InputError]]) -> Examples:
        """Returns a part without its bad rows, and adds their errors with their locations."""
        for i, error in errors:
            self(error, part.locations[i])
        numbers = {i for i, _ in errors}
        return part.select(i for i in range(len(part)) if i not in numbers) if numbers else part

    def notes(self, fate: str = "left out") -> list[str]:
        """Returns the number of bad rows with what became of them, and the first errors."""
        rows = "row was" if self.count == 1 else "rows were"
        return [f"{self.count:,} {rows} {fate}", *map(str, self.errors)] if self.count else []
