"""A filesystem for fsspec, with which pandas, pyarrow, dask and other libraries read remote files.

The extra ``fsspec`` registers the filesystem for ``httpconns://`` and ``httpconn://`` URLs, which mean https and http,
and for ``httpconn+https://`` and ``httpconn+http://`` URLs.
"""

import errno
import operator
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar, cast

from fsspec.asyn import _run_coros_in_chunks as run_in_chunks
from fsspec.utils import glob_translate

import httpconn

from ..api.opening import BLOCK_SIZE, CONNECTIONS
from ..api.streamedfile import AsyncStreamedFile, StreamedFile
from ..core.dates import timestamp
from ..core.links import Links, folder_of, is_pattern
from ..errors import HTTPConnError, InvalidRequest, LimitExceeded, RangesRefused, StatusError
from .base import CachedFile, ForkableFileSystem, Threads, missing_files

_PREFIXES = {"httpconn+": "", "httpconns://": "https://", "httpconn://": "http://"}
_LARGEST_LISTING = 16 * 1024 * 1024
_COPIED = 1024 * 1024  # bytes that are copied to a file object at once


class HTTPConnFileSystem(ForkableFileSystem):
    """A read-only filesystem. The links in an HTML page are its files and folders.

    Args:
        connection: the connection object. In ``storage_options``, give ``{"connection": connection}``. The default is
            ``httpconn.global_http_connection``. Its access policy, certificates and limits apply.
        headers: header fields for each request. A redirect to another origin does not get them.
        block_size: size of a block in bytes, for :meth:`httpconn.HTTPConnection.open`.
        connections: maximum number of simultaneous requests for one file.
        use_listings_cache: keep listings.
        listings_expiry_time: seconds for which a listing is kept.
        max_paths: maximum number of listings to keep.
        asynchronous: the filesystem is used with the coroutine functions of fsspec, such as ``_cat_file``, in asyncio.
        loop: see fsspec.
        batch_size: see fsspec.

    Raises:
        FileNotFoundError: the server responded 404 or 410.
        TypeError: an option is not known.
        HTTPConnError: see :mod:`httpconn.errors`.
    """

    protocol: ClassVar[tuple[str, ...]] = ("httpconns", "httpconn", "httpconn+https", "httpconn+http")

    def __init__(
        self,
        connection: httpconn.HTTPConnection | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        block_size: int = BLOCK_SIZE,
        connections: int = CONNECTIONS,
        use_listings_cache: bool = False,
        listings_expiry_time: float | None = None,
        max_paths: int | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        batch_size: int | None = None,
    ) -> None:
        super().__init__(
            asynchronous=asynchronous,
            loop=loop,
            batch_size=batch_size,
            use_listings_cache=use_listings_cache,
            listings_expiry_time=listings_expiry_time,
            max_paths=max_paths,
        )
        if not isinstance(connection, httpconn.HTTPConnection | None):
            raise InvalidRequest("connection must be an HTTPConnection")
        self.use_listings_cache = use_listings_cache
        self._given = connection
        self._headers = headers
        self._block_size = block_size
        self._connections = connections
        self._threads = Threads()

    @property
    def _connection(self) -> httpconn.HTTPConnection:
        return httpconn.global_http_connection if self._given is None else self._given

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return the URL, which is the path inside the filesystem. All its slashes are significant."""
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        path = os.fspath(path)
        for prefix, scheme in _PREFIXES.items():
            if path.startswith(prefix):
                return scheme + path.removeprefix(prefix)
        return path

    def unstrip_protocol(self, name: str) -> str:
        """Return the path with the protocol of this filesystem."""
        return f"httpconn+{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        """Return the URL up to the last slash before the query."""
        return str(cls._strip_protocol(path)).partition("?")[0].rstrip("/").rpartition("/")[0]

    async def _call(self, method: str, path: str, *args: Any, **options: Any) -> Any:
        """Call a method of the connection object: in a thread, or its asynchronous version in the loop of the caller.

        In a thread, the connections end with ``HTTPConnection.close``. The loop of fsspec never ends.
        """
        url = self._strip_protocol(path)
        with missing_files():
            if self.asynchronous:
                function = getattr(self._connection, f"async_{method}")
                return await function(url, *args, extra_headers=self._headers, **options)
            function = getattr(self._connection, method)
            return await self._threads.run(function, url, *args, extra_headers=self._headers, **options)

    async def _info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Return the metadata of a file. The size is None if the server does not send it."""
        return await self._info_of(path, await self._call("get_metadata", path))

    async def _info_of(self, path: str, found: httpconn.Metadata) -> dict[str, Any]:
        size = found.size if found.size is not None else await self._size_of_range(path)
        return {
            "name": self._strip_protocol(path),
            "size": size,
            "type": "file",
            "ETag": found.etag,
            "Last-Modified": found.last_modified,
            "mimetype": found.media_type,
            "url": found.url,
        }

    async def _size_of_range(self, path: str) -> int | None:
        """Return the size from the response to a range request, if the server supports ranges."""
        try:
            opened = await self._call("open", path, block_size=1, connections=1)
        except RangesRefused:
            return None
        await opened.aclose() if self.asynchronous else opened.close()
        return cast(int, opened.size)

    async def _exists(self, path: str, strict: bool = False, **_options: Any) -> bool:
        return await self._found(path, strict) is not None

    async def _found(self, path: str, strict: bool = False) -> httpconn.Metadata | None:
        """Return the metadata of a file, or None if it is missing or, unless ``strict``, not accessible."""
        try:
            return cast(httpconn.Metadata, await self._call("get_metadata", path))
        except (FileNotFoundError, StatusError) as error:
            if strict and isinstance(error, StatusError):
                raise
            return None

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_options: Any) -> bytes:
        if start is None and end is None:
            return cast(bytes, await self._call("get_bytes", path))
        return (await self._ranges(path, [(start, end)]))[0]

    async def _ranges(self, path: str, ranges: list[tuple[int | None, int | None]]) -> list[bytes]:
        """Return the bytes of ranges, or of the whole file if the server does not support ranges."""
        try:
            found: list[bytes] = await self._call("get_ranges", path, ranges, connections=self._connections)
        except RangesRefused:
            content = await self._call("get_bytes", path)
            return [content[start:end] for start, end in ranges]
        return found

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: int | Iterable[int | None] | None,
        ends: int | Iterable[int | None] | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **_options: Any,
    ) -> list[Any]:
        """Return the bytes of ranges of several files, with one :meth:`httpconn.HTTPConnection.get_ranges` for each."""
        ranges = [(start, end) for _, start, end in zip(paths, _each(starts, paths), _each(ends, paths), strict=True)]
        files: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            files.setdefault(path, []).append(number)
        wanted = [self._ranges(path, [ranges[number] for number in numbers]) for path, numbers in files.items()]
        results: list[Any] = [None] * len(ranges)
        contents = await run_in_chunks(
            wanted, batch_size or self.batch_size, return_exceptions=on_error == "return", nofiles=True
        )
        for numbers, content in zip(files.values(), contents, strict=True):
            for place, number in enumerate(numbers):
                results[number] = content if isinstance(content, BaseException) else content[place]
        return results

    async def _get(self, rpath: Any, lpath: Any, recursive: bool = False, **options: Any) -> None:
        """Download files. The name of a file in a folder is the last segment of the path of its URL."""
        if not isinstance(rpath, str) or recursive or is_pattern(rpath):
            folders = self._strip_protocol([rpath] if isinstance(rpath, str) else list(rpath)) if recursive else ()
            await super()._get(rpath, lpath, recursive, folders=folders, **options)
            return
        target = _target(lpath, rpath)
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        await self._get_file(rpath, target, **options)

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = None, folders: Collection[str] = (), **_options: Any
    ) -> None:
        """Download a file, or write it to a file object. Create a folder if the path is a folder of ``folders``."""
        if folders and (rpath.endswith("/") or (rpath in folders and await self._isdir(rpath))):
            os.makedirs(lpath, exist_ok=True)
            return
        if hasattr(lpath, "write"):
            await self._threads.run(self._copy, rpath, lpath)
            return

        def show(event: httpconn.Progress) -> None:
            if callback is not None:
                callback.set_size(event.total)
                callback.absolute_update(event.received)

        await self._call("download", rpath, lpath, progress=show)

    def _copy(self, path: str, target: BinaryIO) -> None:
        with self._open(path) as source:
            shutil.copyfileobj(source, target, _COPIED)

    async def _ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """List the links of an HTML page that lead into its folder, or the file itself."""
        url = self._strip_protocol(path)
        entries = self.dircache.get(url) if self.use_listings_cache else None
        if entries is None:
            found, links = await self._look(url)
            entries = [_entry(link) for link in links] if links else [await self._info_of(url, found)]
            self.dircache[url] = entries
        return entries if detail else sorted(each["name"] for each in entries)

    async def _look(self, url: str) -> tuple[httpconn.Metadata, list[str]]:
        """Return the metadata of a file and its links into its folder. Some folders need a slash at the end."""
        try:
            found: httpconn.Metadata = await self._call("get_metadata", url)
            return found, await self._links(url, found)
        except FileNotFoundError:
            if url.endswith("/") or "?" in url:
                raise
            found, links = await self._look(url + "/")
            if not links:
                raise
            return found, links

    async def _links(self, url: str, found: httpconn.Metadata) -> list[str]:
        """Return the links of an HTML page that lead into its folder."""
        if found.media_type not in ("text/html", "application/xhtml+xml", None):
            return []
        try:
            page = Links(await self._call("get_text", url, max_bytes=_LARGEST_LISTING))
        except LimitExceeded:  # a large file without a media type
            return []
        return page.within(url.partition("?")[0])

    async def _isdir(self, path: str) -> bool:
        with suppress(HTTPConnError, FileNotFoundError):
            return bool((await self._look(self._strip_protocol(path)))[1])
        return False

    async def _isfile(self, path: str) -> bool:
        url = self._strip_protocol(path)
        found = await self._found(url)
        with suppress(HTTPConnError, FileNotFoundError):
            return found is not None and not await self._links(url, found)
        return True

    async def _expand_path(
        self, path: Any, recursive: bool = False, maxdepth: int | None = None, **_options: Any
    ) -> list[str]:
        """Return the URLs for paths and patterns. A query is not a pattern."""
        _require_depth(maxdepth)
        paths = [path] if isinstance(path, str | os.PathLike) else path
        found: set[str] = set()
        for each in self._strip_protocol(list(paths)):
            urls = await self._glob(each, maxdepth=maxdepth) if is_pattern(each) else [each]
            found.update(urls)
            for url in urls if recursive else ():
                found.update(await self._find(url, maxdepth=maxdepth, withdirs=True))
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return sorted(found)

    async def _glob(self, path: str, maxdepth: int | None = None, detail: bool = False, **_options: Any) -> Any:
        """Return the URLs that match a pattern. A folder's URL may end with a slash, which the pattern may omit."""
        _require_depth(maxdepth)
        url = self._strip_protocol(path)
        if not is_pattern(url):
            metadata = await self._found(url)
            found = {} if metadata is None else {url: await self._info_of(url, metadata)}
        else:
            folder = folder_of(url)
            depth = maxdepth if "**" in url else url.rstrip("/").count("/", len(folder)) + 1
            walked = [each async for each in self._walk(folder, depth, detail=True)]
            entries = [entry for _, *inside in walked for each in inside for entry in each.values()]
            names = {each["name"]: each for each in ([_entry(folder), *entries] if entries else [])}
            matches = re.compile(glob_translate(url)).match
            found = {name: names[name] for name in sorted(names) if matches(name) or matches(name.rstrip("/"))}
        return found if detail else list(found)

    def ukey(self, path: str) -> str:
        """Return a string that identifies this version of the file."""
        info = self.info(path)
        return str((info["name"], info["size"], info["ETag"], info["Last-Modified"]))

    def modified(self, path: str) -> datetime:
        """Return the time of the last change, or the current time if the server does not send it.

        Callers such as duckdb compare the time with that of cached bytes, and then read the file again.
        """
        changed = timestamp(self.info(path)["Last-Modified"])
        return datetime.now(UTC) if changed is None else datetime.fromtimestamp(changed, UTC)

    def created(self, path: str) -> datetime:
        """Raise NotImplementedError. HTTP has no creation time."""
        raise NotImplementedError("HTTP has no time of creation. modified() returns the time of the last change")

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str | None = None,
        cache_options: Mapping[str, Any] | None = None,
        **_options: Any,
    ) -> BinaryIO:
        """Open a file. Without ranges, a file that is too large for memory can be read once from start to end.

        With a ``cache_type``, the file has a cache of fsspec. Filesystems such as ``blockcache`` replace this cache.
        """
        _require_reading(mode)
        url = self._strip_protocol(path)
        options: dict[str, Any] = {"block_size": block_size or self._block_size, "connections": self._connections}
        with missing_files():
            try:
                opened = self._connection.open(url, extra_headers=self._headers, **options)
            except RangesRefused:
                if cache_type is not None:
                    raise
                return cast(BinaryIO, StreamedFile(self._connection, url, self._headers))
        if cache_type is None:
            return cast(BinaryIO, opened)
        caching = {"block_size": options["block_size"], "cache_type": cache_type, "cache_options": cache_options}
        return cast(BinaryIO, CachedFile(opened, self, url, **caching))

    async def open_async(
        self, path: str, mode: str = "rb", **_options: Any
    ) -> httpconn.AsyncRemoteFile | AsyncStreamedFile:
        """Open a file in asyncio. See :meth:`httpconn.HTTPConnection.async_open`."""
        _require_reading(mode)
        url = self._strip_protocol(path)
        options: dict[str, Any] = {"block_size": self._block_size, "connections": self._connections}
        with missing_files():
            try:
                return await self._connection.async_open(url, extra_headers=self._headers, **options)
            except RangesRefused:
                response = await self._connection.get_async_response(url, stream=True, extra_headers=self._headers)
                return AsyncStreamedFile(response.raise_for_status())


def _entry(link: str) -> dict[str, Any]:
    return {"name": link, "size": None, "type": "directory" if link.endswith("/") else "file"}


def _target(path: Any, url: str) -> str:
    """Return the path of a downloaded file. The caller may give its folder."""
    target = os.fspath(path)
    is_folder = os.path.isdir(target) or target.endswith(os.sep)
    return os.path.join(target, url.partition("?")[0].rpartition("/")[2]) if is_folder else target


def _each(given: Any, paths: list[str]) -> list[int | None]:
    """Return one int or None per path. The given numbers may be of numpy."""
    numbers = given if isinstance(given, Iterable) else [given] * len(paths)
    return [None if number is None else operator.index(number) for number in numbers]


def _require_reading(mode: str) -> None:
    if mode != "rb":
        raise InvalidRequest(f"A remote file is read-only and does not support the mode {mode!r}")


def _require_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")
