"""Which URL is saved as which file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO
from urllib.parse import unquote, urlsplit

from .. import errors
from .ending import name
from .jsonlines import without_comment
from .output import create_folder


class Item(NamedTuple):
    """A URL to be downloaded.

    Attributes:
        number: its place among all.
        url: the URL.
        path: the file; the folder where the server names the file.
        source: the line of a list that it comes from, such as "urls.txt line 7"; None for the command line.
        error: what is wrong with the line.
    """

    number: int
    url: str
    path: Path
    source: str | None = None
    error: errors.HTTPConnError | None = None


class Targets:
    """Gives each URL its file.

    Args:
        output: the file, for one URL.
        folder: where to.
        server_names: the server names the files.
        create_folders: create folders that are missing.
    """

    def __init__(
        self, output: Path | None, folder: Path | None, *, server_names: bool = False, create_folders: bool = False
    ) -> None:
        self._output = output
        self._folder = folder or Path()
        self._server_names = server_names
        self._create_folders = create_folders
        self._taken: dict[Path, str] = {}
        self._count = 0

    def of_arguments(self, urls: Iterable[str]) -> list[Item]:
        """Return the items of the command line.

        Raises:
            InvalidRequest: a URL names no file, or two of them the same.
            StorageError: a folder cannot be created.
        """
        return [self._named(url) for url in urls]

    def _named(self, url: str) -> Item:
        try:
            return self._item(url, None, None)
        except errors.HTTPConnError as error:
            name(error, url)
            raise

    def of_list(self, lines: TextIO) -> Iterator[Item]:
        """Yield the items of a list: on each line a URL, or a URL and a path in the folder. A bad line has an error."""
        origin = "standard input" if lines.name == "<stdin>" else lines.name
        for number, line in enumerate(lines, 1):
            text = without_comment(line)
            if text:
                yield self._of_line(text, f"{origin} line {number}")

    def _of_line(self, text: str, source: str) -> Item:
        url, *words = text.split(maxsplit=1)
        try:
            return self._item(url, words[0] if words else None, source)
        except errors.HTTPConnError as error:
            return Item(self._next(), url, Path(), source, error)

    def _item(self, url: str, path: str | None, source: str | None) -> Item:
        target = self._target(url, path)
        if target is None:
            return Item(self._next(), url, Path(), source)
        if self._create_folders:
            create_folder(self._folder if self._server_names else target.parent)
        return Item(self._next(), url, target, source)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def _target(self, url: str, path: str | None) -> Path | None:
        """The file; None where the URL is none, which the library says in its own words."""
        if not url.lower().startswith(("http://", "https://")):
            return None
        if self._server_names:
            if path is not None:
                raise errors.InvalidRequest(f"-J lets the server name the file: remove the path {path} from the line")
            return self._folder
        return self._free(self._folder / (path or self._output or _name(url)), url)

    def _free(self, target: Path, url: str) -> Path:
        if self._taken.setdefault(target, url) != url:
            raise errors.InvalidRequest(f"Several URLs would be saved as {target}: give each its own path")
        return target


def _name(url: str) -> str:
    """The last segment of the URL's path, if that is a name and nothing else."""
    try:
        last = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # the URL itself is refused later, with its own words
        return "invalid"
    if last in ("", ".", "..") or any(char in last for char in "/\\:\0") or not last.isprintable():
        raise errors.InvalidRequest("The URL names no file: add -o FILE, or in a list a path after the URL")
    return last
