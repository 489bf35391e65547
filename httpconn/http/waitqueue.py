"""A queue of waiters, first in, first out, which can leave at any time."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar
from weakref import ref

__all__ = ["WaitQueue"]


class Waiter(Protocol):
    """An object that waits. Its ``number`` increases with its time of arrival."""

    @property
    def number(self) -> int: ...


W = TypeVar("W", bound=Waiter)


class WaitQueue(Generic[W]):
    """Waiters in the order of their numbers. A waiter that comes from another queue joins at its position.

    The queue holds weak references and skips a waiter that its owner has dropped. To join behind all others has a
    constant cost, any other operation a logarithmic one.
    """

    __slots__ = ("_order", "_waiters")

    def __init__(self) -> None:
        self._waiters: dict[int, ref[W]] = {}
        self._order: list[int] = []  # a heap, which may contain numbers of waiters that left

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: W) -> None:
        self._waiters[waiter.number] = ref(waiter)
        heappush(self._order, waiter.number)

    def leave(self, waiter: W) -> bool:
        """Remove a waiter, and return whether it was in the queue."""
        if self._waiters.pop(waiter.number, None) is None:
            return False
        # The rebuild at least halves the heap, so its amortized cost per departure is constant.
        if len(self._order) > 2 * len(self._waiters):
            self._order = list(self._waiters)
            heapify(self._order)
        return True

    def first(self) -> W | None:
        """Return the waiter with the lowest number, or None."""
        while self._order:
            reference = self._waiters.get(self._order[0])
            waiter = None if reference is None else reference()
            if waiter is not None:
                return waiter
            self._waiters.pop(heappop(self._order), None)
        return None
