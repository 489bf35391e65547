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
        environ: for the number of attempts, ``VLLM_MEDIA_FETCH_MAX_RETRIES``, and the size of an answer.
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
            limits=httpconn.Limits(max_connections=512, max_keepalive_connections=64, max_bytes=most_bytes(environ)),
        )


def most_bytes(environ: Mapping[str, str]) -> int | None:
    """What ``VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB`` allows; None where it is 0."""
    most = int(environ.get("VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB", "256"))
    return most * MIB if most > 0 else None


def connection_for_strangers(
    allowed_media_domains: Collection[str] = (), environ: Mapping[str, str] = os.environ
) -> HTTPConnection:
    """What a server uses for the URLs in requests: those of ``--allowed-media-domains`` if there are any, and of
    addresses the public ones, unless ``VLLM_MEDIA_EGRESS_BLOCK_PRIVATE`` is 0.
    """
    is_open = environ.get("VLLM_MEDIA_EGRESS_BLOCK_PRIVATE", "1").lower() in ("0", "false")
    policy = httpconn.AccessPolicy.anywhere if is_open else httpconn.AccessPolicy.public_internet
    return HTTPConnection(access=policy(allowed_hosts=allowed_media_domains), environ=environ)


global_http_connection = HTTPConnection()
