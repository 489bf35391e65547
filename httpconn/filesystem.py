"""A filesystem for fsspec, so that pandas, pyarrow, dask and others read remote files by httpconn.

It needs the extra ``fsspec``, which registers it for ``httpconn+https://`` and ``httpconn+http://``.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, ClassVar

import httpconn

from .api.remotefile import BLOCK_SIZE, RemoteFile
from .errors import InvalidRequest, StatusError

if TYPE_CHECKING:

    class AbstractFileSystem:
        """fsspec's, which has no types."""

        def __init__(self, **options: Any) -> None: ...

else:
    from fsspec.spec import AbstractFileSystem

_PREFIX = "httpconn+"
_MISSING = frozenset({404, 410})


class HTTPConnFileSystem(AbstractFileSystem):
    """Single files, read-only: HTTP has no folders. Files are those of :meth:`httpconn.HTTPConnection.open`.

    Args:
        connection: reads the files, by its access policy, certificates and limits; in ``storage_options`` as
            ``{"connection": connection}``. By default ``httpconn.global_http_connection``.

    Raises:
        FileNotFoundError: the server has no such file (404, 410); what fsspec asks of a filesystem.
        HTTPConnError: see :mod:`httpconn.errors`.
    """

    protocol: ClassVar[tuple[str, ...]] = ("httpconn+https", "httpconn+http")
    cachable: ClassVar[bool] = False  # what is kept would keep its connection open

    def __init__(self, connection: httpconn.HTTPConnection | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(connection, httpconn.HTTPConnection | None):
            raise InvalidRequest("connection must be an HTTPConnection")
        self._connection = connection

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Inside of the filesystem a path is the URL itself, whose slashes all count."""
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return os.fspath(path).removeprefix(_PREFIX)

    def unstrip_protocol(self, name: str) -> str:
        """The path as fsspec takes it elsewhere."""
        return f"{_PREFIX}{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        """Up to the last slash before the query."""
        return str(cls._strip_protocol(path)).partition("?")[0].rstrip("/").rpartition("/")[0]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Name, size and version; it costs one request, for the first bytes."""
        with self._remote(path, block_size=1) as file:
            told = {"name": self._strip_protocol(path), "size": file.size, "type": "file"}
            return {**told, "ETag": file.etag, "Last-Modified": file.last_modified}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """The file alone."""
        found = self.info(path, **options)
        return [found] if detail else [found["name"]]

    def isdir(self, path: str) -> bool:
        """False: HTTP has no folders."""
        return False

    def ukey(self, path: str) -> str:
        """What differs between versions of a file."""
        found = self.info(path)
        return str((found["name"], found["size"], found["ETag"], found["Last-Modified"]))

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **_options: Any) -> RemoteFile:
        if mode != "rb":
            raise InvalidRequest(f"A remote file can only be read, not opened in the mode {mode!r}")
        return self._remote(path, block_size or BLOCK_SIZE)

    def _remote(self, path: str, block_size: int) -> RemoteFile:
        connection = httpconn.global_http_connection if self._connection is None else self._connection
        try:
            return connection.open(self._strip_protocol(path), block_size=block_size)
        except StatusError as error:
            if error.status_code in _MISSING:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), error.url) from error
            raise
