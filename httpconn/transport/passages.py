"""What is made on behalf of the request that is being sent, so that none of it is lost when something fails."""

from __future__ import annotations

import math
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..options import Limits


class Discardable(Protocol):
    """A connection that was made for a passage, and may not have been used."""

    def discard_unused(self) -> None:
        """Give up the place in the pool, if no request was ever sent on it."""


@dataclass(eq=False)
class Passage:
    """One request's way through a pool, there and back.

    Attributes:
        limits: of the header of an answer.
        connections: made for it by the pool.
        streams: dialled for it by the backend, and not yet owned by a connection.
        spent: whether a body of the request that cannot be sent again was read from.
        whole: whether nothing of its answer is still to come.
        left: bytes that are still to come of one that nobody has begun to read; without end where that is not known.
        interruption: what interrupted its clean-up, to be raised once that is done.
    """

    limits: Limits = field(default_factory=Limits)
    connections: list[Discardable] = field(default_factory=list)
    streams: list[Any] = field(default_factory=list)
    spent: bool = False
    whole: bool = False
    left: float = math.inf
    interruption: BaseException | None = None

    @contextmanager
    def current(self) -> Iterator[None]:
        """What is made in this block is made for this passage; an interruption is raised at its end."""
        token = CURRENT.set(self)
        try:
            yield
        finally:
            CURRENT.reset(token)
            self.resume()

    def discard_unused(self) -> None:
        """After a failure: what was made for this passage has no other purpose."""
        for connection in self.connections:
            connection.discard_unused()

    async def complete(self, step: Coroutine[Any, Any, None]) -> None:
        """Take a step of cleaning up, and put off an interruption, after which httpcore would leave out the rest.

        ``asyncio.Task.cancel()`` reaches into shielded scopes, which anyio's own cancellation does not.
        """
        try:
            await step
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by resume
            self.interruption = error

    def resume(self) -> None:
        """Raise what was put off."""
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            raise interruption


CURRENT: ContextVar[Passage | None] = ContextVar("httpconn_call", default=None)
