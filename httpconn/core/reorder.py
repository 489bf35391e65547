"""Which of many results are handed out next, and how many may be under way."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

R = TypeVar("R")


class ReorderBuffer(Generic[R]):
    """Results as they finish, or in the order in which they were begun.

    Args:
        size: how many may be begun and not handed out.
        ordered: hand them out in order.
    """

    def __init__(self, size: int, *, ordered: bool) -> None:
        self._size = size
        self._ordered = ordered
        self._begun = 0
        self._released = 0
        self._handed_out = 0
        self._held: dict[int, R] = {}
        self._ready: deque[R] = deque()

    @property
    def room(self) -> int:
        """How many more may be begun."""
        return self._size - (self._begun - self._handed_out)

    @property
    def is_empty(self) -> bool:
        """Whether all that were begun were handed out."""
        return self._begun == self._handed_out

    @property
    def is_ready(self) -> bool:
        """Whether one can be handed out."""
        return bool(self._ready)

    def begin(self) -> int:
        """Its number, from 0 on."""
        self._begun += 1
        return self._begun - 1

    def finish(self, number: int, result: R) -> None:
        """It is there; where order counts, the others may have to come first."""
        if not self._ordered:
            self._ready.append(result)
            return
        self._held[number] = result
        while self._released in self._held:
            self._ready.append(self._held.pop(self._released))
            self._released += 1

    def pop(self) -> R:
        """The next one, which is ready."""
        self._handed_out += 1
        return self._ready.popleft()
