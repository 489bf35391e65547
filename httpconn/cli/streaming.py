"""A file that goes to standard output: nothing is resumed, and a wrong digest is only known at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..connection import HTTPConnection
from ..core import digests
from ..errors import IntegrityError
from .output import opened


def stream(connection: HTTPConnection, url: str, digest: str | None, call: Mapping[str, Any]) -> None:
    """Write a file to standard output.

    Raises:
        IntegrityError: the file has another digest.
    """
    expected = None if digest is None else digests.parse(digest)
    actual = None if expected is None else digests.hasher(expected.algorithm)
    headers = {"Accept-Encoding": "identity", **call["extra_headers"]}
    with (
        opened(None) as out,
        connection.get_response(url, stream=True, **{**call, "extra_headers": headers}) as response,
    ):
        response.raise_for_status()
        for block in response.iter_bytes():
            if actual is not None:
                actual.update(block)
            out(block)
    if expected is not None and actual is not None and actual.hexdigest() != expected.value:
        found = f"{expected.algorithm}:{actual.hexdigest()}"
        raise IntegrityError(
            f"The file has the digest {found}; {expected} was expected", expected=str(expected), actual=found
        )
