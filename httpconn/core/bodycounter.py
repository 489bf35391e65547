"""BodyCounter: what an answer's body may cost, counted as it comes."""

from __future__ import annotations

import threading

from ..errors import InvalidRequest, LimitExceeded, ProtocolError, TooSlow, TruncatedBody
from ..options import Limits
from ..runtime.forking import renew_in_child


class ByteBudget:
    """Bytes that several calls may fetch together: all the media of one API request, say.

    One budget can be shared by threads, tasks and attempts; bytes of attempts that failed count too.

    Args:
        total: bytes.

    Raises:
        InvalidRequest: ``total`` is no number of bytes.
    """

    def __init__(self, total: int) -> None:
        if isinstance(total, bool) or not isinstance(total, int) or total < 0:
            raise InvalidRequest("A ByteBudget needs a number of bytes")
        self.total = total
        self._used = 0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes spent so far; at most ``total``."""
        return min(self._used, self.total)

    @property
    def left(self) -> int:
        """Bytes that may still be spent."""
        return self.total - self.used

    def spend(self, count: int) -> None:
        """Take bytes out of the budget; LimitExceeded when there are not so many."""
        with self._lock:
            self._used += count
            over = self._used > self.total
        if over:
            raise LimitExceeded(f"The shared budget of {self.total} bytes is used up")

    def __repr__(self) -> str:
        return f"<ByteBudget {self.used} of {self.total} bytes used>"


class BodyCounter:
    """Counts one body on the wire and decoded, and stops it at the byte that is too many."""

    def __init__(self, *, max_bytes: int | None, limits: Limits, budget: ByteBudget | None) -> None:
        self.wire: int = 0
        self.decoded: int = 0
        self._between = 0
        self._declared: int | None = None
        self._max = max_bytes
        self._limits = limits
        self._budget = budget
        self._spent = 0

    def expect(self, declared: int | None) -> None:
        """A body that says that it is too large is not begun."""
        self._declared = declared
        if declared is None:
            return
        if self._max is not None and declared > self._max:
            raise LimitExceeded(f"The answer declares {declared} bytes; {self._max} are allowed")
        if self._budget is not None and declared > self._budget.left:
            raise LimitExceeded(f"The answer declares {declared} bytes; the budget has {self._budget.left} left")

    def add_wire(self, count: int) -> None:
        """Count bytes as they come from the server, transfer coding removed."""
        self.wire += count
        self._hold(self.wire)

    def add_decoded(self, count: int) -> None:
        """Count bytes that a content coding unpacked to."""
        self.decoded += count
        self._hold_ratio(self.decoded)
        self._hold(self.decoded)

    def add_intermediate(self, count: int) -> None:
        """Count bytes that a content coding unpacked to, for another to unpack: they cost time, and no memory."""
        self._between += count
        self._hold_ratio(self._between)

    def _hold_ratio(self, unpacked: int) -> None:
        ratio = self._limits.max_ratio
        if ratio is not None and unpacked > max(self._limits.ratio_grace, ratio * self.wire):
            raise LimitExceeded(f"The body unpacks to more than {ratio} times its size")

    def _hold(self, size: int) -> None:
        """The larger of the two counts is what a body costs: an identity body is not counted twice."""
        if self._max is not None and size > self._max:
            raise LimitExceeded(f"The body is larger than {self._max} bytes")
        if self._budget is not None and size > self._spent:
            grown, self._spent = size - self._spent, size
            self._budget.spend(grown)

    def truncated(self) -> TruncatedBody:
        """The error of a body that ended here."""
        whole = "" if self._declared is None else f" of {self._declared}"
        return TruncatedBody(f"The body ended after {self.wire}{whole} bytes")

    def finish(self) -> None:
        """The wire has ended: a short body is never complete (RFC 9112 section 8)."""
        if self._declared is None or self.wire == self._declared:
            return
        if self.wire < self._declared:
            raise self.truncated()
        raise ProtocolError(f"The body has {self.wire} bytes where {self._declared} were declared")


class SpeedFloor:
    """Ends a body that only trickles: a read timeout never notices one byte a second."""

    def __init__(self, limits: Limits) -> None:
        self._floor = limits.min_speed or 0
        self._window = limits.speed_window
        self._waited = 0.0
        self._count = 0

    def add(self, count: int, waited: float) -> None:
        """``count`` bytes came after ``waited`` seconds."""
        self._count += count
        self._waited += waited

    def check(self) -> None:
        """TooSlow when a whole window was below the floor; asked before more is received, so that what came is kept."""
        if self._waited < self._window:
            return
        if self._count < self._floor * self._waited:
            raise TooSlow(f"Only {self._count} bytes came in {self._waited:.1f} seconds")
        self._waited, self._count = 0.0, 0


def declared_length(value: str | None, transfer_encoding: str | None) -> int | None:
    """Return the Content-Length of a response (RFC 9110 section 8.6), or None if no such field counts.

    Transfer-Encoding overrides it (RFC 9112 section 6.3, rule 3).

    Raises:
        ProtocolError: it is no number, or differs from a repetition of itself.
    """
    if value is None or transfer_encoding is not None:
        return None
    length, *repeated = {each.strip() for each in value.split(",")} if "," in value else (value.strip(),)
    if repeated or not (length.isascii() and length.isdigit()) or len(length) > 18:
        raise ProtocolError("The answer's Content-Length is not one number")
    return int(length)
