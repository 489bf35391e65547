"""The gate before a pool: so many exchanges at once, and a fair queue whose cost does not grow with its length.

httpcore's own queue is scanned as a whole for every request, and a task that is cancelled while it waits there may
take its connection with it. Behind the gate there is always a free connection, so that queue stays empty.
"""

from __future__ import annotations

import threading

from .runtimes import Runtime, Signal, await_turn


class Gate:
    """Who is inside, and who waits; in the order of their coming."""

    def __init__(self, places: int, runtime: Runtime) -> None:
        self._places = places
        self._runtime = runtime
        self._lock = threading.Lock()
        self._turns: dict[Signal, None] = {}
        self.held: int = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._turns)

    async def enter(self, timeout: float | None) -> None:
        """Wait for a place, at most ``timeout`` seconds; raises httpx.PoolTimeout."""
        turn = self._runtime.signal()
        if not self._queue(turn):
            return
        try:
            await await_turn(self._runtime, turn, timeout)
        except BaseException:
            self._give_up(turn)
            raise

    def leave(self) -> None:
        """Hand the place to the first who waits."""
        with self._lock:
            turn = next(iter(self._turns), None)
            if turn is None:
                self.held -= 1
            else:
                del self._turns[turn]
                turn.set()

    def _queue(self, turn: Signal) -> bool:
        """Whether there is no place free, and the turn has to be awaited."""
        with self._lock:
            if self.held < self._places:
                self.held += 1
                return False
            self._turns[turn] = None
            return True

    def _give_up(self, turn: Signal) -> None:
        """Stop waiting; a place that was handed over at the same moment goes to the next one."""
        with self._lock:
            self._turns.pop(turn, None)
        if turn.is_set():
            self.leave()
