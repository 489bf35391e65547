"""What a spawned process imports."""

from __future__ import annotations

from multiprocessing.connection import Connection

import httpconn


def fetch(connection: httpconn.HTTPConnection, url: str, answers: Connection) -> None:
    with connection:
        answers.send(connection.get_bytes(url))


def hook(message: object) -> None:
    """Does nothing."""
