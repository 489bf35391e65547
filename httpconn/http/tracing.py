"""The ``trace`` extension of requests. Events have the names and values of httpcore."""

import math
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

from ..core.messages import Head, RawFields, Request
from ..runtime.runtimes import Runtime

T = TypeVar("T")


def traced_request(request: Request) -> SimpleNamespace:
    """Return an object with the attributes of httpcore's Request and URL."""
    scheme, host, port = request.origin
    url = SimpleNamespace(scheme=scheme.encode(), host=host.encode(), port=port, target=request.target)
    extensions = {"trace": request.trace, "sni_hostname": request.server_name}
    method = request.method.encode("ascii", "replace")
    return SimpleNamespace(method=method, url=url, headers=request.fields, extensions=extensions)


def traced_head(head: Head) -> tuple[bytes, int, bytes, RawFields]:
    return head.version, head.status, head.reason, head.fields


def traced_timeout(end: float) -> float | None:
    return None if end == math.inf else max(0.0, end - time.monotonic())


async def trace_step(
    runtime: Runtime,
    request: Request,
    event: str,
    info: dict[str, Any],
    step: Coroutine[Any, Any, T],
    to_value: Callable[[T], object] | None = None,
) -> T:
    """Run a step, and report its start and its result or failure to the trace callback, if there is one."""
    trace = request.trace
    if trace is None:
        return await step
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
    await runtime.trace(trace, f"{event}.complete", {"return_value": to_value and to_value(result)})
    return result
