"""A media connector of vLLM for untrusted URLs. ``VLLM_MEDIA_CONNECTOR=httpconn`` selects it."""

from __future__ import annotations

from typing import Any

from vllm.multimodal.media import MEDIA_CONNECTOR_REGISTRY, MediaConnector

from .connections import HTTPConnection, connection_for_untrusted_urls


@MEDIA_CONNECTOR_REGISTRY.register("httpconn")
class HTTPConnMediaConnector(MediaConnector):
    """vLLM's connector over an access policy.

    vLLM's own code reads data and file URLs, keeps the media cache and applies the decode budget. httpconn makes the
    requests, and checks each URL of a redirect and each address.

    Args:
        media_io_kwargs: as in vLLM.
        connection: makes the requests; by default, one for untrusted URLs that all connectors share.
        allowed_media_domains: as in vLLM. Without domains, all of the public internet is allowed.
        options: the other arguments of vLLM's connector, such as the budgets of a request.
    """

    def __init__(
        self,
        media_io_kwargs: dict[str, dict[str, Any]] | None = None,
        connection: HTTPConnection | None = None,
        *,
        allowed_media_domains: list[str] | None = None,
        **options: Any,
    ) -> None:
        if connection is None:
            connection = connection_for_untrusted_urls(allowed_media_domains or ())
        super().__init__(media_io_kwargs, connection, allowed_media_domains=allowed_media_domains, **options)


def register() -> None:
    """Do nothing: the import registers the connector. An entry point of vLLM's plugins names this function."""
