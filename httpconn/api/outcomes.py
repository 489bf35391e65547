"""What each of many URLs came to."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..core.urls import URL
from ..downloads.downloaded import Downloaded
from ..errors import HTTPConnError


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one of the URLs of ``get_many`` came to: a body, or an error.

    Attributes:
        url: the URL, as it was given.
        index: its place among the URLs, from 0 on.
        content: the decoded body; None where there is an error.
        error: why there is none, or None.
    """

    url: URL
    index: int
    content: bytes | None = None
    error: HTTPConnError | None = None

    def result(self) -> bytes:
        """The body; raises the error where there is one."""
        if self.content is None:
            raise self.error or ValueError("Neither a body nor an error")
        return self.content


@dataclass(frozen=True, slots=True)
class Saved:
    """What one of the items of ``download_many`` came to: a file, or an error.

    Attributes:
        url: the URL, as it was given.
        path: where to, as it was given.
        index: the place among the items, from 0 on.
        downloaded: the file; None where there is an error.
        error: why there is none, or None.
    """

    url: URL
    path: str | os.PathLike[str]
    index: int
    downloaded: Downloaded | None = None
    error: HTTPConnError | None = None

    def result(self) -> Downloaded:
        """The file; raises the error where there is one."""
        if self.downloaded is None:
            raise self.error or ValueError("Neither a file nor an error")
        return self.downloaded
