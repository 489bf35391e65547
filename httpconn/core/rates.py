"""Limits of requests and of bytes per second: the time at which the next one may start."""

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

MIN_WAIT = 0.01  # Seconds of the shortest wait. Shorter waits add up until they reach it.
PORTION_SECONDS = 0.1  # seconds of bandwidth that a body receives before it waits
MIN_PORTION = 16 * 1024  # bytes that a body receives before it waits, at any rate

TIMER_ERROR = 0.0005  # seconds by which a sleep may end too early


Taken = list[tuple[Slots, float, float]]
"""The slots of a reservation: the slots of the limit, the start, and the shift of the limit when the slot was taken."""


def _free(taken: Taken) -> None:
    """Make slots available to other requests."""
    for slots, slot, shift in taken:
        slots.free(slot + slots.shift - shift)


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True)
class Reservation:
    """A time at which one request may start, and the slots that the request occupies."""

    moment: float
    slots: Taken
    by_host: bool = False  # whether the limits of all hosts together would allow an earlier start

    def wait_time(self, now: float) -> float:
        """Return the seconds until the request may start. A pause that a host requests makes the wait longer."""
        delay = max((slots.shift - shift for slots, _, shift in self.slots), default=0.0)
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
        self._hosts: dict[str, list[Slots]] = {}
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
            limits = [*self._overall, *shared, *self._of_host(host, now)]
            moment = _due(limits, now)
            if latest is not None and moment > latest:
                return None
            waits = moment - now > TIMER_ERROR
            if waits and len(self._waiting) >= self._max_waiting:
                raise QueueFull(f"{len(self._waiting)} calls are already waiting for the rate limit")
            by_host = waits and _due(self._overall, now) < moment
            slots = [(each, each.take(moment, now), each.shift) for each in limits]
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
            for slots in self._of_host(host, now):
                slots.pause(until, now)

    def _process_released(self) -> None:
        while self._released:
            reservation, used = self._released.popleft()
            self._waiting.pop(ref(reservation), None)
            if not used:
                _free(reservation.slots)
        while self._dropped:
            _free(self._waiting.pop(self._dropped.popleft(), []))

    def _of_host(self, host: str, now: float) -> list[Slots]:
        found = self._hosts.get(host)
        if found is None:
            if len(self._hosts) >= MAX_HOSTS:
                # Forget the idle hosts, and the oldest of the busy hosts if more than half of ``MAX_HOSTS`` are busy.
                busy = [each for each in self._hosts.items() if any(slots.end > now for slots in each[1])]
                self._hosts = dict(busy[-(MAX_HOSTS // 2) :])
            own = self._patterns.find(host)
            limits = self._limits if own is None else own[1]
            found = [Slots(each.interval, each.burst) for each in limits] or [Slots(0.0, 1)]
            self._hosts[host] = found
        return found


def _by_scope(limits: Iterable[RateLimit]) -> tuple[list[Slots], list[RateLimit]]:
    """Return the slots of the limits for all hosts, and the limits for each host."""
    given = list(limits)
    of_all = [Slots(each.interval, each.burst) for each in given if each.scope == "all"]
    return of_all, [each for each in given if each.scope != "all"]


def _due(limits: list[Slots], now: float) -> float:
    """Return the earliest time at which all limits allow a request."""
    moment = now
    while True:
        latest = moment
        for slots in limits:
            latest = slots.due(latest)
        if latest == moment:
            return moment
        moment = latest


class Bandwidth:
    """A limit of the bytes per second of all bodies together, shared by threads and tasks.

    A receiver counts its bytes after they arrived, and then waits until the rate allows them. Receivers wait in the
    order in which their bytes arrived.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        # Bytes to receive before a wait, so that a body arrives evenly.
        self.portion: int = max(MIN_PORTION, int(rate * PORTION_SECONDS))
        self._free_at = 0.0
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        self._lock = Lock()

    def spend(self, count: int, now: float) -> float:
        """Count received bytes, and return the seconds to wait before more bytes are received."""
        with self._lock:
            self._free_at = max(self._free_at, now) + count / self._rate
            wait = self._free_at - now
        return wait if wait >= MIN_WAIT else 0.0
