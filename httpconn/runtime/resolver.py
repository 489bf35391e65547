"""Names to addresses, in threads of their own: the system's resolver can be left alone, but not be stopped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ref

from .forking import renew_in_child
from .threadstart import start_thread

MAX_QUESTIONS = 256
"""Names that are being resolved at once, by all transports of the process."""


class Address(NamedTuple):
    """What a socket connects to."""

    family: int
    name: Any


Answer = list[Address] | Exception
LookUp = Callable[..., list[Any]]


class _Place:
    """One of the look-ups that may run at once. Its destruction frees it."""

    __slots__ = ("__weakref__",)


class Resolver:
    """Asks the system, in daemon threads: a slow name holds up no other, nor the end of the process.

    Args:
        limit: questions at once.
        look_up: as ``socket.getaddrinfo``.
    """

    def __init__(self, limit: int = MAX_QUESTIONS, look_up: LookUp = socket.getaddrinfo) -> None:
        self._limit = limit
        self._look_up = look_up
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In the child: the threads are the parent's."""
        self._places: set[ref[_Place]] = set()

    def ask(self, host: str, port: int, tell: Callable[[Answer], object]) -> None:
        """Ask once; ``tell`` is called in the other thread, be the answer still wanted or not.

        Raises:
            OSError: too many are being asked for.
        """
        places = self._places
        holder = [_Place()]
        places.add(ref(holder[0], places.discard))
        if len(places) > self._limit:
            holder.clear()
            raise OSError("too many names are being resolved at once")
        arguments = (holder, host, port, tell)
        try:
            start_thread(threading.Thread(target=self._answer, args=arguments, name="httpconn-resolve", daemon=True))
        except RuntimeError as error:  # the system gives no more threads
            holder.clear()
            raise OSError(str(error)) from error

    def _answer(self, holder: list[_Place], host: str, port: int, tell: Callable[[Answer], object]) -> None:
        answer: Answer
        try:
            # As bytes: text would be encoded once more, by the outdated rules of IDNA 2003.
            found = self._look_up(host.encode("ascii"), port, type=socket.SOCK_STREAM)
            answer = [Address(family, name) for family, _, _, _, name in found]
        except Exception as error:  # noqa: BLE001 - raised again by whoever asked
            answer = error
        except BaseException as error:  # noqa: BLE001 - which would end this thread, and nobody would be told
            answer = OSError(f"the resolver ended with {type(error).__name__}")
        holder.clear()  # first: telling may wait for an event loop that has stopped
        tell(answer)


def found(answer: Answer) -> list[Address]:
    """The addresses; raises what the look-up raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer


SHARED = Resolver()
