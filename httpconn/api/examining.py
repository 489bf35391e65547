"""The methods that get the metadata of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.auth import Auth
from ..core.urls import URL
from .arguments import Headers, Retries, Timeout
from .runner import Runner, like

if TYPE_CHECKING:
    from ..core.metadata import Metadata


class Examining(Runner):
    """The methods of HTTPConnection that get the metadata of a file."""

    def get_metadata(
        self,
        url: URL,
        *,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        retries: Retries = None,
    ) -> Metadata:
        """Return the size, media type, name, version and digest of a file without its content. See :class:`Metadata`.

        The method sends HEAD. If the server responds 400, 403, 404, 405 or 501, it sends GET and does not read the
        body. Signed URLs of object stores need that, because their signature includes the method.

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
        from ..exchange.examining import fetch_metadata

        return self._run(fetch_metadata, self._calls.part(url, timeout, extra_headers, auth, retries))

    @like(get_metadata)
    async def async_get_metadata(self, url: URL, **options: Any) -> Metadata:
        """Do the same as :meth:`get_metadata` in asyncio or trio."""
        from ..exchange.examining import fetch_metadata

        return await self._await(fetch_metadata, self._calls.part(url, **options))
