"""A filesystem for fsspec, with which pandas, pyarrow, dask and other libraries read remote files.

The extra ``fsspec`` registers the filesystem for ``httpconn+https://`` and ``httpconn+http://`` URLs.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, ClassVar

import httpconn

from .api.opening import BLOCK_SIZE
from .api.remotefile import RemoteFile
from .errors import InvalidRequest, StatusError

if TYPE_CHECKING:

    class AbstractFileSystem:
        """The base class of fsspec, which has no type annotations."""

        def __init__(self, **options: Any) -> None: ...

else:
    from fsspec.spec import AbstractFileSystem

_PREFIX = "httpconn+"
_MISSING = frozenset({404, 410})


class HTTPConnFileSystem(AbstractFileSystem):
    """A read-only filesystem of single files. HTTP has no folders.

    Args:
        connection: the connection object that opens the files with :meth:`httpconn.HTTPConnection.open`. Its access
            policy, certificates and limits apply. In ``storage_options``, give ``{"connection": connection}``. The
            default is ``httpconn.global_http_connection``.

    Raises:
        FileNotFoundError: the server responded 404 or 410.
        HTTPConnError: see :mod:`httpconn.errors`.
    """

    protocol: ClassVar[tuple[str, ...]] = ("httpconn+https", "httpconn+http")
    cachable: ClassVar[bool] = False  # a cached filesystem would keep its connection open

    def __init__(self, connection: httpconn.HTTPConnection | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(connection, httpconn.HTTPConnection | None):
            raise InvalidRequest("connection must be an HTTPConnection")
        self._connection = connection

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return the URL, which is the path inside the filesystem. All its slashes are significant."""
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return os.fspath(path).removeprefix(_PREFIX)

    def unstrip_protocol(self, name: str) -> str:
        """Return the path with the protocol of this filesystem."""
        return f"{_PREFIX}{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        """Return the URL up to the last slash before the query."""
        return str(cls._strip_protocol(path)).partition("?")[0].rstrip("/").rpartition("/")[0]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Return the name, size and version of a file. This takes one request for its first byte."""
        with self._remote(path, block_size=1) as file:
            info = {"name": self._strip_protocol(path), "size": file.size, "type": "file"}
            return {**info, "ETag": file.etag, "Last-Modified": file.last_modified}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """Return a list with the file only."""
        info = self.info(path, **options)
        return [info] if detail else [info["name"]]

    def isdir(self, path: str) -> bool:
        """Return False. HTTP has no folders."""
        return False

    def ukey(self, path: str) -> str:
        """Return a string that identifies this version of the file."""
        info = self.info(path)
        return str((info["name"], info["size"], info["ETag"], info["Last-Modified"]))

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **_options: Any) -> RemoteFile:
        if mode != "rb":
            raise InvalidRequest(f"A remote file is read-only and does not support the mode {mode!r}")
        return self._remote(path, block_size or BLOCK_SIZE)

    def _remote(self, path: str, block_size: int) -> RemoteFile:
        connection = httpconn.global_http_connection if self._connection is None else self._connection
        try:
            return connection.open(self._strip_protocol(path), block_size=block_size)
        except StatusError as error:
            if error.status_code in _MISSING:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), error.url) from error
            raise
