"""The URLs of a download command, and the path of each."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO
from urllib.parse import unquote, urlsplit

from .. import errors
from ..core.paths import checked_file_path
from .ending import set_url
from .jsonlines import lines_of, name_of, without_comment
from .output import create_folder


class Item(NamedTuple):
    """A URL to download."""

    url: str
    path: Path
    source: str | None = None  # line of the list, such as "urls.txt line 7"; None for the command line
    error: errors.HTTPConnError | None = None


class ItemReader:
    """Reads URLs from arguments and lists, and chooses their paths."""

    def __init__(
        self, output: Path | None, folder: Path | None, *, server_names: bool = False, create_folders: bool = False
    ) -> None:
        self._output = output
        self._folder = folder or Path()
        self._server_names = server_names
        self._create_folders = create_folders
        self._urls: dict[Path, str] = {}
        self.items: list[Item] = []

    def read_arguments(self, urls: Iterable[str]) -> None:
        for url in urls:
            try:
                self._add(url, None, None)
            except errors.HTTPConnError as error:
                set_url(error, url)
                raise

    def read_list(self, file: TextIO) -> None:
        """Read a list. Each line has a URL, or a URL and a path. The item of an invalid line has an error."""
        for number, line in enumerate(lines_of(file), 1):
            if text := without_comment(line):
                url, *path = text.split(maxsplit=1)
                source = f"{name_of(file)} line {number}"
                try:
                    self._add(url, path[0] if path else None, source)
                except errors.HTTPConnError as error:
                    self.items.append(Item(url, Path(), source, error))

    def _add(self, url: str, path: str | None, source: str | None) -> None:
        target = self._path(url, path)
        if target is not None and self._create_folders:
            create_folder(self._folder if self._server_names else target.parent)
        self.items.append(Item(url, target or Path(), source))

    def _path(self, url: str, path: str | None) -> Path | None:
        """Return the path for a URL; None for an invalid URL, whose error message comes from the download."""
        if not url.lower().startswith(("http://", "https://")):
            return None
        if self._server_names:
            if path is not None:
                raise errors.InvalidRequest(f"With -J the server names the file: remove the path {path} from the line")
            return self._folder
        target = self._folder / (checked_file_path(path) if path else self._output or _name(url))
        if self._urls.setdefault(target, url) != url:
            raise errors.InvalidRequest(f"Several URLs would be saved as {target}: give each its own path")
        return target


def _name(url: str) -> str:
    """Return the last segment of the URL's path if it is a valid file name."""
    try:
        last = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # an invalid URL, whose error message comes from the download
        return "invalid"
    if last in ("", ".", "..") or any(char in last for char in "/\\:\0") or not last.isprintable():
        raise errors.InvalidRequest("The URL contains no file name: add -o FILE, or a path after the URL in a list")
    return last
