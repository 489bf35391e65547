"""Dynamo's HTTP client over httpconn."""

from __future__ import annotations

from dynamo.common import http
from dynamo.common.http.base import HttpClient, HttpConnectionError, HttpStatusError, HttpTimeoutError
from dynamo.common.http.url_validator import UrlValidationError, UrlValidationPolicy

import httpconn

LIMITS = httpconn.Limits(max_bytes=None)
REDIRECTS = httpconn.RedirectPolicy(max_hops=3)


def access_of(policy: UrlValidationPolicy | None) -> httpconn.AccessPolicy:
    """Return the access policy for a policy of Dynamo, which checks https URLs and public addresses by default."""
    if policy is None:
        return httpconn.AccessPolicy.anywhere()
    schemes = {"http", "https"} if policy.allow_http else {"https"}
    if policy.allow_private_ips:
        return httpconn.AccessPolicy.anywhere(schemes=schemes)
    return httpconn.AccessPolicy.public_internet(schemes=schemes)


class HTTPConnClient(HttpClient):
    """A client for ``dynamo.common.http``. It makes one attempt for each call, as Dynamo expects."""

    def __init__(self, config: object = None) -> None:
        super().__init__(config)
        self._connections: dict[httpconn.AccessPolicy, httpconn.HTTPConnection] = {}

    def _connection(self, policy: UrlValidationPolicy | None) -> httpconn.HTTPConnection:
        access = access_of(policy)
        if access not in self._connections:
            self._connections[access] = httpconn.HTTPConnection(
                access=access, limits=LIMITS, redirects=REDIRECTS, retries=0
            )
        return self._connections[access]

    async def fetch_bytes(
        self,
        url: str,
        timeout: float,
        *,
        policy: UrlValidationPolicy | None = None,
        max_bytes: int | None = None,
    ) -> bytes:
        """GET a URL, and raise Dynamo's errors."""
        try:
            return await self._connection(policy).async_get_bytes(url, timeout=timeout, max_bytes=max_bytes)
        except httpconn.StatusError as error:
            raise HttpStatusError(error.status_code, error.public_message, url) from error
        except httpconn.TimedOut as error:
            raise HttpTimeoutError(error.public_message) from error
        except httpconn.HTTPConnError as error:
            kind = UrlValidationError if error.fault == "caller" else HttpConnectionError
            raise kind(error.public_message) from error

    async def _fetch_simple(self, url: str, timeout: float, *, max_bytes: int | None = None) -> bytes:
        return await self.fetch_bytes(url, timeout, max_bytes=max_bytes)

    async def _fetch_body_or_redirect(
        self, url: str, timeout: float, *, max_bytes: int | None = None
    ) -> tuple[bytes | None, str | None]:
        raise NotImplementedError("httpconn follows redirects itself and checks each of them")

    async def close(self) -> None:
        """Close all connections."""
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            await connection.aclose()


def install() -> None:
    """Make ``dynamo.common.http`` use this client."""
    http._default = HTTPConnClient()
