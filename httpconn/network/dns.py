"""Name resolution by the system or by a resolver of the caller, with a cache of 10 seconds."""

from __future__ import annotations

import inspect
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..core.addresses import parse
from ..core.remembered import Remembered
from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..runtime.resolver import Address, Resolver
    from ..runtime.runtimes import Runtime

NameResolver = Callable[[str, int], Iterable[str] | Awaitable[Iterable[str]]]
"""A function from host and port to addresses. Runs in a thread, or in the event loop if it is a coroutine function."""

MAX_NAMES = 256  # limit of the cached names of one connection object
MAX_AGE = 10.0  # seconds for which a result is cached
MAX_ADDRESSES = 256  # limit of the addresses of one name: thousands would cost time to check, and memory


class CachingResolver:
    """The resolver of one connection object, for any thread and any event loop.

    Failed lookups are not cached. A result is removed from the cache when none of its addresses accepts a connection.
    """

    def __init__(
        self,
        resolver: NameResolver | None = None,
        *,
        system: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if resolver is not None and not callable(resolver):
            raise InvalidRequest("resolver must be a function with the parameters host and port")
        self.is_systems: bool = resolver is None
        self.is_awaited: bool = _is_awaited(resolver)  # whether the caller's resolver is a coroutine function
        self._given: Any = resolver
        self._resolver = system
        self._clock = clock
        self._known: Remembered[tuple[str, int], tuple[float, list[Address]]] = Remembered(MAX_NAMES)

    @classmethod
    def of(cls, resolver: NameResolver | CachingResolver | None) -> CachingResolver:
        """Return a resolver that several transports share, or a new one."""
        return resolver if isinstance(resolver, CachingResolver) else cls(resolver)

    async def addresses(self, runtime: Runtime, host: str, port: int, seconds: float | None) -> list[Address]:
        """Return the addresses of a name, in the order of the resolver. Raises TimeoutError or OSError."""
        known = self._known.get((host, port))
        if known is not None and self._clock() - known[0] < MAX_AGE:
            return known[1]
        found = (await self._resolve(runtime, host, port, seconds))[:MAX_ADDRESSES]
        if found:
            self._known[host, port] = self._clock(), found
        return found

    def forget(self, host: str, port: int) -> None:
        self._known.pop((host, port), None)

    async def _resolve(self, runtime: Runtime, host: str, port: int, seconds: float | None) -> list[Address]:
        if self.is_awaited:
            return await runtime.wait_for(self._await(host, port), seconds)
        if self._resolver is None:
            from ..runtime.resolver import SHARED, Resolver

            self._resolver = SHARED if self.is_systems else Resolver(look_up=self._look_up)
        return await runtime.resolve(self._resolver, host, port, seconds)

    async def _await(self, host: str, port: int) -> list[Address]:
        try:
            return _addresses(await self._given(host, port), port)
        except Exception as error:
            raise _failed(error) from error

    def _look_up(self, host: bytes, port: int, **_: Any) -> list[Any]:
        """Call the caller's resolver, with the interface of ``socket.getaddrinfo``."""
        try:
            found = _addresses(self._given(host.decode("ascii"), port), port)
        except Exception as error:
            raise _failed(error) from error
        return [(address.family, socket.SOCK_STREAM, 0, "", address.name) for address in found]


def literal(host: str, port: int) -> Address | None:
    """Return the address that a host text denotes, or None if it is a name."""
    address = parse(host)
    if address is None:
        return None
    from ..runtime.resolver import Address

    return Address(socket.AF_INET6 if address.version == 6 else socket.AF_INET, (host, port))


def _is_awaited(resolver: Any) -> bool:
    return inspect.iscoroutinefunction(resolver) or (
        callable(resolver) and inspect.iscoroutinefunction(type(resolver).__call__)
    )


def _addresses(given: Iterable[str], port: int) -> list[Address]:
    if isinstance(given, (str, bytes)):
        raise TypeError("the function returned text, not a list of addresses")
    return [_address(text, port) for text in islice(given, MAX_ADDRESSES)]


def _address(text: str, port: int) -> Address:
    """Return an address. A name is rejected: ``connect`` would resolve it, and the access policy would not see that."""
    address = literal(text, port) if isinstance(text, str) else None
    if address is None:
        raise TypeError("the function returned a value that is not an IP address")
    return address


def _failed(error: Exception) -> OSError:
    return OSError(f"the resolver failed: {str(error) or type(error).__name__}")
