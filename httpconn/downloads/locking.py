"""A partial file has one owner at a time: who comes later waits, and learns what the owner is making."""

from __future__ import annotations

import errno
from typing import NamedTuple

from ..core.deadlines import Deadline
from ..disk.partfile import STALE, InUse, PartFile, Sidecar, Transfer
from ..errors import StorageError
from ..ports.base import Port
from .existing import Existing, look_at

PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks: the first ones, and those after a while."""


class Claimed(NamedTuple):
    """The partial file is ours.

    Attributes:
        left: what an earlier download has left in it.
        existing: the file that an owner has put under the target's name while we waited, or None.
    """

    left: Sidecar | None
    existing: Existing | None


async def claim(port: Port, deadline: Deadline, part: PartFile, key: str) -> Claimed:
    """Own the partial file; an owner that ends, even by a crash, gives way.

    Args:
        key: of the resource that is wanted.

    Raises:
        StorageError: the owner lives, and has done nothing for an hour.
    """
    before = await port.blocking(_open_or_look, part)
    if isinstance(before, Claimed):
        return before
    left, made = await _Wait(port, deadline, part).end()
    if made is not None:
        await port.blocking(part.publish, made)  # others may wait still, now for us
    after = await port.blocking(look_at, part.target)
    if after is None or after == before:
        return Claimed(left, None)
    is_meant = made is not None and made.key == key and made.total in (None, after.size)
    return Claimed(left, after._replace(validator=made.validator if made is not None and is_meant else None))


def _open_or_look(part: PartFile) -> Claimed | Existing | None:
    """What stood at the target before it was found to have an owner, who may have put his file there since."""
    before = look_at(part.target)
    try:
        return Claimed(part.open(), None)
    except InUse:
        return before


class _Wait:
    """For the end of an owner."""

    def __init__(self, port: Port, deadline: Deadline, part: PartFile) -> None:
        self._port = port
        self._deadline = deadline
        self._part = part
        self._pulse: object = None
        self._felt = port.now()

    async def end(self) -> tuple[Sidecar | None, Transfer | None]:
        """What the owner has left, now that the file is ours, and what it was making."""
        pause = PAUSE
        while True:
            await self._feel()
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                return await self._port.blocking(self._part.open), await self._port.blocking(self._part.published)
            except InUse:
                pass

    async def _feel(self) -> None:
        """Whether the owner is at work still."""
        pulse, now = await self._port.blocking(self._part.watch), self._port.now()
        if pulse != self._pulse:
            self._pulse, self._felt = pulse, now
        elif now - self._felt > STALE:
            raise StorageError("Another download has the partial file, and does nothing", errno=errno.EBUSY)

    async def _sleep(self, pause: float) -> None:
        now = self._port.now()
        self._deadline.check(now)
        await self._port.sleep(pause if self._deadline.at is None else min(pause, self._deadline.at - now))
