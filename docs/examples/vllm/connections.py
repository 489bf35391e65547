"""vLLM's ``HTTPConnection`` on httpconn: its methods, its errors and its environment variables."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import aiohttp
import requests
from vllm import connections, envs
from vllm.version import __version__

import httpconn

MIB = 1024 * 1024
Unlimited = httpconn.Limits(max_connections=512, max_keepalive_connections=64, max_bytes=None)


class HTTPConnection(httpconn.HTTPConnection):
    """The class that vLLM imports, with all methods and parameters of the old class.

    Args:
        reuse_client: as in the old class.
        access: the access policy; by default all URLs are allowed, as in the old class.
    """

    # vLLM's tests read the clients of the old class by these names.
    _sync_client = _async_client = None

    def __init__(self, *, reuse_client: bool = True, access: httpconn.AccessPolicy | None = None) -> None:
        super().__init__(
            reuse_client=reuse_client,
            user_agent=f"vLLM/{__version__}",
            access=access or httpconn.AccessPolicy.anywhere(),
            limits=Unlimited,
        )

    def get_bytes(
        self,
        url: str,
        *,
        timeout: float | None = None,
        max_bytes: int | None = None,
        request_budget: connections.MediaRequestDownloadBudget | None = None,
        **options: Any,
    ) -> bytes:
        """GET a URL. The budget limits all media of one request together."""
        limit = _limit(max_bytes)
        with vllm_errors(max_bytes):
            return super().get_bytes(url, max_bytes=limit, **_options(timeout, request_budget), **options)

    async def async_get_bytes(
        self,
        url: str,
        *,
        timeout: float | None = None,
        max_bytes: int | None = None,
        request_budget: connections.MediaRequestDownloadBudget | None = None,
        **options: Any,
    ) -> bytes:
        """Do the same as ``get_bytes`` in asyncio."""
        limit = _limit(max_bytes)
        with vllm_errors(max_bytes):
            return await super().async_get_bytes(url, max_bytes=limit, **_options(timeout, request_budget), **options)


class StatusError(httpconn.StatusError, requests.HTTPError, aiohttp.ClientResponseError):
    """An error status, as all code of vLLM expects it: from requests or from aiohttp."""

    history = ()
    headers = None
    request_info = None

    @property
    def status(self) -> int:
        return self.status_code


class Budget(httpconn.ByteBudget):
    """The budget of a request of vLLM, for httpconn."""

    def __init__(self, of_vllm: connections.MediaRequestDownloadBudget) -> None:
        super().__init__(envs.VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB * MIB)
        self._of_vllm = of_vllm

    @property
    def used(self) -> int:
        return self._of_vllm.used

    def spend(self, count: int) -> None:
        self._of_vllm.charge(count)  # raises vLLM's own error


def _options(timeout: float | None, request_budget: connections.MediaRequestDownloadBudget | None) -> dict[str, Any]:
    """Return the options of a call. vLLM reads the variables at each call, so that they can change."""
    is_limited = request_budget is not None and envs.VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB > 0
    return {
        "timeout": None if timeout is None else httpconn.Timeouts(None, None, None, None, None, attempt=timeout),
        # As in vLLM, each retry has four times the limit of the attempt before.
        "retries": httpconn.RetryPolicy(max(envs.VLLM_MEDIA_FETCH_MAX_RETRIES, 1), timeout_growth=4),
        "budget": Budget(request_budget) if is_limited else None,
    }


def _limit(max_bytes: int | None) -> int | None:
    """Return the smaller one of the limit of the media and of VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB, where 0 means none."""
    limits = [max_bytes] if max_bytes is not None else []
    if envs.VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB > 0:
        limits.append(envs.VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB * MIB)
    return min(limits, default=None)


@contextmanager
def vllm_errors(max_bytes: int | None) -> Iterator[None]:
    """Raise the errors that vLLM turns into responses to its clients."""
    try:
        yield
    except httpconn.StatusError as error:
        translated = StatusError(error.response)
        translated.__dict__.update(error.__dict__)
        raise translated from error
    except httpconn.LimitExceeded as error:
        raise _too_large(error, max_bytes) from error


def _too_large(error: httpconn.LimitExceeded, max_bytes: int | None) -> Exception:
    if error.kind == "ratio" or error.limit is None or error.received is None:
        return error
    if error.kind == "budget":
        return connections.MediaRequestDownloadSizeExceededError(
            "Request media downloads exceed VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB="
            f"{error.limit / MIB:g} ({error.received} bytes, including retried attempts)."
        )
    if max_bytes is not None and error.limit == max_bytes:
        return connections.HTTPResponseSizeExceededError(error.limit, error.received)
    return connections.MediaDownloadSizeExceededError(error.limit, error.received)


def connection_for_untrusted_urls(allowed_media_domains: Collection[str] = ()) -> HTTPConnection:
    """Return a shared connection for the URLs in requests.

    It reaches only public addresses, and only the domains of ``--allowed-media-domains`` if there are any.
    """
    return _shared(frozenset(allowed_media_domains))


@lru_cache(maxsize=64)
def _shared(domains: frozenset[str]) -> HTTPConnection:
    return HTTPConnection(access=httpconn.AccessPolicy.public_internet(allowed_hosts=domains or None))


def install() -> None:
    """Replace the class and the object of ``vllm.connections``. Call this before other modules of vLLM are imported."""
    connections.HTTPConnection = HTTPConnection
    connections.global_http_connection = HTTPConnection()
