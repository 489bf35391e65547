"""The methods that fetch files: each is a line over a flow."""

from __future__ import annotations

import os
from pathlib import Path

from .calls import URL, Headers, Timeout
from .core.intake import ByteBudget
from .face import Face
from .flows.download import fetch_file
from .progress import ProgressCallback


class Downloading(Face):
    """Files."""

    def download_file(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        timeout: Timeout = None,
        chunk_size: int | None = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        progress: ProgressCallback | None = None,
    ) -> Path:
        """Download a URL to a file and return its path.

        The bytes go to a partial file beside the target, which replaces the target once it is complete and on disk;
        what stood there before survives every failure.

        Args:
            url: an http or https URL.
            save_path: the file; its folder must exist.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the connection's; the default has
                no total for files, which are bounded by ``Limits.min_speed`` instead.
            chunk_size: accepted for old callers; the size of a block on disk is httpconn's own.
            extra_headers: headers for this call; on a redirect they stay on their origin.
            max_bytes: bytes that the file may have; None means no limit.
            budget: bytes that several calls may fetch together.
            progress: called with a :class:`Progress` at most about ten times a second.

        Raises:
            StorageError: the file cannot be written; DiskFull where there is no space.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        return self._run(
            fetch_file, self._calls.file(url, timeout, extra_headers, max_bytes, budget), save_path, progress
        )

    async def async_download_file(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        timeout: Timeout = None,
        chunk_size: int | None = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        progress: ProgressCallback | None = None,
    ) -> Path:
        """The same as :meth:`download_file`, awaited; the file is written off the event loop."""
        call = self._calls.file(url, timeout, extra_headers, max_bytes, budget)
        return await self._await(fetch_file, call, save_path, progress)
