"""Parsing of manifests: checksum lists, JSON lines, and the index of a model in several files."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple, NoReturn
from urllib.parse import quote, unquote, urljoin

from ..errors import InvalidRequest, printable
from . import digests, headers
from .filenames import DEVICE, NAME_BYTES
from .items import Item
from .regexes import regex
from .urls import URL, vet

MAX_FILES = 1_000_000  # maximum number of files, and of lines, of a manifest; more are an error before any download
MAX_LINE = 65_536  # maximum characters of a line
MAX_INDEX = 64 * 1024 * 1024  # maximum characters of an index, which is one JSON document

_TAGGED = regex(r"(\\?)([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)")  # BSD, and the --tag of GNU
_PLAIN = regex(r"(\\?)([0-9A-Fa-f]+)(?: [ *]|[ \t]+)(.+)")  # GNU: "*" marks binary mode
_ESCAPE = regex(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "\\": "\\"}
# The algorithm of a plain line follows from its length, unless the name of the manifest is that of a BLAKE list.
_BY_LENGTH = {2 * size: name for name, size in digests.SIZES.items() if not name.startswith("blake")}
_BLAKE_NAME = regex(r"(?:^|[^a-z0-9])(?:b|blake)([23])b?(?:sums?)?(?:$|[^a-z0-9])")
_BLAKE = {"2": "blake2b", "3": "blake3"}
_ALIASES = {"sha2256": "sha256", "sha2384": "sha384", "sha2512": "sha512"}  # as OpenSSL names them
_DIGEST_KEY = regex(r"(sha[-_]?|md|crc|blake|b)\d|ripemd", re.IGNORECASE)

_DRIVE = regex(r"[A-Za-z]:")
_OWN = regex(r"\.(.*\.)?httpconn-.*", re.IGNORECASE)
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


Numbered = tuple[int, Item]  # an item, and the number of its line or its own number, from 1


class Source(NamedTuple):
    """The origin of items, for error messages."""

    name: str  # name of the manifest
    unit: str = "line"  # "line" or "item"

    def where(self, number: int) -> str:
        """Return the origin of an item, such as "SHA256SUMS line 3"."""
        return f"{printable(self.name, 200)} {self.unit} {number}"

    def fail(self, number: int, reason: str) -> NoReturn:
        """Raise an error that names the manifest and the line."""
        raise InvalidRequest(f"{self.where(number)}: {reason}")


def parse(lines: Iterable[str], source: Source) -> Iterator[Numbered]:
    """Yield the files of a manifest in any of its formats, before the checks. A missing URL is an empty text."""
    numbered = _filled(lines, source)
    first = next(numbered, None)
    if first is None:
        return
    if not first[1].startswith("{"):
        yield from (_sum_line(number, line, source) for number, line in chain([first], numbered))
    elif _is_index(first[1]):
        yield from _index("".join(["\n" * (first[0] - 1), first[1], "\n", *_document(lines)]), source)
    else:
        yield from (_json_line(number, line, source) for number, line in chain([first], numbered))


def _filled(lines: Iterable[str], source: Source) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is neither empty nor a comment."""
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            source.fail(number, f"a line has at most {MAX_LINE:,} characters")
        text = line.lstrip("\ufeff \t").rstrip("\r\n")
        if text and not text.startswith("#"):
            yield number, text


def _sum_line(number: int, line: str, source: Source) -> Numbered:
    if match := _TAGGED.fullmatch(line):
        escaped, algorithm, name, value = match.groups()
    elif match := _PLAIN.fullmatch(line):
        escaped, value, name = match.groups()
        algorithm = _algorithm(value, number, source)
    else:
        source.fail(number, f"not a checksum line: {printable(line, 80)}")
    if escaped:
        name = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), name)
    algorithm = algorithm.lower().replace("-", "")
    return number, Item("", name, f"{_ALIASES.get(algorithm, algorithm)}:{value}")


