"""The item of a call with many URLs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .urls import URL


@dataclass(frozen=True, slots=True)
class Item:
    """A URL with its own options, for calls with many URLs. An invalid value fails this item only.

    Attributes:
        url: an http or https URL.
        path: path of the file. ``get_many`` ignores it. ``download_all`` requires a path inside the folder; without a
            path, it uses the last part of the URL.
        digest: expected digest of the content, such as ``sha256:HEX``.
        size: expected size of the content in bytes.
        headers: header fields for this URL, in addition to those of the call. Mirrors on other origins and redirects to
            other origins do not get them.
        mirrors: further URLs of the same content. If a URL fails, the next one is used. Needs ``digest``.
    """

    url: URL
    path: str | os.PathLike[str] | None = None
    digest: str | None = None
    size: int | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    mirrors: Sequence[URL] = ()
