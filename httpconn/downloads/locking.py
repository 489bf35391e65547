"""The lock of a target: a second download of a target waits for the first download, and gets its result."""

import errno

from ..core.deadlines import Deadline
from ..disk.partfile import STALE, InUse, PartFile, Sidecar, Transfer
from ..errors import StorageError
from ..runtime.port import Port
from .existing import ExistingFile, look_at

PAUSE, MAX_PAUSE = 0.05, 1.0  # seconds between two attempts to get the lock: at first, and at most


async def lock_target(
    port: Port, deadline: Deadline, part: PartFile, key: str
) -> tuple[Sidecar | None, ExistingFile | None]:
    """Open the partial file. If another download has the lock, wait until its owner ends or stalls for an hour.

    Return the state of the bytes that an earlier download has left, and the file that another download created
    meanwhile.
    """
    try:
        return await port.blocking(part.open), None
    except InUse:
        before = None if part.replaced is None else ExistingFile.of(part.replaced)
    sidecar, transfer = await _wait_for_end(port, deadline, part)
    if transfer is not None:
        await port.blocking(part.publish, transfer)  # further downloads may wait for this one now
    after = await port.blocking(look_at, part.target)
    if after is None or after == before:
        return sidecar, None
    if transfer is not None and transfer.key == key and transfer.total in (None, after.size):
        after = after._replace(validator=transfer.validator)
    return sidecar, after


async def _wait_for_end(port: Port, deadline: Deadline, part: PartFile) -> tuple[Sidecar | None, Transfer | None]:
    """Acquire the lock. Return the sidecar of the other download, and the transfer that it completed."""
    pause, last, active_at = PAUSE, None, port.now()
    while True:
        activity, now = await port.blocking(part.watch), port.now()
        if activity != last:
            last, active_at = activity, now
        elif now - active_at > STALE:
            raise StorageError(
                f"Another download of {part.target} holds the lock and has written nothing for an hour; "
                "end that process, or choose another path",
                errno=errno.EBUSY,
            )
        deadline.check(now)
        await port.aside(port.sleep(pause if deadline.at is None else min(pause, deadline.at - now)))
        pause = min(2 * pause, MAX_PAUSE)
        try:
            return await port.blocking(part.open), await port.blocking(part.published)
        except InUse:
            pass
