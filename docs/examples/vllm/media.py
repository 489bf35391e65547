"""vLLM's media connector on httpconn: from a URL to an image, a sound or a video."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anyio.to_thread

import httpconn

from .connections import HTTPConnection, global_http_connection

Media = TypeVar("Media", covariant=True)


class MediaIO(Protocol[Media]):
    """A decoder of images, sounds or videos."""

    def load_bytes(self, data: bytes) -> Media: ...

    def load_base64(self, media_type: str, data: str) -> Media: ...

    def load_file(self, filepath: Path) -> Media: ...

    def get_max_bytes(self) -> int | None: ...


class MediaConnector:
    """A loader of the media that URLs of requests name.

    Args:
        connection: fetches http and https URLs under its access policy.
        allowed_local_media_path: the folder for file URLs; if it is empty, file URLs are rejected.
        environ: has ``VLLM_MEDIA_URL_ALLOW_REDIRECTS``.
    """

    def __init__(
        self,
        connection: HTTPConnection = global_http_connection,
        *,
        allowed_local_media_path: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.connection = connection
        self.allowed_local_media_path = Path(allowed_local_media_path).resolve() if allowed_local_media_path else None
        self.allow_redirects = environ.get("VLLM_MEDIA_URL_ALLOW_REDIRECTS", "1") == "1"

    def load_from_url(
        self,
        url: str,
        media_io: MediaIO[Media],
        *,
        fetch_timeout: float | None = None,
        budget: httpconn.ByteBudget | None = None,
    ) -> Media:
        """Load media from an http, https, data or file URL. All media of a request share the budget."""
        local = self._local(url, media_io)
        if local is not None:
            return local()
        data = self.connection.get_bytes(
            url,
            timeout=fetch_timeout,
            allow_redirects=self.allow_redirects,
            max_bytes=media_io.get_max_bytes(),
            budget=budget,
        )
        return media_io.load_bytes(data)

    async def load_from_url_async(
        self,
        url: str,
        media_io: MediaIO[Media],
        *,
        fetch_timeout: float | None = None,
        budget: httpconn.ByteBudget | None = None,
    ) -> Media:
        """Load media as ``load_from_url`` does. Decoding runs in a thread."""
        local = self._local(url, media_io)
        if local is not None:
            return await anyio.to_thread.run_sync(local)
        data = await self.connection.async_get_bytes(
            url,
            timeout=fetch_timeout,
            allow_redirects=self.allow_redirects,
            max_bytes=media_io.get_max_bytes(),
            budget=budget,
        )
        return await anyio.to_thread.run_sync(media_io.load_bytes, data)

    def _local(self, url: str, media_io: MediaIO[Media]) -> Callable[[], Media] | None:
        """Return a loader for a data or file URL, or None. httpconn checks all other URLs."""
        scheme = url.partition(":")[0].lower()
        if scheme == "data":
            return partial(media_io.load_base64, *_data(url))
        if scheme == "file":
            return partial(media_io.load_file, self._file(url))
        return None

    def _file(self, url: str) -> Path:
        folder = self.allowed_local_media_path
        if folder is None:
            raise RuntimeError("Cannot load local files without `--allowed-local-media-path`.")
        path = Path(url2pathname(urlsplit(url).path)).resolve()
        if folder not in path.parents:
            raise ValueError(f"The file path {path} must be a subpath of `--allowed-local-media-path {folder}`.")
        return path


def _data(url: str) -> tuple[str, str]:
    """Return the media type without its parameters, and the base64 text, of a data URL (RFC 2397)."""
    head, comma, data = url[len("data:") :].partition(",")
    if not comma:
        raise ValueError("Invalid data URL: missing ',' separator.")
    described, _, coding = head.rpartition(";")
    if coding != "base64":
        raise NotImplementedError("Only base64 data URLs are supported for now.")
    return described.partition(";")[0], data
