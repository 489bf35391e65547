"""The manifest of a collection of files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import BinaryIO, overload

from ..core import manifests
from ..core.items import Item
from ..core.manifests import Numbered, Source
from ..core.paths import checked_path
from ..core.urls import URL
from ..errors import InvalidRequest, StorageError


class Manifest(Sequence[Item]):
    """The files of a collection: a checked sequence of :class:`Item`, each with a path inside the collection's folder.

    ::

        manifest = httpconn.Manifest.read("SHA256SUMS", base_url="https://example.com/models/")
        connection.download_all(manifest, "models")

    A path that is absolute, contains ``..``, a control character or the name of a device, or appears twice is an error.
    So are two paths that differ only in the case of letters.

    Args:
        items: the files. An item without a path gets the last part of its URL.
        name: name of the manifest in error messages.

    Raises:
        InvalidRequest: an item is not valid. The message names the manifest and the number of the item, from 1.
    """

    def __init__(self, items: Iterable[Item], *, name: str = "manifest") -> None:
        if not isinstance(items, Iterable) or not isinstance(name, str):
            raise InvalidRequest("A manifest consists of Item objects, and its name is a str")
        self._set(map(_checked, enumerate(items, 1)), None, Source(name, "item"))

    def _set(self, given: Iterable[Numbered], base_url: URL | None, source: Source) -> None:
        self._source = source
        self._numbers: list[int] = []
        self._items: list[Item] = []
        for number, item in manifests.items_of(given, base_url, source):
            self._numbers.append(number)
            self._items.append(item)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, base_url: URL | None = None) -> Manifest:
        """Read a manifest from a file.

        Args:
            path: path of a checksum list as sha256sum and similar programs write it (sha1, sha256, sha384, sha512, md5,
                BLAKE2b, BLAKE3; in the form of GNU or BSD), of JSON lines with the attributes of :class:`Item`, or of
                an index such as ``model.safetensors.index.json``. The content determines the format.
            base_url: URL of the folder that the files are in, for files without a URL of their own.

        Raises:
            InvalidRequest: the content is not valid. The message names the file and the line.
            StorageError: the file cannot be read.
        """
        try:
            with checked_path(path, "a manifest").open("rb") as file:
                return cls._parse(file, base_url, os.fspath(path))
        except OSError as error:
            raise StorageError(f"Cannot read the manifest {path}: {error.strerror}", errno=error.errno) from error

    @classmethod
    def parse(cls, content: bytes | str, *, base_url: URL | None = None, name: str = "manifest") -> Manifest:
        """Read a manifest from its content. See :meth:`read`.

        Args:
            content: the content.
            base_url: see :meth:`read`.
            name: name of the manifest, for error messages. A list of BLAKE digests is recognized by a name such as
                B2SUMS.

        Raises:
            InvalidRequest: the content is not valid. The message names the line.
        """
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        if not isinstance(data, bytes) or not isinstance(name, str):
            raise InvalidRequest("A manifest consists of bytes or text, and its name is a str")
        return cls._parse(io.BytesIO(data), base_url, name)

    @classmethod
    def _parse(cls, file: BinaryIO, base_url: URL | None, name: str) -> Manifest:
        manifest, source = cls.__new__(cls), Source(name)
        _require_count(file, source)
        text = _text_of(file)
        lines = iter(partial(text.readline, manifests.MAX_LINE + 1), "")
        try:
            manifest._set(manifests.parse(lines, source), base_url, source)
        except UnicodeDecodeError as error:  # in UTF-16 only
            raise InvalidRequest(
                f"{name} begins with the byte order mark of UTF-16 but is not valid UTF-16: {error.reason}"
            ) from error
        finally:
            text.detach()  # the caller closes the file
        return manifest

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the manifest to a file: as JSON lines if the name ends in .jsonl, otherwise as a checksum list.

        A checksum list has no URLs. Its readers need ``base_url``.

        Raises:
            InvalidRequest: a file has no digest, which a checksum list needs.
            StorageError: the file cannot be written.
        """
        file = checked_path(path, "a manifest")
        as_json = file.name.endswith(".jsonl")
        lines = manifests.dump_json(self) if as_json else manifests.dump_sums(self, self._source)
        text = "".join(lines)
        try:
            file.write_text(text, "utf-8", newline="\n")
        except OSError as error:
            raise StorageError(f"Cannot write the manifest {path}: {error.strerror}", errno=error.errno) from error

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Manifest({self._source.name!r}, {len(self)} files)"

    def where(self, index: int) -> str:
        """Return the origin of a file for error messages, such as ``SHA256SUMS line 3``."""
        return self._source.where(self._numbers[index])


def _checked(numbered: Numbered) -> Numbered:
    if not isinstance(numbered[1], Item):
        raise InvalidRequest(f"A manifest consists of Item objects, not of {type(numbered[1]).__name__}")
    return numbered


def _require_count(file: BinaryIO, source: Source) -> None:
    """Count the lines first, which takes a fraction of the time and memory of parsing them."""
    count = 0
    while block := file.read(1 << 20):
        count += block.count(b"\n")
        if count > manifests.MAX_FILES:
            source.fail(manifests.MAX_FILES + 1, f"a manifest has at most {manifests.MAX_FILES:,} lines; split it")
    file.seek(0)


def _text_of(file: BinaryIO) -> io.TextIOWrapper:
    """Return a file as text: UTF-8 or, with a byte order mark, UTF-16, as PowerShell writes it."""
    start = file.read(2)
    file.seek(0)
    encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return io.TextIOWrapper(file, encoding, "surrogateescape", newline="\n")
