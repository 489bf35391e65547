"""The folder of a manifest: the checks before its downloads, and its state file."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..core.items import Item
from ..core.paths import checked_path
from ..core.urls import redact, vet
from ..disk.hiddennames import HiddenNames
from ..disk.knownfiles import NAME, KnownFiles
from ..disk.sweeping import sweep
from ..disk.system import TranslatedErrors
from ..errors import InvalidRequest, InvalidURL
from .downloaded import Downloaded


class Collection:
    """The files of a manifest in a folder.

    Args:
        items: the files, with relative paths.
        where: returns the origin of a file by its position, for error messages.
        folder: path of the folder.

    Raises:
        InvalidRequest: the folder is not a path.

    Attributes:
        items: the files, with their paths in the folder.
    """

    def __init__(self, items: Sequence[Item], where: Callable[[int], str], folder: str | os.PathLike[str]) -> None:
        self.folder: Path = checked_path(folder)
        self.items: list[Item] = [replace(item, path=self.folder / str(item.path)) for item in items]
        self._names = [str(item.path) for item in items]
        self._where = where
        self._known: KnownFiles | None = None

    def prepare(self) -> dict[int, Downloaded]:
        """Check all files, create the folders, and return the files that need no download, by their positions."""
        self.require_inside()
        for index, item in enumerate(self.items):
            try:
                vet(item.url)
            except InvalidURL as error:
                has_name_only = "://" not in str(item.url)
                reason = f"{self._names[index]} has no URL; give a base URL" if has_name_only else error.message
                raise InvalidRequest(f"{self._where(index)}: {reason}") from error
        with TranslatedErrors(self.folder):
            os.makedirs(self.folder, exist_ok=True)
        self._known = known = KnownFiles(str(self.folder))
        found = {index: file for index, item in enumerate(self.items) if (file := self._verified(known, index, item))}
        for parent in {os.path.dirname(str(item.path)) for item in self.items}:
            with suppress(OSError):  # the download reports it
                os.makedirs(parent, exist_ok=True)
            sweep(HiddenNames(os.path.join(parent, NAME)))  # files of killed processes
        return found

    def _verified(self, known: KnownFiles, index: int, item: Item) -> Downloaded | None:
        size = None if item.digest is None else known.size_if_verified(self._names[index], item.digest)
        if size is None or item.digest is None:
            return None
        verified = frozenset({item.digest.partition(":")[0]})
        return Downloaded(
            Path(str(item.path)),
            size,
            redact(item.url),
            verified=verified,
            digest=item.digest,
            digest_source="caller",
            unmodified=True,
        )

    def require_inside(self) -> None:
        """Check that no link leads out of the folder, or makes two paths lead to one file."""
        root, parents, paths = os.path.realpath(self.folder), dict[str, str](), dict[str, str]()
        prefix = os.path.join(root, "")
        for index, item in enumerate(self.items):
            parent, name = os.path.split(str(item.path))
            if parent not in parents:
                parents[parent] = os.path.realpath(parent)
            path = os.path.join(parents[parent], name)
            path = os.path.realpath(path) if os.path.islink(path) else path
            if not path.startswith(prefix):
                raise InvalidRequest(f"{self._where(index)}: {self._names[index]} is a link out of the folder")
            if (other := paths.setdefault(path, self._names[index])) != self._names[index]:
                names = f"{self._names[index]} and {other}"
                raise InvalidRequest(f"{self._where(index)}: {names} are the same file through a link")

    def add(self, index: int, downloaded: Downloaded) -> None:
        """Add a complete file to the state file if its digest is verified."""
        if self._known is not None and downloaded.digest is not None:
            self._known.add(self._names[index], downloaded.digest, downloaded.size)

    def save(self) -> None:
        if self._known is not None:
            self._known.save()
