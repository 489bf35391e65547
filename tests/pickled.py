"""What a spawned process imports."""

from __future__ import annotations

from multiprocessing.connection import Connection

import httpconn


class Tenant(httpconn.HTTPConnection):
    """A connection with something of its own."""

    def __init__(self, team: str) -> None:
        super().__init__(headers={"X-Team": team})
        self.team = team


def fetch(connection: httpconn.HTTPConnection, url: str, responses: Connection) -> None:
    with connection:
        responses.send(connection.get_bytes(url))


def hook(message: object) -> None:
    """Does nothing."""
