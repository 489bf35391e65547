"""Name resolution in separate threads, because a lookup of the operating system cannot be cancelled."""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .threads import WorkerThreads

MAX_LOOKUPS = 256  # limit of simultaneous lookups by all transports of the process
IDLE_TIME = 0.05  # seconds that a thread waits for its next lookup


class Address(NamedTuple):
    """An address that a socket can connect to."""

    family: int
    name: Any


LookupResult = list[Address] | Exception
LookUp = Callable[..., list[Any]]
Report = Callable[[LookupResult], object]


class Resolver:
    """A resolver that runs lookups in daemon threads. A slow lookup delays no other lookup and no process exit.

    ``look_up`` has the parameters and the result of ``socket.getaddrinfo``.
    """

    def __init__(self, limit: int = MAX_LOOKUPS, look_up: LookUp = socket.getaddrinfo) -> None:
        self._threads = WorkerThreads("httpconn-resolve", limit, IDLE_TIME)
        self._look_up = look_up

    def start(self, host: str, port: int, report: Report) -> None:
        """Start a lookup. Its thread reports the result once, also after the caller stopped waiting."""
        if not self._threads.start(partial(self._result, host, port), report):
            raise OSError("too many names are being resolved at once, or the system has no more threads")

    def _result(self, host: str, port: int) -> LookupResult:
        try:
            # As bytes, because Python would encode text again, by the obsolete rules of IDNA 2003.
            found = self._look_up(host.encode("ascii"), port, type=socket.SOCK_STREAM)
            return [Address(family, name) for family, _, _, _, name in found]
        except Exception as error:  # noqa: BLE001 - raised in the thread or task that waits
            return error
        except BaseException as error:  # noqa: BLE001 - a thread that ends without a report leaves its caller waiting
            return OSError(f"the resolver ended with {type(error).__name__}")


def addresses_of(result: LookupResult) -> list[Address]:
    if isinstance(result, Exception):
        raise result
    return result


SHARED = Resolver()
