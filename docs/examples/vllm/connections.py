"""vLLM's ``connections.py`` on httpconn: the same names, configured by vLLM's environment variables."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import httpconn

VLLM_VERSION = "0.33.0"
MIB = 1024 * 1024


class HTTPConnection(httpconn.HTTPConnection):
    """The class that vLLM imports, with all methods and parameters of the old class.

    Args:
        reuse_client: as in the old class.
        access: the access policy; by default all addresses are allowed, as before.
        environ: has the number of attempts, ``VLLM_MEDIA_FETCH_MAX_RETRIES``, and the limit of a response.
    """

    def __init__(
        self,
        *,
        reuse_client: bool = True,
        access: httpconn.AccessPolicy | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(
            reuse_client=reuse_client,
            user_agent=f"vLLM/{VLLM_VERSION}",
            access=access or httpconn.AccessPolicy.anywhere(),
            retries=httpconn.RetryPolicy(attempts=max(int(environ.get("VLLM_MEDIA_FETCH_MAX_RETRIES", "3")), 1)),
            limits=httpconn.Limits(max_connections=512, max_keepalive_connections=64, max_bytes=max_bytes(environ)),
        )


def max_bytes(environ: Mapping[str, str]) -> int | None:
    """Return the limit of ``VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB`` in bytes, or None if the variable is 0."""
    megabytes = int(environ.get("VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB", "256"))
    return megabytes * MIB if megabytes > 0 else None


def connection_for_untrusted_urls(
    allowed_media_domains: Collection[str] = (), environ: Mapping[str, str] = os.environ
) -> HTTPConnection:
    """Return a connection for the URLs in requests.

    It reaches only the hosts of ``--allowed-media-domains``, if there are any, and only public addresses, unless
    ``VLLM_MEDIA_EGRESS_BLOCK_PRIVATE`` is 0.
    """
    is_open = environ.get("VLLM_MEDIA_EGRESS_BLOCK_PRIVATE", "1").lower() in ("0", "false")
    policy = httpconn.AccessPolicy.anywhere if is_open else httpconn.AccessPolicy.public_internet
    return HTTPConnection(access=policy(allowed_hosts=allowed_media_domains), environ=environ)


global_http_connection = HTTPConnection()
