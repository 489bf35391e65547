"""What names lead to: asked of the system, or of a resolver of the caller's, and remembered for a moment."""

from __future__ import annotations

import inspect
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Any

from ..core.addresses import parse
from ..errors import InvalidRequest
from ..runtime.resolver import SHARED, Address, Resolver
from ..runtime.runtimes import Runtime

NameResolver = Callable[[str, int], Iterable[str] | Awaitable[Iterable[str]]]
"""Host and port to addresses; called in a thread, or awaited in the event loop if it is a coroutine function."""

MAX_NAMES = 256
"""Names that one connection object remembers."""

MAX_AGE = 10.0
"""Seconds that a name is remembered."""

MAX_ANSWERS = 256
"""Addresses that are taken from an answer: thousands would take time to judge, and memory to keep."""


class CachingResolver:
    """The resolver of one connection object; for any thread and any event loop.

    Only answers are remembered, and only until none of their addresses could be reached.

    Args:
        resolver: asked in place of the system's.
        system: the system's.
        clock: in seconds.

    Raises:
        InvalidRequest: the resolver cannot be called.
    """

    def __init__(
        self,
        resolver: NameResolver | None = None,
        *,
        system: Resolver = SHARED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if resolver is not None and not callable(resolver):
            raise InvalidRequest("resolver must be a function of a host and a port")
        self.is_systems: bool = resolver is None
        self.is_awaited: bool = _is_awaited(resolver)
        self._given: Any = resolver
        self._resolver = system if resolver is None else Resolver(look_up=self._look_up)
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    @classmethod
    def of(cls, resolver: NameResolver | CachingResolver | None) -> CachingResolver:
        """Those that several transports share, or new ones."""
        return resolver if isinstance(resolver, CachingResolver) else cls(resolver)

    async def addresses(self, runtime: Runtime, host: str, port: int, seconds: float | None) -> list[Address]:
        """What a name leads to, in the resolver's order.

        Raises:
            TimeoutError: it was not resolved in so many seconds.
            OSError: it was not resolved.
        """
        known = self._known.get((host, port))
        if known is not None and self._clock() - known[0] < MAX_AGE:
            return known[1]
        found = (await self._ask(runtime, host, port, seconds))[:MAX_ANSWERS]
        if found:
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            self._known[host, port] = self._clock(), found
        return found

    def forget(self, host: str, port: int) -> None:
        """Ask again the next time."""
        self._known.pop((host, port), None)

    async def _ask(self, runtime: Runtime, host: str, port: int, seconds: float | None) -> list[Address]:
        if self.is_awaited:
            return await runtime.within(self._await(host, port), seconds)
        return await runtime.resolve(self._resolver, host, port, seconds)

    async def _await(self, host: str, port: int) -> list[Address]:
        try:
            return _addresses(await self._given(host, port), port)
        except Exception as error:
            raise _failed(error) from error

    def _look_up(self, host: bytes, port: int, **_: Any) -> list[Any]:
        """As ``socket.getaddrinfo``."""
        try:
            found = _addresses(self._given(host.decode("ascii"), port), port)
        except Exception as error:
            raise _failed(error) from error
        return [(address.family, socket.SOCK_STREAM, 0, "", address.name) for address in found]


def literal(host: str, port: int) -> Address | None:
    """The address that a host is itself."""
    address = parse(host)
    if address is None:
        return None
    return Address(socket.AF_INET6 if address.version == 6 else socket.AF_INET, (host, port))


def _is_awaited(resolver: Any) -> bool:
    return inspect.iscoroutinefunction(resolver) or (
        callable(resolver) and inspect.iscoroutinefunction(type(resolver).__call__)
    )


def _addresses(given: Iterable[str], port: int) -> list[Address]:
    if isinstance(given, (str, bytes)):
        raise TypeError("it gave text, not a list of addresses")
    return [_address(text, port) for text in islice(given, MAX_ANSWERS)]


def _address(text: str, port: int) -> Address:
    """Never another name: that would be resolved by whoever connects, and led past everything that judges."""
    address = literal(text, port) if isinstance(text, str) else None
    if address is None:
        raise TypeError("it gave what is no address")
    return address


def _failed(error: Exception) -> OSError:
    return OSError(f"the resolver failed: {str(error) or type(error).__name__}")