def _algorithm(value: str, number: int, source: Source) -> str:
    """Return the algorithm of a digest, which the name of the list or the length of the digest determines."""
    blake = _BLAKE_NAME.search(re.split(r"[/\\]", source.name.lower())[-1])
    if blake is not None:
        return _BLAKE[blake[1]]
    if len(value) not in _BY_LENGTH:
        source.fail(number, f"no algorithm has digests of {len(value)} hexadecimal digits")
    return _BY_LENGTH[len(value)]


def _json_line(number: int, line: str, source: Source) -> Numbered:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        source.fail(number, "not a JSON object")
    given = {key: value for key, value in values.items() if value is not None}
    url, path = (given.get(key) for key in ("url", "path"))
    if not isinstance(url, str | None) or not isinstance(path, str | None) or (url is None and path is None):
        source.fail(number, 'needs "url" or "path", each a string')
    found = [f"{key}:{value}" for key, value in given.items() if _DIGEST_KEY.match(key)]
    try:
        parsed = [digests.parse(each) for each in [*found, *([given["digest"]] if "digest" in given else ())]]
    except InvalidRequest as error:
        source.fail(number, error.message)
    order = list(digests.SIZES)
    best = min(parsed, key=lambda each: order.index(each.algorithm), default=None)
    others = (given.get("size"), given.get("headers"), given.get("mirrors", ()))
    return number, Item(url or "", path, None if best is None else str(best), *others)


def _is_index(line: str) -> bool:
    """Return whether a first line begins an index, a JSON document with a weight_map, rather than JSON lines."""
    try:
        return "weight_map" in json.loads(line)
    except (ValueError, RecursionError):
        return True


def _document(lines: Iterable[str]) -> Iterator[str]:
    size = 0
    for line in lines:
        size += len(line)
        if size > MAX_INDEX:
            return  # an incomplete document is an error
        yield line


def _index(text: str, source: Source) -> Iterator[Numbered]:
    try:
        index = json.loads(text.rstrip())
    except json.JSONDecodeError as error:
        # A delimiter is missing after the token before the error, which may be on an earlier line.
        end = len(text[: error.pos].rstrip()) if "delimiter" in error.msg else error.pos
        source.fail(1 + text.count("\n", 0, end), f"not valid JSON: {error.msg}")
    except (ValueError, RecursionError):
        source.fail(1, "not valid JSON")
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        source.fail(1, "needs a weight_map from names to files")
    position, number = 0, 1
    for name in dict.fromkeys(files.values()):
        found = text.find(json.dumps(name), position)
        if found < 0:  # it is written in another way: stop counting, because each search would read the rest
            found = position = len(text)
        number += text.count("\n", position, found)
        position = found
        yield number, Item("", name)


def items_of(given: Iterable[Numbered], base_url: URL | None, source: Source) -> Iterator[Numbered]:
    """Yield each file with its number, after all checks that need no access to the disk.

    Without a base URL, the URL of a file that has only a name is relative, and cannot be downloaded.
    """
    base, names = None if base_url is None else _Base(base_url), Names()
    for number, item in given:
        try:
            yield number, _checked(item, base, names)
        except InvalidRequest as error:
            source.fail(number, error.message)


def _checked(item: Item, base: _Base | None, names: Names) -> Item:
    name = os.fspath(item.path) if isinstance(item.path, os.PathLike) else item.path
    if not isinstance(name, str | None):
        raise InvalidRequest("the path must be a str or a Path")
    path = inner_path(_last_part(str(item.url)) if name is None else name)
    names.add(path)
    url: URL = item.url or quote(path)
    if base is not None:
        url = base.join(str(url)) if item.url else base.file(path)
    mirrors = item.mirrors
    if not isinstance(mirrors, list | tuple):
        raise InvalidRequest("mirrors must be a list of URLs")
    is_relative = base is None and isinstance(url, str) and "://" not in url
    for each in mirrors if is_relative else (url, *mirrors):
        vet(each)
    if mirrors and item.digest is None:
        raise InvalidRequest("mirrors need a digest, which proves that a mirror holds the same file")
    if item.size is not None and (type(item.size) is not int or item.size < 0):
        raise InvalidRequest("size must be a whole number of bytes")
    headers.check(item.headers)
    digest = None if item.digest is None else str(digests.parse(item.digest))
    return Item(url, path, digest, item.size, item.headers, tuple(mirrors))


