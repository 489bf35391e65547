"""The methods that download the files of a manifest."""

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync

from ..core.auth import Auth
from ..core.bodycounter import ByteBudget
from ..core.items import Item
from ..core.urls import redact
from ..downloads.collection import Collection
from ..manifest import Manifest
from ..progress import ProgressCallback
from ..progress.collection import CollectionMeter
from .arguments import Headers, Retries, Timeout
from .many import ManyURLs
from .outcomes import CollectionResult, Saved


class Collections(ManyURLs):
    """The methods of HTTPConnection that download collections of files."""

    def download_all(
        self,
        manifest: Manifest | Iterable[Item],
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
        progress: ProgressCallback | None = None,
    ) -> CollectionResult:
        """Download the files of a manifest that are missing in a folder or differ.

        Each download works like :meth:`download`. Files with the right digest are kept without a request. For a file
        without a digest, the server is asked whether it has another version. No file is deleted. A file that fails does
        not stop the others. If the call is stopped, the next one continues from the bytes on disk.

        The hidden file ``.httpconn-files.json`` in the folder stores the verified digests with the size, the
        modification time and the inode number of each file, so that the next call does not hash unchanged files again.
        It can be deleted at any time.

        Args:
            manifest: a :class:`Manifest`, or :class:`Item` objects.
            folder: path of the folder. It is created if it does not exist.
            concurrency: number of downloads at the same time.
            segments: connections for each file. By default, large files use more connections as long as that makes them
                faster, and all files together at most about 64.
            timeout: seconds for each file, or :class:`Timeouts`.
            extra_headers: header fields for each file. A redirect to another origin does not get them.
            auth: credentials for this call; see :class:`HTTPConnection`. Other origins do not get them.
            max_bytes: most bytes of each file.
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
        run = _Run(manifest, folder, progress)
        try:
            run.prepare()
            options = run.options(segments, timeout, extra_headers, auth, max_bytes, budget, retries)
            with self.download_many(run.missing, concurrency=concurrency, **options) as results:
                for saved in results:
                    run.add(saved)
                    run.report(saved)
        finally:
            run.save()
        return run.result()

    async def async_download_all(
        self,
        manifest: Manifest | Iterable[Item],
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
        progress: ProgressCallback | None = None,
    ) -> CollectionResult:
        """Do the same as :meth:`download_all` in asyncio or trio."""
        run = _Run(manifest, folder, progress)
        try:
            await run_sync(run.prepare)
            options = run.options(segments, timeout, extra_headers, auth, max_bytes, budget, retries)
            async with self.async_download_many(run.missing, concurrency=concurrency, **options) as results:
                async for saved in results:
                    await run_sync(run.add, saved)
                    run.report(saved)
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(run.save)
        return run.result()


def collection_meter(items: Iterable[Item], folder: Path, progress: ProgressCallback) -> CollectionMeter:
    """Return a meter of all items, whose paths are those of the files."""
    return CollectionMeter(progress, folder, {Path(str(item.path)): item.size for item in items}, time.monotonic)


class _Run:
    """The state of one call. The methods ``prepare``, ``add`` and ``save`` use the disk."""

    def __init__(
        self, manifest: Manifest | Iterable[Item], folder: str | os.PathLike[str], progress: ProgressCallback | None
    ) -> None:
        manifest = manifest if isinstance(manifest, Manifest) else Manifest(manifest)
        self._collection = collection = Collection(manifest, manifest.where, folder)
        self._items = collection.items
        self._meter = None if progress is None else collection_meter(self._items, collection.folder, progress)
        self._files: dict[int, Saved] = {}
        self._missing: list[int] = []
        self.save = collection.save

    def prepare(self) -> None:
        """Find the files that need no download."""
        for index, file in self._collection.prepare().items():
            self._end(index, Saved(self._items[index].url, file.path, index, file))
        self._missing = [index for index in range(len(self._items)) if index not in self._files]

    @property
    def missing(self) -> list[Item]:
        """The files that may need a download."""
        return [self._items[index] for index in self._missing]

    def options(self, segments: int | None, *options: Any) -> dict[str, Any]:
        """Return the options of the downloads."""
        names = ("timeout", "extra_headers", "auth", "max_bytes", "budget", "retries")
        own = {"segments": segments, "existing": "refresh", "progress": self._meter}
        return own | dict(zip(names, options, strict=True))

    def add(self, saved: Saved) -> None:
        """Add a verified file to the state file."""
        if saved.downloaded is not None:
            self._collection.add(self._missing[saved.index], saved.downloaded)

    def report(self, saved: Saved) -> None:
        """Keep a result, and report it as progress."""
        index = self._missing[saved.index]
        self._end(index, replace(saved, index=index))

    def _end(self, index: int, saved: Saved) -> None:
        self._files[index] = saved
        if self._meter is not None:
            size = None if saved.downloaded is None else saved.downloaded.size
            self._meter.end(Path(saved.path), size, redact(saved.url))

    def result(self) -> CollectionResult:
        """Return the results in the order of the manifest."""
        return CollectionResult(tuple(self._files[index] for index in range(len(self._items))))
