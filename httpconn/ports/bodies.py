"""Where the bytes of an answer come from."""

from __future__ import annotations

from typing import Any

import httpx


def source(response: httpx.Response) -> Any:
    """The stream of an answer; for both faces.

    A response hook may have read the body, by httpx's own rules and without a bound. What it got is then what there
    is, and it is decoded already.
    """
    if not response.is_stream_consumed:
        return response.stream
    content = response.content
    for name in ("content-encoding", "transfer-encoding"):
        response.headers.pop(name, None)
    response.headers["content-length"] = str(len(content))
    return httpx.ByteStream(content)
