"""The gate before a pool: so many exchanges at once, and a fair queue whose cost does not grow with its length.

httpcore's own queue is scanned as a whole for every request, and a task that is cancelled while it waits there may
take its connection with it. Behind the gate there is always a free connection, so that queue stays empty.
"""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

import anyio
import httpx

from .allowance import seconds_left


class Signal(Protocol):
    """An event, of threads or of tasks."""

    def set(self) -> object:
        """Wake whoever waits."""

    def is_set(self) -> bool:
        """Whether it was set."""


E = TypeVar("E", bound=Signal)


class _Queue(Generic[E]):
    """Who is inside, and who waits; in the order of their coming."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._turns: dict[E, None] = {}
        self.held = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._turns)

    def leave(self) -> None:
        """Hand the place to the first who waits."""
        with self._lock:
            turn = next(iter(self._turns), None)
            if turn is None:
                self.held -= 1
            else:
                del self._turns[turn]
                turn.set()

    def _queue(self, turn: E) -> bool:
        """Whether there is no place free, and the turn has to be awaited."""
        with self._lock:
            if self.held < self._places:
                self.held += 1
                return False
            self._turns[turn] = None
            return True

    def _give_up(self, turn: E) -> None:
        """Stop waiting; a place that was handed over at the same moment goes to the next one."""
        with self._lock:
            self._turns.pop(turn, None)
        if turn.is_set():
            self.leave()


class SyncGate(_Queue[threading.Event]):
    """For threads."""

    async def enter(self, timeout: float | None) -> None:
        """Wait for a place, at most ``timeout`` seconds; raises httpx.PoolTimeout."""
        turn = threading.Event()
        if not self._queue(turn):
            return
        try:
            if not turn.wait(seconds_left(timeout)):
                raise TimeoutError
        except TimeoutError:
            self._give_up(turn)
            raise _timeout() from None
        except BaseException:
            self._give_up(turn)
            raise


class AsyncGate(_Queue[anyio.Event]):
    """For the tasks of one event loop."""

    async def enter(self, timeout: float | None) -> None:
        """Wait for a place, at most ``timeout`` seconds; raises httpx.PoolTimeout."""
        turn = anyio.Event()
        if not self._queue(turn):
            return
        try:
            with anyio.fail_after(seconds_left(timeout)):
                await turn.wait()
        except TimeoutError:
            self._give_up(turn)
            raise _timeout() from None
        except BaseException:
            self._give_up(turn)
            raise


def _timeout() -> httpx.PoolTimeout:
    return httpx.PoolTimeout("No connection came free in time")
