"""The flow that gets the metadata of a file: HEAD, or a GET whose body is not read."""

from collections.abc import Collection
from functools import partial

from ..core.metadata import Metadata, metadata_of
from ..errors import Disconnected, ProtocolError
from ..runtime.port import Port
from .attempts import run_attempts
from .body import expected_length
from .requeststate import OpenResponse, RequestState
from .responseheads import keep_own_format
from .rules import Call

# Statuses of HEAD that are not those of a GET. S3 and GCS respond 403 or 400, because a signature includes the method.
# Programs that have a route for GET only respond 404, 405 or 501.
HEAD_REJECTED = frozenset({400, 403, 404, 405, 501})


async def fetch_metadata(port: Port, call: Call) -> Metadata:
    """Return the metadata of a file. HEAD and GET share the deadline of the call."""
    state = RequestState.of(call._replace(spec=call.spec._replace(method="HEAD")), port.now())
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
