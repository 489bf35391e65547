"""The methods that fetch files: each is a line over a flow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..core.bodycounter import ByteBudget
from ..core.urls import URL
from ..downloads.download import fetch_file
from ..downloads.downloaded import Downloaded
from ..downloads.downloadstate import OnExisting
from ..progress import ProgressCallback
from .arguments import Filename, Headers, Retries, Timeout
from .runner import Face


class Downloading(Face):
    """Files, resumed where they broke off and verified before they appear."""

    def download(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        digest: str | None = None,
        mirrors: Sequence[URL] = (),
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        validator: str | None = None,
        remote_time: bool | None = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
    ) -> Downloaded:
        """Download a URL to a file.

        The bytes go to a partial file beside the target, which replaces the target once it is complete, verified and
        on disk; what stood there before survives every failure. A transfer that breaks goes on where it broke, in
        this call or a later one, wherever the server can prove that the file is still the same one (RFC 9110 section
        13.1.5). Of several downloads of one target at once, one is made, and the others take what it made.

        Args:
            url: an http or https URL.
            save_path: the file; its folder must exist. With ``filename="server"``, the folder.
            digest: what the file has to have, as ``sha256:hex``; also md5, sha1, sha384, sha512 and blake3.
                Without it, one that the server announces is checked (RFC 9530, and the fields of object stores).
            mirrors: URLs of the same file, asked in turn when one fails; they need a digest.
            resume: go on with what an earlier download left, and leave to a later one what it can use.
            refresh: the same as ``existing="refresh"``.
            existing: what happens to a file that is there. "replace", the default, replaces it when the new file is
                complete. "skip" keeps it and sends no request. "refresh" replaces it if the server has another version
                (RFC 9110 section 13.1). "error" raises StorageError with ``errno.EEXIST``. A file that has the
                ``digest`` is kept and never requested, except with "error"; "skip" fetches a file that lacks it.
            validator: with "refresh", the version of the file: an earlier ``Downloaded.validator``. The default is
                the version that an earlier download noted in an extended attribute of the file, where the system has
                these, or else the file's modification time.
            remote_time: set the file's modification time to the server's Last-Modified. The default is True with
                "refresh", and False otherwise.
            filename: "server" gives the file the name that the server gives it (RFC 6266), or else its URL: a plain
                name in the folder ``save_path``. ``existing`` is then "error", the default, or "skip".
            segments: connections at once, each of which brings a part of the file, where the server gives parts and
                names the version strongly. None means one, and of a large file that takes its time as many as make
                it faster, up to 16.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the connection's; the default has
                no total for files, which are bounded by ``Limits.min_speed`` instead.
            extra_headers: headers for this call; on a redirect they stay on their origin.
            max_bytes: bytes that the file may have; None means no limit.
            budget: bytes that several calls may fetch together.
            bandwidth: bytes per second of this download, all its connections together.
            retries: a number of retries, or :class:`RetryPolicy`; None means the connection's. An attempt that brought
                new bytes is no failure, so that a long download survives any number of faults.
            progress: called with a :class:`Progress` at most about ten times a second.

        Raises:
            IntegrityError: the file has another digest.
            StorageError: the file cannot be written; DiskFull where there is no space.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        call = self._calls.file(url, timeout, extra_headers, max_bytes, budget, retries, bandwidth)
        options = digest, mirrors, extra_headers, resume, refresh, existing, validator, remote_time
        return self._run(fetch_file, call, self._calls.wanted(call, save_path, *options, filename, segments, progress))

    async def async_download(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        digest: str | None = None,
        mirrors: Sequence[URL] = (),
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        validator: str | None = None,
        remote_time: bool | None = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
    ) -> Downloaded:
        """The same as :meth:`download`, awaited; the file is written off the event loop."""
        call = self._calls.file(url, timeout, extra_headers, max_bytes, budget, retries, bandwidth)
        options = digest, mirrors, extra_headers, resume, refresh, existing, validator, remote_time
        return await self._await(
            fetch_file, call, self._calls.wanted(call, save_path, *options, filename, segments, progress)
        )

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
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
        digest: str | None = None,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        segments: int | None = None,
    ) -> Path:
        """Download a URL to a file and return its path; see :meth:`download`.

        Args:
            chunk_size: accepted for old callers; the size of a block on disk is httpconn's own.
        """
        return self.download(
            url,
            save_path,
            digest=digest,
            resume=resume,
            refresh=refresh,
            existing=existing,
            segments=segments,
            timeout=timeout,
            extra_headers=extra_headers,
            max_bytes=max_bytes,
            budget=budget,
            bandwidth=bandwidth,
            retries=retries,
            progress=progress,
        ).path

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
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
        digest: str | None = None,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        segments: int | None = None,
    ) -> Path:
        """The same as :meth:`download_file`, awaited; the file is written off the event loop."""
        downloaded = await self.async_download(
            url,
            save_path,
            digest=digest,
            resume=resume,
            refresh=refresh,
            existing=existing,
            segments=segments,
            timeout=timeout,
            extra_headers=extra_headers,
            max_bytes=max_bytes,
            budget=budget,
            bandwidth=bandwidth,
            retries=retries,
            progress=progress,
        )
        return downloaded.path
