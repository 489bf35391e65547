"""One test body, written as for the synchronous methods, run on sync, asyncio and trio."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from httpconn.runtime.stepping import run_sync

FACES = ("sync", "asyncio", "trio")
PATIENCE = 30.0

RENAMED = {
    "get_response": "get_async_response",
    "get_sync_client": "get_async_client",
    "close": "aclose",
    "read": "aread",
    "iter_bytes": "aiter_bytes",
    "iter_raw": "aiter_raw",
    "iter_text": "aiter_text",
    "iter_lines": "aiter_lines",
    "iter_json_lines": "aiter_json_lines",
}


def async_name(name: str) -> str:
    """Return the name of the asynchronous version of a method."""
    return RENAMED.get(name, f"async_{name}")


class Face(ABC):
    """How a test calls the library. The asynchronous faces make all calls of a test in one event loop.

    Results and exceptions are unchanged. Methods have the synchronous names.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        """"sync", "asyncio" or "trio"."""

    @property
    def is_async(self) -> bool:
        return self.name != "sync"

    @abstractmethod
    def call(self, target: Any, method: str, *args: Any, **options: Any) -> Any:
        """Call ``target.method``, or await its asynchronous version."""

    @abstractmethod
    def start(self, target: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Start the call beside the test, in a thread or task. Cancelling the future cancels the task."""

    @abstractmethod
    def cancel(self, started: Future[Any]) -> None:
        """Cancel a started task, and wait until it has ended; a thread cannot be cancelled."""

    @abstractmethod
    def run(self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        """Run a coroutine function to its end: in one step (sync), or in the event loop."""

    @abstractmethod
    def enter(self, manager: Any) -> AbstractContextManager[Any]:
        """``with manager``, or ``async with manager``."""

    @abstractmethod
    def iterate(self, target: Any, method: str, *args: Any) -> Iterator[Any]:
        """Iterate over ``target.method(...)``, or over its asynchronous version."""

    def get_response(self, connection: Any, url: str, **options: Any) -> Any:
        return self.call(connection, "get_response", url, **options)

    def request(self, connection: Any, method: str, url: str, **options: Any) -> Any:
        return self.call(connection, "request", method, url, **options)

    def get_bytes(self, connection: Any, url: str, **options: Any) -> bytes:
        return self.call(connection, "get_bytes", url, **options)

    def get_text(self, connection: Any, url: str, **options: Any) -> str:
        return self.call(connection, "get_text", url, **options)

    def get_json(self, connection: Any, url: str, **options: Any) -> Any:
        return self.call(connection, "get_json", url, **options)

    def download_file(self, connection: Any, url: str, save_path: Path | str, **options: Any) -> Path:
        return self.call(connection, "download_file", url, save_path, **options)

    def read(self, response: Any) -> bytes:
        return self.call(response, "read")

    def iter_bytes(self, response: Any) -> Iterator[bytes]:
        return self.iterate(response, "iter_bytes")

    def close(self, target: Any) -> None:
        """Close a connection object or a response."""
        self.call(target, "close")


class SyncFace(Face):
    """The synchronous methods, called as they are."""

    def __init__(self) -> None:
        super().__init__("sync")
        self._started: list[Future[Any]] = []

    def call(self, target: Any, method: str, *args: Any, **options: Any) -> Any:
        return getattr(target, method)(*args, **options)

    def start(self, target: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        job = partial(self.call, target, method, *args, **options)
        self._started.append(future)
        # Not an executor: that would wait for a call that hangs, and the test would hang with it.
        threading.Thread(target=_settle, args=(future, job), name=f"start-{method}", daemon=True).start()
        return future

    def cancel(self, started: Future[Any]) -> None:
        raise NotImplementedError

    def run(self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return run_sync(function(*args))

    def enter(self, manager: Any) -> AbstractContextManager[Any]:
        return manager

    def iterate(self, target: Any, method: str, *args: Any) -> Iterator[Any]:
        yield from getattr(target, method)(*args)

    def finish(self) -> None:
        """Wait for the started calls."""
        hanging = wait(self._started, PATIENCE).not_done
        if hanging:
            raise RuntimeError(f"{len(hanging)} started calls do not end")


class AsyncFace(Face):
    """The asynchronous methods, in the event loop of a portal's thread."""

    def __init__(self, name: str, portal: BlockingPortal) -> None:
        super().__init__(name)
        self._portal = portal
        self._ended: dict[Future[Any], threading.Event] = {}

    def call(self, target: Any, method: str, *args: Any, **options: Any) -> Any:
        return self._portal.call(partial(getattr(target, async_name(method)), *args, **options))

    def start(self, target: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        ended = threading.Event()
        future = self._portal.start_task_soon(
            _then, ended.set, partial(getattr(target, async_name(method)), *args, **options)
        )
        self._ended[future] = ended
        return future

    def cancel(self, started: Future[Any]) -> None:
        started.cancel()
        if not self._ended[started].wait(PATIENCE):
            raise RuntimeError("A cancelled call does not end")

    def run(self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return self._portal.call(function, *args)

    def enter(self, manager: Any) -> AbstractContextManager[Any]:
        # Entered and left in one task, as an `async with` is.
        return self._portal.wrap_async_context_manager(manager)

    def iterate(self, target: Any, method: str, *args: Any) -> Iterator[Any]:
        items = getattr(target, async_name(method))(*args)
        end = object()
        try:
            while (item := self._portal.call(anext, items, end)) is not end:
                yield item
        finally:
            self._portal.call(items.aclose)


@contextmanager
def open_face(name: str) -> Iterator[Face]:
    """A face, with an event loop of its own where it needs one."""
    if name == "sync":
        face = SyncFace()
        yield face
        face.finish()
        return
    with start_blocking_portal(name) as portal:
        try:
            yield AsyncFace(name, portal)
        finally:
            # A test that failed may have left calls behind that would never end.
            portal.call(portal.stop, True)


async def _then(ended: Callable[[], None], job: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return await job()
    finally:
        ended()


def _settle(future: Future[Any], job: Callable[[], Any]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - raised to the caller of the result
        future.set_exception(error)
