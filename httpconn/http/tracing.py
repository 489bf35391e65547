"""The ``trace`` extension of a request: steps are reported by httpcore's names and with its values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from ..core.messages import Head, RawFields, Request
from ..runtime.runtimes import Runtime

T = TypeVar("T")


class TracedURL(NamedTuple):
    """A URL as httpcore has it."""

    scheme: bytes
    host: bytes
    port: int
    target: bytes


class TracedRequest(NamedTuple):
    """A request as httpcore has it."""

    method: bytes
    url: TracedURL
    headers: RawFields
    extensions: dict[str, Any]


def traced_request(request: Request) -> TracedRequest:
    """Return a request as trace callbacks know it."""
    scheme, host, port = request.origin
    url = TracedURL(scheme.encode("ascii"), host.encode("ascii"), port, request.target)
    method = request.method.encode("ascii", "replace")
    return TracedRequest(method, url, request.fields, {"trace": request.trace, "sni_hostname": request.server_name})


def traced_head(head: Head) -> tuple[bytes, int, bytes, RawFields]:
    """Return the head of an HTTP/1.1 response as trace callbacks know it."""
    return head.version, head.status, head.reason, head.fields


def traced_timeout(end: float) -> float | None:
    """Return the seconds until the end of a step, or None if it has no end."""
    return None if end == math.inf else max(0.0, end - time.monotonic())


async def told(
    runtime: Runtime,
    request: Request,
    event: str,
    info: dict[str, Any],
    step: Coroutine[Any, Any, T],
    show: Callable[[T], object] | None = None,
) -> T:
    """Take a step and report its start, and its result or its failure.

    Args:
        runtime: calls or awaits the callback.
        request: it has the callback.
        event: the name of the step.
        info: what the callback is given at the start.
        step: the step.
        show: makes the ``return_value`` of the result; without it, it is None.
    """
    trace = request.trace
    try:
        await runtime.trace(trace, f"{event}.started", info)
    except BaseException:
        step.close()
        raise
    try:
        result = await step
    except Exception as error:
        await runtime.trace(trace, f"{event}.failed", {"exception": error})
        raise
    await runtime.trace(trace, f"{event}.complete", {"return_value": show and show(result)})
    return result
