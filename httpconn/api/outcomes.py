"""The results of get_many and download_many."""

from __future__ import annotations

import os
from dataclasses import dataclass

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
    """

    url: URL
    index: int
    content: bytes | None = None
    error: HTTPConnError | None = None

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
