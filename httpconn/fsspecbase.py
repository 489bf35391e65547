"""The base classes of the filesystem, from fsspec, which has no type annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api.remotefile import RemoteFile

if TYPE_CHECKING:

    class AbstractBufferedFile:
        """The base class of files with a cache of fsspec, which has no type annotations."""

        def __init__(self, fs: Any, path: str, **options: Any) -> None: ...
        def close(self) -> None:
            """Close the file."""

    class Cached(type):
        """The metaclass of fsspec, which has no type annotations."""

    class AsyncFileSystem(metaclass=Cached):
        """The base class of fsspec, which has no type annotations."""

        asynchronous: bool
        use_listings_cache: bool
        dircache: Any

        def __init__(self, **options: Any) -> None: ...
        def _walk(self, path: str, maxdepth: int | None = None, **options: Any) -> Any: ...
        async def _find(self, path: str, **options: Any) -> Any: ...
        async def _get(self, rpath: Any, lpath: Any, recursive: bool = False, **options: Any) -> None: ...

else:
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractBufferedFile

    Cached = type(AsyncFileSystem)


class Shared(Cached):
    """The metaclass of filesystems. Those without an own connection object are shared, and so are their listings.

    fsspec never frees a shared filesystem, and so would never free its connection object.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return a new filesystem, or the shared one with these options."""
        if args or options.get("connection") is not None:
            options["skip_instance_cache"] = True
        return super().__call__(*args, **options)


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