def _last_part(url: str) -> str:
    return unquote(re.split("[?#]", url, maxsplit=1)[0].rpartition("/")[2])


class _Base:
    """The URL of the folder that the names of a manifest are in. Its query, such as a signature, follows each name."""

    def __init__(self, url: URL) -> None:
        vet(url)
        folder, mark, query = str(url).partition("#")[0].partition("?")
        self._folder = f"{folder.rstrip('/')}/"
        self._query = mark + query

    def file(self, path: str) -> str:
        return f"{self._folder}{quote(path)}{self._query}"

    def join(self, url: str) -> str:
        try:
            return urljoin(self._folder, url)
        except ValueError:
            return url  # a later check of the URL raises the error


class Names:
    """The paths of a collection. No two paths may collide on any file system."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}

    def add(self, path: str) -> None:
        key = _folded(path)
        if key in self._files:
            raise InvalidRequest(f"{printable(path, 100)} appears twice, or differs only in the case of letters")
        for folder in _folders(path):
            folder_key = _folded(folder)
            if self._folders.setdefault(folder_key, folder) != folder:
                raise InvalidRequest(f"the folder {printable(folder, 100)} differs from another only in case")
            if folder_key in self._files:
                raise InvalidRequest(f"{printable(folder, 100)} is a file and a folder")
        if key in self._folders:
            raise InvalidRequest(f"{printable(path, 100)} is a file and a folder")
        self._files.add(key)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def inner_path(name: str) -> str:
    """Return a path inside a folder, with "/" between its parts and without empty parts and "." parts."""
    reason = _why_unsafe(name)
    if reason is not None:
        raise InvalidRequest(f"the path {printable(name, 100)!r} {reason}")
    return "/".join(_parts(name, "/"))


def _parts(name: str, separators: str) -> list[str]:
    return [part for part in re.split(f"[{separators}]", name) if part not in ("", ".")]


def _why_unsafe(name: str) -> str | None:
    parts = _parts(name, r"/\\")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "is absolute"
    if not parts or name.endswith(("/", "\\", "/.", "\\.")):
        return "names no file"
    if not name.isprintable() and any(unicodedata.category(char) in _UNPRINTABLE for char in name):
        return "contains a control character, or bytes that are not UTF-8"
    if os.name == "nt" and ("\\" in name or ":" in name):  # a colon would name a stream of another file
        return "contains a backslash or a colon; use / between folders"
    return next(filter(None, map(_why_unusable, parts)), None)


def _why_unusable(part: str) -> str | None:
    if part == "..":
        return "leaves the folder"
    if part.endswith((".", " ")):
        return "has a part that ends with a dot or a space, which Windows removes"
    if DEVICE.fullmatch(part):
        return "contains the name of a device"
    if _OWN.fullmatch(part):
        return "contains a name that httpconn uses"
    return f"has a part of more than {NAME_BYTES} bytes" if len(part.encode()) > NAME_BYTES else None


def dump_sums(items: Iterable[Item], source: Source) -> Iterator[str]:
    """Yield the lines of a checksum list: as GNU writes them, or with tags if the algorithm is not clear."""
    for number, item in enumerate(items, 1):
        if item.digest is None:
            source.fail(number, f"{item.path} has no digest, which a checksum list needs; write JSON lines instead")
        algorithm, _, value = item.digest.partition(":")
        path = str(item.path)
        mark, name = ("\\", path.replace("\\", "\\\\")) if "\\" in path else ("", path)
        is_plain = not algorithm.startswith("blake")
        yield f"{mark}{value}  {name}\n" if is_plain else f"{mark}{_TAGS[algorithm]} ({name}) = {value}\n"


_TAGS = {"blake2b": "BLAKE2b", "blake3": "BLAKE3"}


def dump_json(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        values = {
            "url": str(item.url),
            "path": item.path,
            "digest": item.digest,
            "size": item.size,
            "headers": None if item.headers is None else dict(item.headers),
            "mirrors": [str(each) for each in item.mirrors] or None,
        }
        yield json.dumps({key: value for key, value in values.items() if value is not None}) + "\n"
