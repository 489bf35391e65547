"""Requests for the metadata and the parts of a remote file.

Each part is a logical request with its own retries and redirects.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..core.filereads import FileVersion, PartRequest, decide
from ..core.metadata import Metadata, metadata_of
from ..core.ranges import Changed, Complete, Continue, Refuse, RequestPlainRange, RequestWhole, Whole
from ..errors import Disconnected, FileChanged, LimitExceeded, ProtocolError, RangesRefused, TruncatedBody
from ..options import MIB
from ..runtime.port import Port
from .attempts import perform, run_attempts
from .body import expected_length
from .content import read_whole
from .requeststate import OpenResponse, RequestState
from .responseheads import keep_own_format, range_head, version_of
from .rules import Call

MAX_WHOLE = 8 * MIB  # maximum bytes of a file that is kept in memory if its server does not support ranges

# Statuses of HEAD that are not those of a GET. S3 and GCS respond 403 or 400, because a signature includes the method.
# Programs that have a route for GET only respond 404, 405 or 501.
HEAD_REJECTED = frozenset({400, 403, 404, 405, 501})


class FilePart(NamedTuple):
    """A part of a file, or the whole file, and the version that further requests name."""

    version: FileVersion
    content: bytes


async def fetch_part(port: Port, call: Call, wanted: PartRequest) -> FilePart:
    """Fetch a part of a file, or the whole file if the server ignores ranges or sends unusable responses to them."""
    limit = max(wanted.length or 0, MAX_WHOLE)
    if call.max_bytes is not None:
        limit = min(limit, call.max_bytes)
    part_call = replace(call, spec=call.spec.with_fields(wanted.fields), max_bytes=limit)
    found: FilePart | PartRequest = await perform(port, part_call, partial(_read, wanted, call.max_bytes))
    return found if isinstance(found, FilePart) else await fetch_part(port, call, found)


async def _read(wanted: PartRequest, max_bytes: int | None, response: OpenResponse) -> FilePart | PartRequest:
    """Return the part, or the request to send instead."""
    keep_own_format(response)
    whole = wanted._replace(first=0, last=None)
    match decide(wanted, range_head(response, range_requested=wanted.last is not None)):
        case Continue(_, length, total):
            if max_bytes is not None and total > max_bytes:
                raise LimitExceeded(f"The file has {total} bytes; {max_bytes} are allowed", "size", max_bytes, total)
            content = await _read_content(response)
            if len(content) != length:
                raise TruncatedBody("The part ended before its declared end")
            return FilePart(wanted.version or version_of(response.head, total), content)
        case Whole():
            content = await _read_content(response)
            if wanted.version is None and len(content) == wanted.length:
                return whole  # some servers send the requested part with the status of a whole file
            if wanted.version is not None and len(content) != wanted.version.total:
                raise FileChanged("The file has changed while it was read: it has another size now")
            return FilePart(wanted.version or version_of(response.head, len(content)), content)
        case Complete(total):
            await response.close()
            return FilePart(version_of(response.head, total), b"")
        case RequestPlainRange():
            await response.close()
            version = wanted.version and wanted.version._replace(validator=None)
            return wanted._replace(version=version)
        case RequestWhole():
            await response.close()
            return whole
        case Changed(reason):
            raise FileChanged(f"The file has changed while it was read: {reason}")
        case Refuse(reason):
            raise RangesRefused(reason)
    response.require_content()
    raise ProtocolError(f"The response does not contain the requested part: status {response.head.status}")


async def _read_content(response: OpenResponse) -> bytes:
    try:
        _, content = await read_whole(response)
        return content
    except LimitExceeded as error:
        raise RangesRefused(
            "The server does not support ranges, and the file is too large to keep it in memory as a whole"
        ) from error


async def fetch_metadata(port: Port, call: Call) -> Metadata:
    """Return the metadata of a file. HEAD and GET share the deadline of the call."""
    state = RequestState.of(replace(call, spec=replace(call.spec, method="HEAD")), port.now())
    try:
        metadata = await run_attempts(port, state, partial(_examine, HEAD_REJECTED))
    except (Disconnected, ProtocolError):  # some servers fail at HEAD
        metadata = None
    if metadata is None:
        state.call, state.failures = call, 0
        metadata = await run_attempts(port, state, partial(_examine, ()))
    assert metadata is not None  # noqa: S101 - without rejected statuses, a status raises an error
    return metadata


async def _examine(rejected: Collection[int], response: OpenResponse) -> Metadata | None:
    """Close a response, and return its metadata, or None if its status is rejected."""
    await response.close()
    if response.head.status in rejected:
        return None
    response.require_content()
    keep_own_format(response)
    return metadata_of(
        response.head,
        [hop.head for hop in response.history],
        url=response.url,
        requested=response.call.spec.url,
        size=expected_length(response.head),
        is_encoded=response.body.is_encoded,
    )
