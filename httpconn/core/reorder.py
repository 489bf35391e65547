"""A reorder buffer for the results of concurrent calls."""

from collections import deque
from typing import Generic, TypeVar

R = TypeVar("R")


class ReorderBuffer(Generic[R]):
    """Results of numbered calls, in the order in which the calls finish or in the order of their numbers."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._started = 0
        self._next = 0
        self._held: dict[int, R] = {}
        self.pending: int = 0  # number of calls that were started and whose results were not yet returned
        self.ready: deque[R] = deque()  # the results that can be returned now

    def begin(self) -> int:
        """Count a started call and return its number, from 0."""
        self._started += 1
        self.pending += 1
        return self._started - 1

    def finish(self, number: int, result: R) -> None:
        """Add the result of a call. An ordered buffer holds it back until all earlier calls have a result."""
        if not self._ordered:
            self.ready.append(result)
            return
        self._held[number] = result
        while self._next in self._held:
            self.ready.append(self._held.pop(self._next))
            self._next += 1

    def pop(self) -> R:
        """Return the next result. Call this only if ``ready`` has one."""
        self.pending -= 1
        return self.ready.popleft()
