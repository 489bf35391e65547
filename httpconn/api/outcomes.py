"""The results of get_many, download_many and download_all."""

import os
from dataclasses import dataclass, field
from typing import Self

import httpx

from ..core.messages import RawFields
from ..core.urls import URL
from ..downloads.downloaded import Downloaded
from ..errors import HTTPConnError


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of ``get_many`` for one URL: a body or an error.

    Attributes:
        url: the URL as the caller gave it.
        index: position of the URL in the iterable, from 0.
        content: the decoded body, or None if there is an error.
        error: the error, or None if there is a body.
        status_code: the status of the response. None if there is an error or the body comes from a cache.
        moved_to: the URL after redirects, without secrets. None if there was no redirect.
        attempts: the number of attempts.
        elapsed: seconds from the start of the call to its end.
    """

    url: URL
    index: int
    content: bytes | None = None
    error: HTTPConnError | None = None
    status_code: int | None = field(default=None, compare=False)
    moved_to: str | None = field(default=None, compare=False)
    attempts: int = field(default=0, compare=False)
    elapsed: float = field(default=0.0, compare=False)
    _fields: RawFields | None = field(default=None, compare=False, repr=False)

    @property
    def headers(self) -> httpx.Headers:
        """The header of the response. It is empty if there is an error or the body comes from a cache."""
        return httpx.Headers(self._fields)

    def result(self) -> bytes:
        """Return the body, or raise the error."""
        if self.content is None:
            raise self.error or ValueError("This Fetched has neither a body nor an error")
        return self.content


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of ``download_many`` for one item: a file or an error.

    Attributes:
        url: the URL as the caller gave it.
        path: the path as the caller gave it.
        index: position of the item in the iterable, from 0.
        downloaded: the file, or None if there is an error.
        error: the error, or None if there is a file.
    """

    url: URL
    path: str | os.PathLike[str]
    index: int
    downloaded: Downloaded | None = None
    error: HTTPConnError | None = None

    def result(self) -> Downloaded:
        """Return the file, or raise the error."""
        if self.downloaded is None:
            raise self.error or ValueError("This Saved has neither a file nor an error")
        return self.downloaded


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """The result of ``download_all``.

    Attributes:
        files: the result of each file, in the order of the manifest.
    """

    files: tuple[Saved, ...]

    @property
    def downloaded(self) -> tuple[Saved, ...]:
        """The files that were downloaded."""
        return tuple(each for each in self.files if each.downloaded is not None and not each.downloaded.unmodified)

    @property
    def unmodified(self) -> tuple[Saved, ...]:
        """The files that were complete before."""
        return tuple(each for each in self.files if each.downloaded is not None and each.downloaded.unmodified)

    @property
    def failed(self) -> tuple[Saved, ...]:
        """The files that failed. The folder may have earlier versions of them."""
        return tuple(each for each in self.files if each.error is not None)

    def raise_for_failed(self) -> Self:
        """Raise the error of the first file that failed, or return this result."""
        for each in self.failed:
            each.result()
        return self
