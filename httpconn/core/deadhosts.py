"""Dead hosts: hosts that have accepted no connection for several attempts in a row."""

from collections.abc import Hashable
from typing import NamedTuple

from ..errors import ConnectFailed, ConnectTimedOut, HTTPConnError, TLSFailed

FAILURES = 3  # failed attempts to connect, in a row, after which a host is dead
PAUSE = 10.0  # seconds between two attempts to connect to a dead host
MAX_HOSTS = 4096


class _Failures(NamedTuple):
    number: int
    error: HTTPConnError
    probe_at: float


class DeadHosts(dict[Hashable, _Failures]):
    """The failed connections to each host, shared by the threads or tasks of a batch. It is false without failures."""

    def connected(self, host: Hashable) -> None:
        """Forget the failures of a host that has responded."""
        self.pop(host, None)

    def failed(self, host: Hashable, error: HTTPConnError, now: float) -> None:
        """Count a failed connection to a host. Other errors do not count."""
        if not isinstance(error, (ConnectFailed, ConnectTimedOut)) or isinstance(error, TLSFailed):
            return
        before = self.pop(host, None)
        if before is None and len(self) >= MAX_HOSTS:
            self.pop(next(iter(self)), None)
        self[host] = _Failures(1 if before is None else before.number + 1, _copied(error), now + PAUSE)

    def is_dead(self, host: Hashable) -> bool:
        failures = self.get(host)
        return failures is not None and failures.number >= FAILURES

    def check(self, host: Hashable, now: float) -> None:
        """Raise the last error of a dead host again. One call in ``PAUSE`` seconds may try to connect."""
        failures = self.get(host)
        if failures is None or failures.number < FAILURES:
            return
        if now >= failures.probe_at:
            self[host] = failures._replace(probe_at=now + PAUSE)
            return
        error = _copied(failures.error)
        error.add_note(
            f"No connection was tried: the last {failures.number} attempts to connect to this host have failed."
            f" The next attempt is in {failures.probe_at - now:.0f} s"
        )
        raise error


def _copied(error: HTTPConnError) -> HTTPConnError:
    """Return the error without its traceback, which would keep the objects of a call in memory."""
    return type(error)(*error.args)
