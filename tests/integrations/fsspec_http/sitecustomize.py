"""Maps the protocols http and https of fsspec to httpconn, in each process that fsspec's own tests start.

The environment variable ``TESTED_SOURCE`` names the folder ``fsspec`` of a source distribution with tests.
"""

import os

import fsspec

from httpconn.filesystem import HTTPConnFileSystem


class NoSession:
    """The session of aiohttp that the tests open and close. httpconn has none."""

    async def close(self):
        """Do nothing."""


class MappedFileSystem(HTTPConnFileSystem):
    """The filesystem with the protocols and the sessions of fsspec's own one."""

    protocol = ("http", "https")
    _session = NoSession()

    async def set_session(self):
        """Return the session."""
        return self._session


for protocol in MappedFileSystem.protocol:
    fsspec.register_implementation(protocol, MappedFileSystem, clobber=True)
fsspec.__path__.append(os.environ["TESTED_SOURCE"])
