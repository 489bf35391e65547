"""Limits of a response body, checked while it arrives."""

from ..errors import LimitExceeded, ProtocolError, TooSlow, TruncatedBody
from ..options import Limits, whole_number
from ..runtime.forking import renew_in_child
from .locks import Lock
from .messages import content_length


class ByteBudget:
    """A number of bytes that several calls may receive together, for example all the media of one API request.

    Threads and tasks can share one budget. The bytes of failed attempts count too.

    Args:
        total: the number of bytes.

    Raises:
        InvalidRequest: ``total`` is not a number of bytes.
    """

    def __init__(self, total: int) -> None:
        self.total: int = whole_number("The total of a ByteBudget", total, 0)
        self._used = 0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        self._lock = Lock()

    @property
    def used(self) -> int:
        """The bytes received so far, at most ``total``."""
        return min(self._used, self.total)

    @property
    def left(self) -> int:
        """The bytes that may still be received."""
        return self.total - self.used

    def spend(self, count: int) -> None:
        """Take bytes out of the budget. Raises LimitExceeded: the budget has fewer bytes left."""
        with self._lock:
            self._used += count
            used = self._used
        if used > self.total:
            raise LimitExceeded(f"The shared budget of {self.total} bytes is used up", "budget", self.total, used)

    def __repr__(self) -> str:
        return f"<ByteBudget {self.used} of {self.total} bytes used>"


class BodyCounter:
    """A counter of the received and of the decoded bytes of one body, which enforces the limits."""

    def __init__(self, *, max_bytes: int | None, limits: Limits, budget: ByteBudget | None) -> None:
        self.wire: int = 0
        self.decoded: int = 0
        self._intermediate = 0
        self._declared: int | None = None
        self._max = max_bytes
        self._limits = limits
        self._budget = budget
        self._spent = 0

    def expect(self, declared: int | None) -> None:
        self._declared = declared
        if declared is None:
            return
        if self._max is not None and declared > self._max:
            message = f"The response declares {declared} bytes; {self._max} are allowed"
            raise LimitExceeded(message, "size", self._max, declared)
        if self._budget is not None and declared > self._budget.left:
            message = f"The response declares {declared} bytes; the budget has {self._budget.left} left"
            raise LimitExceeded(message, "budget", self._budget.total, self._budget.used + declared)

    def add_wire(self, count: int) -> None:
        """Count received bytes, without the transfer coding."""
        self.wire += count
        self._check_size(self.wire)

    def add_decoded(self, count: int) -> None:
        self.decoded += count
        self._check_ratio(self.decoded)
        self._check_size(self.decoded)

    def add_intermediate(self, count: int) -> None:
        """Count bytes between two content codings. They cost time, but no memory."""
        self._intermediate += count
        self._check_ratio(self._intermediate)

    def _check_ratio(self, unpacked: int) -> None:
        ratio = self._limits.max_ratio
        if ratio is not None and unpacked > max(self._limits.ratio_grace, ratio * self.wire):
            raise LimitExceeded(f"The body unpacks to more than {ratio} times its size", "ratio", ratio, unpacked)

    def _check_size(self, size: int) -> None:
        """Check one of the two counts. The budget counts only the larger one, so a body without coding counts once."""
        if self._max is not None and size > self._max:
            raise LimitExceeded(f"The body is larger than {self._max} bytes", "size", self._max, size)
        if self._budget is not None and size > self._spent:
            grown, self._spent = size - self._spent, size
            self._budget.spend(grown)

    def truncated(self) -> TruncatedBody:
        whole = "" if self._declared is None else f" of {self._declared}"
        return TruncatedBody(f"The body ended after {self.wire}{whole} bytes")

    def finish(self) -> None:
        """Check the length at the end of the body. A shorter body is incomplete (RFC 9112 section 8)."""
        if self._declared is None or self.wire == self._declared:
            return
        if self.wire < self._declared:
            raise self.truncated()
        raise ProtocolError(f"The body has {self.wire} bytes, but {self._declared} were declared")


class SpeedFloor:
    """The minimum speed of a body. A read timeout never notices a server that sends one byte a second."""

    def __init__(self, limits: Limits) -> None:
        self._floor = limits.min_speed or 0
        self._window = limits.speed_window
        self._waited = 0.0
        self._count = 0

    def add(self, count: int, waited: float) -> None:
        """Count bytes and the seconds that the receiver waited for them."""
        self._count += count
        self._waited += waited

    def check(self) -> None:
        """Check the speed of a full window. Call this before a receive, so that no received byte is lost."""
        if self._waited < self._window:
            return
        if self._count < self._floor * self._waited:
            raise TooSlow(f"Only {self._count} bytes arrived in {self._waited:.1f} seconds")
        self._waited, self._count = 0.0, 0


def declared_length(value: str | None, transfer_encoding: str | None) -> int | None:
    """Return the Content-Length of a response (RFC 9110 section 8.6), or None if it has none that applies."""
    # Transfer-Encoding overrides it (RFC 9112 section 6.3, rule 3).
    if value is None or transfer_encoding is not None:
        return None
    length = content_length(value.encode("latin-1", "replace"))
    if length is None:
        raise ProtocolError("The Content-Length of the response is not a number")
    return length
