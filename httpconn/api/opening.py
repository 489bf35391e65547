"""The method that opens remote files."""

from __future__ import annotations

from ..core.urls import URL
from ..errors import InvalidRequest
from ..exchange.rangerequests import fetch_part
from ..options import MIB
from .arguments import Headers, Timeout
from .remotefile import BLOCK_SIZE, RemoteFile
from .runner import Face

MOST = 64 * MIB


class Opening(Face):
    """Files that are read where they are."""

    def open(
        self,
        url: URL,
        *,
        block_size: int = BLOCK_SIZE,
        timeout: Timeout = None,
        extra_headers: Headers = None,
    ) -> RemoteFile:
        """Open a remote file, of which only the parts that are read are fetched: see :class:`RemoteFile`.

        It has no awaited twin, since what reads files blocks: in an event loop, open and read it in a thread
        (``anyio.to_thread.run_sync``).

        Args:
            url: an http or https URL.
            block_size: bytes of a block, the least that is asked for; at most 64 MiB.
            timeout: seconds for each of its requests, or :class:`Timeouts`; None means the connection's.
            extra_headers: headers for each of its requests; on a redirect they stay on their origin.

        Raises:
            RangesRefused: the server gives no parts, and the file has more than 8 MiB.
            LimitExceeded: it has more than ``Limits.max_bytes``, under an access policy for strangers.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        if isinstance(block_size, bool) or not isinstance(block_size, int) or not 0 < block_size <= MOST:
            raise InvalidRequest(f"block_size must be a number of bytes from 1 to {MOST}")
        call = self._calls.part(url, timeout, extra_headers)
        return RemoteFile(lambda wanted: self._run(fetch_part, call, wanted), call.spec.url.redacted, block_size)
