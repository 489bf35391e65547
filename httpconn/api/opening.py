"""The methods that open remote files, and fetch ranges and the metadata of files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import httpconn

from ..core.auth import Auth
from ..core.lazymodules import LazyModule
from ..core.urls import URL
from ..options import MIB, whole_number
from .arguments import Headers, Retries, Timeout
from .runner import Runner, like, reject_unknown

if TYPE_CHECKING:
    from ..core import rangeplan
    from ..core.filereads import FileVersion
    from ..exchange import rangerequests
    from . import asyncfile
    from .remotefile import Opened
else:
    asyncfile, rangeplan = LazyModule("api.asyncfile"), LazyModule("core.rangeplan")
    rangerequests = LazyModule("exchange.rangerequests")

BLOCK_SIZE = 256 * 1024  # default size of a block in bytes
CONNECTIONS = 8  # default number of simultaneous requests for one file

MAX_BLOCK_SIZE = 64 * MIB
MAX_CONNECTIONS = 64


class Opening(Runner):
    """The methods of HTTPConnection that open remote files, and fetch ranges and the metadata of files."""

    def get_metadata(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        retries: Retries = None,
    ) -> httpconn.Metadata:
        """Return the size, media type, name, version and digest of a file without its content. See :class:`Metadata`.

        The method sends HEAD. If the server responds 400, 403, 404, 405 or 501, it sends GET and does not read the
        body. Signed URLs of object stores need this, because their signature includes the method.

        Args:
            url: an http or https URL.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the timeouts of the connection.
            extra_headers: header fields for this call. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            retries: number of retries, or :class:`RetryPolicy`. None means the retries of the connection.

        Raises:
            StatusError: the status is not 2xx.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(rangerequests.fetch_metadata, self._calls.part(url, timeout, extra_headers, auth, retries))

    @like(get_metadata)
    async def async_get_metadata(self, url: URL, **options: Any) -> httpconn.Metadata:
        """Do the same as :meth:`get_metadata` in asyncio or trio."""
        if options:
            reject_unknown(Opening.async_get_metadata, options)
        return await self._await(rangerequests.fetch_metadata, self._calls.part(url, **options))

    def open(
        self,
        url: URL,
        *,
        block_size: int = BLOCK_SIZE,
        connections: int = CONNECTIONS,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
    ) -> httpconn.RemoteFile:
        """Open a remote file and fetch only the parts that are read. See :class:`RemoteFile`.

        Args:
            url: an http or https URL.
            block_size: size of a block in bytes, at most 64 MiB. A request asks for at least one block.
            connections: maximum number of simultaneous requests, from 1 to 64. With 1, no thread reads ahead.
            timeout: seconds for each request, or :class:`Timeouts`. None means the timeouts of the connection.
            extra_headers: header fields for each request. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.

        Raises:
            RangesRefused: the server does not support ranges, and the file is larger than 8 MiB.
            LimitExceeded: the file is larger than ``Limits.max_bytes``, under an access policy for untrusted URLs.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        opened = self._opened(url, None, block_size, connections, timeout, extra_headers, auth)
        self._run(opened.reader.open, opened.call)
        return httpconn.RemoteFile(opened)

    @like(open)
    def async_open(self, url: URL, **options: Any) -> asyncfile.AsyncOpening:
        """Do the same as :meth:`open` in asyncio or trio. Await the result, or use it in an ``async with`` block.

        ::

            async with connection.async_open(url) as file:
                content = await file.read(1000)

        The file reads ahead only in the block, because its tasks end with the block.

        Returns:
            An awaitable of an :class:`AsyncRemoteFile`, which is also an asynchronous context manager.
        """
        if options:
            reject_unknown(Opening.async_open, options)
        return asyncfile.AsyncOpening(self._opened(url, None, **options))

    def get_ranges(
        self,
        url: URL,
        ranges: Iterable[rangeplan.Bounds],
        *,
        connections: int = CONNECTIONS,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
    ) -> list[bytes]:
        """Return the bytes of several ranges of a file. No other bytes are fetched.

        The first request also finds out the version of the file. The other requests then run in parallel.

        Args:
            url: an http or https URL.
            ranges: see :meth:`RemoteFile.read_ranges`.
            connections: maximum number of simultaneous requests, from 1 to 64.
            timeout: seconds for each request, or :class:`Timeouts`. None means the timeouts of the connection.
            extra_headers: header fields for each request. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.

        Raises:
            FileChanged: the file changed between two requests.
            RangesRefused: the server does not support ranges, and the file is larger than 8 MiB.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        opened = self._opened(url, None, BLOCK_SIZE, connections, timeout, extra_headers, auth)
        return self._run(opened.reader.fetch_ranges, opened.call, rangeplan.checked(ranges))

    @like(get_ranges)
    async def async_get_ranges(self, url: URL, ranges: Iterable[rangeplan.Bounds], **options: Any) -> list[bytes]:
        """Do the same as :meth:`get_ranges` in asyncio or trio."""
        if options:
            reject_unknown(Opening.async_get_ranges, options)
        opened = self._opened(url, None, **options)
        return await self._await(opened.reader.fetch_ranges, opened.call, rangeplan.checked(ranges))

    def _opened(
        self,
        url: URL,
        version: FileVersion | None,
        block_size: int = BLOCK_SIZE,
        connections: int = CONNECTIONS,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
    ) -> Opened:
        from ..exchange.filereader import FileReader
        from .remotefile import Opened

        whole_number("block_size", block_size, 1, MAX_BLOCK_SIZE)
        whole_number("connections", connections, 1, MAX_CONNECTIONS)
        call = self._calls.part(url, timeout, extra_headers, auth)
        options = block_size, connections, timeout, extra_headers, auth
        return Opened(self, call, FileReader(block_size, connections, version), url, options)
