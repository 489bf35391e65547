"""A rate limiter: the time at which the next request may start."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import ref

from ..errors import QueueFull
from ..options import MAX_COUNT, RateLimit
from ..runtime.forking import renew_in_child
from .hostpatterns import HostTable
from .locks import Lock
from .slots import Slots

MAX_HOSTS = 4096

TIMER_ERROR = 0.0005  # seconds by which a sleep may end too early


class _Bucket:
    """The slots of one limit, for one host or for all hosts, and the pauses that the host requested."""

    __slots__ = ("paused_until", "shift", "slots")

    def __init__(self, interval: float, burst: int) -> None:
        self.slots = Slots(interval, burst)
        self.paused_until = 0.0
        self.shift = 0.0  # the seconds of all pauses together

    def due(self, moment: float) -> float:
        """Return the earliest time, from ``moment`` on, at which a request may start."""
        return self.slots.due(moment if moment > self.paused_until else self.paused_until)

    def pause(self, until: float, now: float) -> None:
        """Delay all future requests. Their order and the time between them stay the same."""
        delay = until - max(now, self.paused_until)
        if delay > 0:
            self.slots.delay(delay, now)
            self.paused_until = until
            self.shift += delay


Taken = list[tuple[_Bucket, float, float]]
"""The slots of a reservation: the bucket, the start, and the shift of the bucket when the slot was taken."""


def _free(taken: Taken) -> None:
    """Make slots available to other requests."""
    for bucket, slot, shift in taken:
        bucket.slots.free(slot + bucket.shift - shift)


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True)
class Reservation:
    """A time at which one request may start, and the slots that the request occupies."""

    moment: float
    slots: Taken
    by_host: bool = False  # whether the limits of all hosts together would allow an earlier start

    def wait_time(self, now: float) -> float:
        """Return the seconds until the request may start. A pause that a host requests makes the wait longer."""
        delay = max((bucket.shift - shift for bucket, _, shift in self.slots), default=0.0)
        wait = self.moment + delay - now
        return wait if wait > TIMER_ERROR else 0.0


IMMEDIATE = Reservation(0.0, [])  # The reservation of a request that need not wait. A pause does not delay it.


class RateLimiter:
    """The reservations of one connection object, shared by threads and tasks.

    Each caller gets the earliest time at which all limits allow a request, in the order of the calls. The time is
    reserved at once, so no thread or event loop has to wake another. A caller that is cancelled or blocked does not
    delay other callers. If pauses delay the requests to a host, a limit for all hosts holds on average only. The limits
    of ``hosts``, by pattern, replace the limits with the scope "host".
    """

    def __init__(
        self,
        *limits: RateLimit,
        max_waiting: int = MAX_COUNT,
        hosts: Mapping[str, Sequence[RateLimit] | None] | None = None,
    ) -> None:
        self._overall, self._limits = _by_scope(limits)
        self._patterns = HostTable(
            {name: None if own is None else _by_scope(own) for name, own in (hosts or {}).items()}
        )
        self._hosts: dict[str, list[_Bucket]] = {}
        self._max_waiting = max_waiting
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        self._lock = Lock()
        self._released: deque[tuple[Reservation, bool]] = deque()
        # The living reservations of waiting calls are counted. An interrupted call may drop its reservation without a
        # release. The callback of the weak reference runs no Python code, so nothing can interrupt it.
        self._waiting: dict[ref[Reservation], Taken] = {}
        self._dropped: deque[ref[Reservation]] = deque()

    def reserve(self, host: str, now: float, latest: float | None) -> Reservation | None:
        """Reserve the next time for a request to a host. The caller must :meth:`release` the reservation.

        Return None, and occupy no slot, if the time would be after ``latest``. Raise QueueFull if ``max_waiting`` calls
        are waiting already.
        """
        with self._lock:
            if self._released or self._dropped:
                self._process_released()
            own = self._patterns.find(host)
            shared = [] if own is None else own[0]
            buckets = [*self._overall, *shared, *self._buckets(host, now)]
            moment = _due(buckets, now)
            if latest is not None and moment > latest:
                return None
            waits = moment - now > TIMER_ERROR
            if waits and len(self._waiting) >= self._max_waiting:
                raise QueueFull(f"{len(self._waiting)} calls are already waiting for the rate limit")
            by_host = waits and _due(self._overall, now) < moment
            slots = [(bucket, bucket.slots.take(moment, now), bucket.shift) for bucket in buckets]
            if moment <= now:
                return IMMEDIATE
            reservation = Reservation(moment, slots, by_host=by_host)
            if waits:
                self._waiting[ref(reservation, self._dropped.append)] = slots
            return reservation

    def release(self, reservation: Reservation, *, used: bool) -> None:
        """End the wait of a reservation. The slots of an unused reservation become free for other calls."""
        # This method does not take the lock. The garbage collector can close an abandoned task at any moment, also in a
        # thread that holds the lock.
        self._released.append((reservation, used))

    @property
    def waiting(self) -> int:
        with self._lock:
            self._process_released()
            return len(self._waiting)

    def pause(self, host: str, until: float, now: float) -> None:
        """Start no request to a host before ``until``."""
        with self._lock:
            for bucket in self._buckets(host, now):
                bucket.pause(until, now)

    def _process_released(self) -> None:
        while self._released:
            reservation, used = self._released.popleft()
            self._waiting.pop(ref(reservation), None)
            if not used:
                _free(reservation.slots)
        while self._dropped:
            _free(self._waiting.pop(self._dropped.popleft(), []))

    def _buckets(self, host: str, now: float) -> list[_Bucket]:
        buckets = self._hosts.get(host)
        if buckets is None:
            if len(self._hosts) >= MAX_HOSTS:
                # Forget the idle hosts, and the oldest of the busy hosts if more than half of ``MAX_HOSTS`` are busy.
                busy = [each for each in self._hosts.items() if any(bucket.slots.end > now for bucket in each[1])]
                self._hosts = dict(busy[-(MAX_HOSTS // 2) :])
            own = self._patterns.find(host)
            limits = self._limits if own is None else own[1]
            buckets = [_Bucket(each.interval, each.burst) for each in limits] or [_Bucket(0.0, 1)]
            self._hosts[host] = buckets
        return buckets


def _by_scope(limits: Iterable[RateLimit]) -> tuple[list[_Bucket], list[RateLimit]]:
    """Return the buckets of the limits for all hosts, and the limits for each host."""
    every, each = [], []
    for limit in limits:
        if limit.scope == "all":
            every.append(_Bucket(limit.interval, limit.burst))
        else:
            each.append(limit)
    return every, each


def _due(buckets: list[_Bucket], now: float) -> float:
    """Return the earliest time at which all buckets allow a request."""
    moment = now
    while True:
        latest = moment
        for bucket in buckets:
            latest = bucket.due(latest)
        if latest == moment:
            return moment
        moment = latest
