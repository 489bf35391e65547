"""Headers of answers, as far as they decide how a file or a body goes on."""

from __future__ import annotations

from ..core import ranges
from ..core.filecodings import is_own_format
from ..core.filenames import safe_name
from ..core.messages import Head
from .body import expected_length
from .requeststate import OpenResponse


def range_head(answer: OpenResponse, *, range_requested: bool) -> ranges.RangeResponse:
    """What :func:`httpconn.core.ranges.decide` judges; ``range_requested``: the request had a Range."""
    head = answer.head
    return ranges.RangeResponse(
        head.status,
        range_requested,
        head.field("content-range"),
        expected_length(head),
        head.field("etag"),
        head.field("last-modified"),
        answer.body.is_encoded,
    )


def validator_of(head: Head) -> str | None:
    """What If-Range may name of the version that an answer holds."""
    return ranges.validator(head.field("etag"), head.field("last-modified"), head.field("date"))


def keep_own_format(answer: OpenResponse, *names: str) -> None:
    """Have a file received as it is sent where its content coding is the file's own format.

    Args:
        answer: its body is not begun.
        names: what the file is called, besides what its server and its URLs call it.
    """
    coding = answer.head.field("content-encoding")
    if coding is not None:
        disposition = answer.head.field("content-disposition")
        known = safe_name(disposition, answer.url), safe_name(None, answer.url), safe_name(None, answer.call.spec.url)
        if is_own_format(coding, (*known, *names)):
            answer.body.keep_coding()
