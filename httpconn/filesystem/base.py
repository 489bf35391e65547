"""The base classes of the filesystem, from fsspec, which has no type annotations."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from fsspec import asyn

from ..api.opening import MAX_CONNECTIONS
from ..api.remotefile import RemoteFile
from ..errors import InvalidRequest, InvalidURL, StatusError
from ..runtime.forking import renew_in_child
from ..runtime.threads import required_threads

_MISSING = frozenset({404, 410})

if TYPE_CHECKING:
    Cached = type

    class AbstractBufferedFile:
        """The base class of files with a cache of fsspec, which has no type annotations."""

        def __init__(self, fs: Any, path: str, **options: Any) -> None: ...
        def close(self) -> None:
            """Close the file."""

    class AsyncFileSystem:
        """The base class of fsspec, which has no type annotations."""

        def __init__(self, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        @property
        def loop(self) -> Any:
            """The event loop of the synchronous methods."""

        async def _get(self, rpath: Any, lpath: Any, recursive: bool = False, **options: Any) -> None: ...

else:
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractBufferedFile

    Cached = type(AsyncFileSystem)


class Shared(Cached):
    """The metaclass of filesystems. Filesystems without their own connection object are shared with their listings.

    fsspec never frees a shared filesystem, and so would never free its connection object.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return a new filesystem, or the shared one with these options."""
        if args or options.get("connection") is not None:
            options["skip_instance_cache"] = True
        return super().__call__(*args, **options)


class ForkableFileSystem(AsyncFileSystem, metaclass=Shared):
    """A filesystem that also works in the child process of a fork, unlike other asynchronous filesystems of fsspec."""

    @property
    def loop(self) -> Any:
        """The event loop of the synchronous methods. Before fsspec 2026.3, a forked child has none."""
        is_forked = self._pid != os.getpid() and hasattr(asyn, "reset_after_fork")
        return asyn.get_loop() if is_forked else super().loop


class Threads:
    """The threads that run the synchronous calls of a filesystem."""

    def __init__(self) -> None:
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Forget the threads of the parent process."""
        self._executor = ThreadPoolExecutor(MAX_CONNECTIONS, "httpconn-fsspec")

    async def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function in a thread, as ``asyncio.to_thread`` does, which has only six threads on two cores.

        Raises InvalidRequest: no thread can be started.
        """
        call: Future[Any] = Future()
        try:
            with required_threads():
                self._executor.submit(_complete, call, partial(copy_context().run, function, *args, **options))
        except InvalidRequest:
            if call.cancel():  # otherwise a busy thread has taken the call, which the executor has queued
                raise
        return await asyncio.wrap_future(call)


def _complete(call: Future[Any], function: Callable[[], Any]) -> None:
    """Run the function of a call, unless the call was cancelled."""
    if call.set_running_or_notify_cancel():
        try:
            call.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            call.set_exception(error)
            del call  # breaks a reference cycle of the error and this frame


class CachedFile(AbstractBufferedFile):
    """A file with a cache of fsspec."""

    def __init__(self, remote: RemoteFile, fs: AsyncFileSystem, path: str, **options: Any) -> None:
        self._remote = remote
        super().__init__(fs, path, mode="rb", size=remote.size, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._remote.read_ranges([(start, end)])[0]

    def close(self) -> None:
        """Close the file and its cache."""
        super().close()
        self._remote.close()


@contextmanager
def missing_files() -> Iterator[None]:
    """Raise FileNotFoundError for a missing file, and for a path that is not a URL. Some libraries try such paths."""
    try:
        yield
    except (StatusError, InvalidURL) as error:
        if isinstance(error, StatusError) and error.status_code not in _MISSING:
            raise
        reason = str(error) if isinstance(error, InvalidURL) else os.strerror(errno.ENOENT)
        raise FileNotFoundError(errno.ENOENT, reason, error.url) from error
