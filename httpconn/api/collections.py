"""The methods that download the files of a manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import httpconn

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from .arguments import Headers, Retries, Timeout
from .many import ManyURLs
from .runner import like, reject_unknown


class Collections(ManyURLs):
    """The methods of HTTPConnection that download collections of files."""

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
        from .collectionrun import CollectionRun

        run = CollectionRun(manifest, folder, progress)
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
            reject_unknown(Collections.async_download_all, given)
        import anyio

        from ..runtime.filework import in_thread
        from .collectionrun import CollectionRun

        run = CollectionRun(manifest, folder, progress)
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
