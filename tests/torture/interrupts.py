"""Interrupt calls at random moments by a signal handler that raises, and check that nothing is left behind.

``python -m tests.torture.interrupts --count 20000`` is the long run.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from httpconn import HTTPConnection, Limits
from tests.servers.scripted import Received, ScriptedServer, response

LARGE = b"large " * 50_000
PATIENCE = 20.0


class Alarm(BaseException):
    """The exception of the signal handler, like those of Celery's time limits and pytest-timeout."""


def respond(request: Received) -> list[Any]:
    """Return a large chunked body, or a small JSON document."""
    return [response(body=LARGE, framing="chunked") if b"large" in request.target else response(body=b'{"a": 1}')]


def actions(connection: HTTPConnection, url: str) -> list[Callable[[], object]]:
    """Return the calls to interrupt."""

    def read_stream() -> None:
        with connection.get_response(f"{url}/large", stream=True, timeout=PATIENCE) as streamed:
            for _ in streamed.iter_bytes():
                pass

    def read_many() -> None:
        with connection.get_many([f"{url}/small"] * 6, concurrency=3, timeout=PATIENCE) as results:
            for each in results:
                each.result()

    def drop_stream() -> None:
        connection.get_response(f"{url}/large", stream=True, timeout=PATIENCE)

    return [lambda: connection.get_json(f"{url}/small", timeout=PATIENCE), read_stream, read_many, drop_stream]


class LoopTimers:
    """SIGALRM at a chosen moment. Only the running action receives the exception."""

    def __init__(self) -> None:
        self.raised = 0
        self._armed = False

    def _handle(self, *_: object) -> None:
        if self._armed:
            self._armed = False
            self.raised += 1
            raise Alarm

    @contextmanager
    def handled(self) -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, before)

    def interrupt(self, action: Callable[[], object], seconds: float) -> None:
        """Run an action, and interrupt it after some seconds."""
        try:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
            action()
        except Alarm:
            pass
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)


def settled(condition: Callable[[], bool]) -> bool:
    """Return whether a condition becomes true in time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        gc.collect()
        time.sleep(0.01)
    return True


def workers() -> list[threading.Thread]:
    """Return the threads of ``get_many``."""
    return [thread for thread in threading.enumerate() if thread.name == "httpconn-worker"]


def descriptors() -> int:
    """Return the number of open descriptors of this process."""
    return len(os.listdir("/dev/fd"))


def storm(count: int, seed: int) -> list[str]:
    """Interrupt ``count`` calls, and return the problems."""
    chance, wrong = random.Random(seed), Counter[str]()
    before = sys.unraisablehook

    def note(raised: Any) -> None:
        if not isinstance(raised.exc_value, Alarm):  # Python cannot raise an exception of a finalizer
            wrong[f"unraisable: {raised.exc_value!r} in {raised.object!r}"[:200]] += 1

    sys.unraisablehook = note
    try:
        with warnings.catch_warnings(), ScriptedServer(respond) as server:
            warnings.simplefilter("ignore")  # a warning about a coroutine that never started
            opened = descriptors()
            _run(count, chance, server, wrong)
            if not settled(lambda: not workers()):
                wrong["a worker thread is left"] += 1
            if not settled(lambda: descriptors() <= opened):
                wrong["a descriptor is left"] += 1
    finally:
        sys.unraisablehook = before
    return [f"{each} ({times} times)" for each, times in wrong.items()]


def _run(count: int, chance: random.Random, server: ScriptedServer, wrong: Counter[str]) -> None:
    alarms = LoopTimers()
    with alarms.handled(), HTTPConnection(limits=Limits(max_connections=4)) as connection:
        made = actions(connection, server.url)
        typical = {action: _seconds(action) for action in made}
        while alarms.raised < count and not wrong:
            action = chance.choice(made)
            try:
                alarms.interrupt(action, chance.random() * typical[action])
            except Exception as error:  # noqa: BLE001 - other exceptions are the problems to find
                wrong[f"foreign: {error!r} from {error.__cause__!r}"] += 1
        _check(connection, server.url, wrong)


def _seconds(action: Callable[[], object]) -> float:
    action()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _check(connection: HTTPConnection, url: str, wrong: Counter[str]) -> None:
    def is_free() -> bool:
        pool = connection.stats().connections
        return pool.open == pool.idle and not pool.waiting

    if not settled(is_free):
        wrong[f"left: {connection.stats().connections}"] += 1
    elif connection.get_json(f"{url}/small", timeout=PATIENCE) != {"a": 1}:
        wrong["the next call"] += 1


def main(arguments: list[str]) -> int:
    """Run the storm; return 1 if there was a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.interrupts", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    wrong = storm(options.count, options.seed)
    print("\n".join(wrong) or f"{options.count} interrupts, and nothing is left", f"(--seed {options.seed})")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
