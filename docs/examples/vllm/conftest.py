"""The modules of vLLM that the adapter imports, if vLLM is not installed."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

VARIABLES = {
    "VLLM_MEDIA_FETCH_MAX_RETRIES": 3,
    "VLLM_MAX_MEDIA_DOWNLOAD_SIZE_MB": 256,
    "VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB": 256,
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": True,
}


class TooLarge(ValueError):
    def __init__(self, max_bytes: int, received_bytes: int) -> None:
        super().__init__(f"maximum size of {max_bytes}, received {received_bytes}")
        self.max_bytes, self.received_bytes = max_bytes, received_bytes


class MediaTooLarge(TooLarge):
    pass


class RequestTooLarge(ValueError):
    pass


class Budget:
    def __init__(self) -> None:
        self.used = 0

    def charge(self, size: int) -> None:
        if self.used + size > sys.modules["vllm.envs"].VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB * 1024 * 1024:
            raise RequestTooLarge("VLLM_MAX_MEDIA_REQUEST_DOWNLOAD_SIZE_MB")
        self.used += size


class Registry(dict[str, type]):
    def register(self, name: str) -> Any:
        return lambda kind: self.setdefault(name, kind)

    def load(self, name: str, *args: Any, **options: Any) -> Any:
        return self[name](*args, **options)


class Connector:
    def __init__(
        self,
        media_io_kwargs: dict[str, Any] | None = None,
        connection: Any = None,
        *,
        allowed_media_domains: list[str] | None = None,
        download_budget: Budget | None = None,
    ) -> None:
        self.connection, self.download_budget = connection, download_budget

    def load_from_url(self, url: str, media_io: Any, *, fetch_timeout: int | None = None) -> Any:
        data = self.connection.get_bytes(
            url,
            timeout=fetch_timeout,
            allow_redirects=sys.modules["vllm.envs"].VLLM_MEDIA_URL_ALLOW_REDIRECTS,
            max_bytes=media_io.get_max_bytes(),
            request_budget=self.download_budget,
        )
        return media_io.load_bytes(data)


def module(name: str, **content: Any) -> ModuleType:
    made = sys.modules[name] = ModuleType(name)
    made.__dict__.update(content)
    return made


if importlib.util.find_spec("vllm") is None:
    envs = module("vllm.envs", **VARIABLES)
    connections = module(
        "vllm.connections",
        HTTPResponseSizeExceededError=TooLarge,
        MediaDownloadSizeExceededError=MediaTooLarge,
        MediaRequestDownloadSizeExceededError=RequestTooLarge,
        MediaRequestDownloadBudget=Budget,
    )
    module("vllm", envs=envs, connections=connections)
    module("vllm.version", __version__="0.33.0")
    module("vllm.multimodal")
    module("vllm.multimodal.media", MEDIA_CONNECTOR_REGISTRY=Registry(), MediaConnector=Connector)
