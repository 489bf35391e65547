"""Which URL is saved as which file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .. import errors
from ..disk.targets import check_target

Item = tuple[str, Path]


def items_of(urls: Iterable[str], lines: Iterable[str], output: Path | None, folder: Path | None) -> list[Item]:
    """Each URL with its file; a line holds a URL, or a URL and a path, which is one in the folder.

    Raises:
        InvalidRequest: a URL names no file, or two of them one: they would overwrite each other.
        StorageError: the folder does not exist.
    """
    if folder is not None:
        check_target(folder / "file")
    items = [(url, output or _path_for(url, folder)) for url in urls]
    items += [_item(line.split(maxsplit=1), folder) for line in lines if line.strip()]
    for path, count in Counter(path for _, path in items).items():
        if count > 1:
            raise errors.InvalidRequest(f"Several URLs would be saved as {path}: give each its own path")
    return items


def _item(words: list[str], folder: Path | None) -> Item:
    url, *path = words
    return url, (folder or Path()) / path[0].strip() if path else _path_for(url, folder)


def _path_for(url: str, folder: Path | None) -> Path:
    """Named after the last segment of the URL's path, if that is a name and nothing else."""
    try:
        name = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # the URL itself is refused later, with its own words
        return Path("invalid")
    if name in ("", ".", "..") or any(char in name for char in "/\\:\0") or not name.isprintable():
        raise errors.InvalidRequest("The URL names no file: say where to with -o FILE")
    return (folder or Path()) / name
