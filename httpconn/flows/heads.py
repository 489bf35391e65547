"""Headers of answers, as far as they decide how a file or a body goes on."""

from __future__ import annotations

import httpx

from ..core import ranges
from ..lazy import field
from .body import declared


def head_of(response: httpx.Response, *, asked: bool) -> ranges.Head:
    """What :func:`httpconn.core.ranges.decide` judges; ``asked``: the request had a Range."""
    return ranges.Head(
        response.status_code,
        asked,
        field(response, "content-range"),
        declared(response),
        field(response, "etag"),
        field(response, "last-modified"),
        is_encoded(response),
    )


def validator_of(response: httpx.Response) -> str | None:
    """What If-Range may name of the version that an answer holds."""
    return ranges.validator(field(response, "etag"), field(response, "last-modified"), field(response, "date"))


def is_encoded(response: httpx.Response) -> bool:
    """Whether the bytes on the wire are not those of the file."""
    return (field(response, "content-encoding") or "identity").strip().lower() != "identity"
