"""The methods that download one file or a collection. They run flows of :mod:`httpconn.downloads`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpconn

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from ..core.lazymodules import LazyModule
from ..core.urls import URL
from ..downloads.options import OnExisting
from .arguments import ExpectType, Filename, Headers, Retries, Timeout
from .many import ManyURLs
from .runner import like, reject_unknown

if TYPE_CHECKING:
    from ..downloads import download as flows
    from . import collectionrun
else:
    collectionrun, flows = LazyModule("api.collectionrun"), LazyModule("downloads.download")


class Downloading(ManyURLs):
    """The methods of HTTPConnection that download files."""

    def download(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        digest: str | None = None,
        size: int | None = None,
        expect_type: ExpectType = None,
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
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
    ) -> httpconn.Downloaded:
        """Download a URL to a file.

        The bytes go to a partial file in the folder of the target. The partial file replaces the target when it is
        complete, verified and on disk. If the download fails, the target keeps its old content.

        A broken transfer continues where it broke, in this call or in a later one, if the server can prove that the
        file has not changed (RFC 9110 section 13.1.5). If several downloads of one target run at the same time, one of
        them makes the transfer and the others use its file.

        Args:
            url: an http or https URL.
            save_path: path of the file. Its folder must exist. With ``filename="server"``, path of the folder.
            digest: expected digest of the file, such as ``sha256:HEX``. md5, sha1, sha384, sha512, blake2b and blake3
                are also supported. Without it, a digest that the server sends is checked (RFC 9530, and the header
                fields of object stores).
            size: expected size of the file in bytes. A response that announces another size is an error before its body
                is read.
            expect_type: expected media type of the response, such as ``application/*``, or several. A response of
                another type, as from a captive portal, is not written; the attempt is repeated.
            mirrors: further URLs of the same file. If a URL fails, the next one is used. Needs ``digest``.
            resume: continue the partial file of an earlier download, and keep the partial file of a failed download.
            refresh: the same as ``existing="refresh"``.
            existing: how to handle an existing file. "replace", the default, replaces it when the new file is
                complete. "skip" keeps it and sends no request. "refresh" replaces it if the server has another version
                (RFC 9110 section 13.1). "error" raises StorageError with ``errno.EEXIST``. An existing file with the
                right ``digest`` is kept without a request, except with "error". "skip" replaces a file with another
                digest or ``size``.
            validator: with "refresh", the version of the existing file: an earlier ``Downloaded.validator``. By
                default, the version comes from an extended attribute that an earlier download wrote, if the system
                supports these, or else from the modification time of the file.
            remote_time: set the modification time of the file to Last-Modified. The default is True with "refresh",
                and False otherwise.
            filename: "server" names the file as the server does (RFC 6266) or else as the URL does. The name never
                contains a folder. ``existing`` is then "error", the default, or "skip".
            segments: number of connections that fetch parts of the file at the same time. The server must support
                ranges and send a strong validator. None means one connection for most files. A large file on a slow
                connection gets up to 16 connections if they make it faster.
            timeout: seconds for the whole call, or :class:`Timeouts`. None means the timeouts of the connection. By
                default a download has no total timeout; ``Limits.min_speed`` ends a transfer that is too slow.
            extra_headers: header fields for this call. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            max_bytes: maximum size of the file in bytes. None means no limit.
            budget: a :class:`ByteBudget`, a limit that several calls share.
            bandwidth: bytes per second of this download, on all its connections together.
            retries: number of retries, or :class:`RetryPolicy`. None means the retries of the connection. An attempt
                that received new bytes is not a failure, so a long download survives any number of faults.
            progress: a function that gets a :class:`Progress`, at most about ten times per second.

        Returns:
            The path, the size and the version of the file, and how it was verified.

        Raises:
            IntegrityError: the file has another digest or size.
            UnexpectedContent: the response is probably not the file.
            StorageError: the file cannot be written. DiskFull if no space is left.
            HTTPConnError: see :mod:`httpconn.errors`.
        """
        wanted = digest, size, expect_type, mirrors, resume, refresh, existing, validator, remote_time, filename
        options = segments, timeout, extra_headers, auth, max_bytes, budget, bandwidth, retries, progress
        return self._run(flows.fetch_file, *self._calls.download(url, save_path, *wanted, *options))

    @like(download)
    async def async_download(self, url: URL, save_path: str | os.PathLike[str], **options: Any) -> httpconn.Downloaded:
        """Do the same as :meth:`download` in asyncio or trio. Worker threads write the file."""
        if options:
            reject_unknown(Downloading.async_download, options)
        return await self._await(flows.fetch_file, *self._calls.download(url, save_path, **options))

    def download_file(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        *,
        timeout: Timeout = None,
        chunk_size: int | None = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
        digest: str | None = None,
        size: int | None = None,
        expect_type: ExpectType = None,
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        segments: int | None = None,
    ) -> Path:
        """Download a URL to a file and return its path. See :meth:`download` for the arguments and errors.

        Args:
            chunk_size: accepted for compatibility, and ignored.
        """
        wanted = digest, size, expect_type, (), resume, refresh, existing, None, None, None
        options = segments, timeout, extra_headers, auth, max_bytes, budget, bandwidth, retries, progress
        return self._run(flows.fetch_file, *self._calls.download(url, save_path, *wanted, *options)).path

    @like(download_file)
    async def async_download_file(
        self, url: URL, save_path: str | os.PathLike[str], *, chunk_size: int | None = None, **options: Any
    ) -> Path:
        """Do the same as :meth:`download_file` in asyncio or trio. Worker threads write the file."""
        if options:
            reject_unknown(Downloading.async_download_file, options)
        return (await self._await(flows.fetch_file, *self._calls.download(url, save_path, **options))).path

    def download_all(
        self,
        manifest: httpconn.Manifest | Iterable[httpconn.Item],
        folder: str | os.PathLike[str],
        *,
        concurrency: int = 16,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        progress: httpconn.ProgressCallback | None = None,
    ) -> httpconn.CollectionResult:
        """Download the files of a manifest that a folder lacks, or has with another digest.

        Each download works like :meth:`download`. Files with the right digest are kept without a request. For a file
        without a digest, the server is asked whether it has another version. No file is deleted. A file that fails does
        not stop other files. If the call is stopped, the next call continues from the bytes on disk.

        The hidden file ``.httpconn-files.json`` in the folder stores the verified digests with the size, the
        modification time and the inode number of each file, so that the next call does not hash unchanged files again.
        It can be deleted at any time.

        Args:
            manifest: a :class:`Manifest`, or :class:`Item` objects.
            folder: path of the folder. It is created if it does not exist.
            concurrency: number of downloads at the same time.
            segments: connections for each file. By default, a large file uses more connections while they make it
                faster, and all files together use at most about 64.
            timeout: seconds for each file, or :class:`Timeouts`.
            extra_headers: header fields for each file. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            max_bytes: maximum size of each file in bytes.
            budget: a :class:`ByteBudget`, a limit for all files together.
            retries: number of retries for each file, or :class:`RetryPolicy`. None means the retries of the connection.
            progress: a function that gets a :class:`Progress` of the whole collection. Its ``files`` counts the files.

        Returns:
            The result of each file.

        Raises:
            InvalidRequest: an option or an item is not valid, or a link in the folder leads out of it. No request was
                sent. The message names the line of the manifest.
            StorageError: the folder cannot be created.
        """
        run = collectionrun.CollectionRun(manifest, folder, progress)
        try:
            run.prepare()
            limits = run.options(timeout=timeout, max_bytes=max_bytes, budget=budget, retries=retries)
            options = limits | {"segments": segments, "extra_headers": extra_headers, "auth": auth}
            with self.download_many(run.missing, concurrency=concurrency, **options) as results:
                for saved in results:
                    run.add(saved)
                    run.report(saved)
        finally:
            run.save()
        return run.result()

    @like(download_all)
    async def async_download_all(
        self,
        manifest: httpconn.Manifest | Iterable[httpconn.Item],
        folder: str | os.PathLike[str],
        *,
        concurrency: int = 16,
        progress: httpconn.ProgressCallback | None = None,
        **given: Any,
    ) -> httpconn.CollectionResult:
        """Do the same as :meth:`download_all` in asyncio or trio."""
        if given:
            reject_unknown(Downloading.async_download_all, given)
        import anyio

        from ..runtime.filework import in_thread

        run = collectionrun.CollectionRun(manifest, folder, progress)
        try:
            await in_thread(run.prepare)
            options = run.options(**given)
            async with self.async_download_many(run.missing, concurrency=concurrency, **options) as results:
                async for saved in results:
                    await in_thread(run.add, saved)
                    run.report(saved)
        finally:
            with anyio.CancelScope(shield=True):
                await in_thread(run.save)
        return run.result()
