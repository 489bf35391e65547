"""vLLM's ``connections.py`` on httpconn: the same names, set up by vLLM's environment."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import httpconn

VLLM_VERSION = "0.33.0"
MIB = 1024 * 1024


class HTTPConnection(httpconn.HTTPConnection):
    """What vLLM's code imports; every method of the old class is there, with the old parameters.

    Args:
        reuse_client: as before.
        access: where URLs may lead: anywhere, as before, unless the operator says otherwise.
        environ: for the number of attempts, ``VLLM_MEDIA_FETCH_MAX_RETRIES``.
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
            limits=httpconn.Limits(max_connections=512, max_keepalive_connections=64, max_bytes=512 * MIB),
        )


def connection_for_strangers(
    allowed_media_domains: Collection[str] = (), environ: Mapping[str, str] = os.environ
) -> HTTPConnection:
    """What a server with ``--allowed-media-domains`` uses for the URLs in requests; no domains: the public internet."""
    access = httpconn.AccessPolicy.public_internet(allowed_hosts=allowed_media_domains)
    return HTTPConnection(access=access, environ=environ)


global_http_connection = HTTPConnection()
