"""The files of one call of ``download_all``, and its results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.items import Item
from ..core.urls import redact
from ..downloads.collection import Collection
from ..downloads.manifest import Manifest
from ..progress import ProgressCallback
from ..progress.collection import CollectionMeter
from .arguments import require
from .outcomes import CollectionResult, Saved


def collection_meter(items: Iterable[Item], folder: Path, progress: ProgressCallback) -> CollectionMeter:
    """Return a meter of all items. The path of each item is the path of its file."""
    return CollectionMeter(progress, folder, {Path(str(item.path)): item.size for item in items}, time.monotonic)


class CollectionRun:
    """The state of one call of ``download_all``. The methods ``prepare``, ``add`` and ``save`` use the disk."""

    def __init__(
        self, manifest: Manifest | Iterable[Item], folder: str | os.PathLike[str], progress: ProgressCallback | None
    ) -> None:
        require(progress=(progress, Callable | None))
        manifest = manifest if isinstance(manifest, Manifest) else Manifest(manifest)
        self._collection = collection = Collection(manifest, manifest.where, folder)
        self._items = collection.items
        self._meter = None if progress is None else collection_meter(self._items, collection.folder, progress)
        self._files: dict[int, Saved] = {}
        self._missing: list[int] = []
        self.save: Callable[[], None] = collection.save

    def prepare(self) -> None:
        """Find the files that need no download."""
        for index, file in self._collection.prepare().items():
            self._end(index, Saved(self._items[index].url, file.path, index, file))
        self._missing = [index for index in range(len(self._items)) if index not in self._files]

    @property
    def missing(self) -> list[Item]:
        return [self._items[index] for index in self._missing]

    def options(self, **given: Any) -> dict[str, Any]:
        return given | {"existing": "refresh", "progress": self._meter}

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
        return CollectionResult(tuple(self._files[index] for index in range(len(self._items))))
