"""The method that opens remote files."""

from __future__ import annotations

from ..core.urls import URL
from ..errors import InvalidRequest
from ..exchange.rangerequests import fetch_part
from ..options import MIB
from .arguments import Headers, Timeout
from .remotefile import BLOCK_SIZE, RemoteFile
from .runner import Runner

MAX_BLOCK_SIZE = 64 * MIB


class Opening(Runner):
    """The method of HTTPConnection that opens remote files."""

    def open(
        self,
        url: URL,
        *,
        block_size: int = BLOCK_SIZE,
        timeout: Timeout = None,
        extra_headers: Headers = None,
    ) -> RemoteFile:
        """Open a remote file and fetch only the parts that are read. See :class:`RemoteFile`.

        There is no asynchronous version, because libraries that read files block. In an event loop, open and read the
        file in a thread (``anyio.to_thread.run_sync``).

        Args:
            url: an http or https URL.
            block_size: size of a block in bytes, at most 64 MiB. A request asks for at least one block.
            timeout: seconds for each request, or :class:`Timeouts`. None means the timeouts of the connection.
            extra_headers: header fields for each request. A redirect to another origin does not get them.

        Raises:
            RangesRefused: the server does not support ranges, and the file is larger than 8 MiB.
            LimitExceeded: the file is larger than ``Limits.max_bytes``, under an access policy for untrusted URLs.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        if isinstance(block_size, bool) or not isinstance(block_size, int) or not 0 < block_size <= MAX_BLOCK_SIZE:
            raise InvalidRequest(f"block_size must be a number of bytes from 1 to {MAX_BLOCK_SIZE}")
        call = self._calls.part(url, timeout, extra_headers)
        return RemoteFile(lambda wanted: self._run(fetch_part, call, wanted), call.spec.url.redacted, block_size)
