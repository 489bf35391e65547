"""Parts of a file: each is a logical request, with its retries and redirects."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from ..core.filereads import Changed, Empty, FileVersion, Part, PartRequest, Refused, Whole, decide
from ..errors import FileChanged, LimitExceeded, ProtocolError, RangesRefused, TruncatedBody
from ..options import MIB
from ..ports.base import Port
from .attempts import perform
from .content import read_whole
from .requeststate import Call, OpenResponse
from .responseheads import keep_own_format, range_head, validator_of

MOST_WHOLE = 8 * MIB
"""Bytes of a file that is held in memory as a whole where its server gives no parts."""


class Fetched(NamedTuple):
    """A part, or all of a file."""

    version: FileVersion
    content: bytes


async def fetch_part(port: Port, call: Call, wanted: PartRequest) -> Fetched:
    """A part of the version that is wanted, or of any if none is; in that case it may be the whole.

    Raises:
        FileChanged: there is another version now.
        RangesRefused: the server gives no parts.
        LimitExceeded: all parts together are more than the call allows.
    """
    most = wanted.last - wanted.first + 1
    if wanted.version is None:
        most = max(most, MOST_WHOLE)
    if call.max_bytes is not None:
        most = min(most, call.max_bytes)
    asked = call._replace(spec=call.spec.with_fields(wanted.fields), max_bytes=most)
    return await perform(port, asked, partial(_take, wanted, call.max_bytes))


async def _take(wanted: PartRequest, most: int | None, answer: OpenResponse) -> Fetched:
    keep_own_format(answer)
    match decide(wanted, range_head(answer, range_requested=True)):
        case Part(length, total):
            if most is not None and total > most:
                raise LimitExceeded(f"The file has {total} bytes; {most} are allowed")
            content = await _content(answer)
            if len(content) != length:
                raise TruncatedBody("The part ended before its declared end")
            return Fetched(_version(answer, total), content)
        case Whole():
            content = await _small(answer)
            return Fetched(_version(answer, len(content)), content)
        case Empty():
            await answer.close()
            return Fetched(_version(answer, 0), b"")
        case Changed(reason):
            raise FileChanged(f"The file has changed while it was read: {reason}")
        case Refused(reason):
            raise RangesRefused(f"The file cannot be read in parts: {reason}")
    answer.require_content()
    raise ProtocolError("The server's answer is of no use")


async def _content(answer: OpenResponse) -> bytes:
    return (await read_whole(answer))[1]


async def _small(answer: OpenResponse) -> bytes:
    """All of a file that comes as a whole."""
    try:
        return await _content(answer)
    except LimitExceeded as error:
        raise RangesRefused("The server gives no parts, and the file is too large to be held whole") from error


def _version(answer: OpenResponse, total: int) -> FileVersion:
    head = answer.head
    etag, modified = head.field("etag"), head.field("last-modified")
    return FileVersion(total, etag, modified, validator_of(head))
