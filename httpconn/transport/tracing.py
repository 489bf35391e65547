"""httpx's ``trace`` extension of a request: each step is reported by httpcore's names."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from ..core.messages import Request
from .runtimes import Runtime

T = TypeVar("T")


def traced(runtime: Runtime, request: Request, event: str, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """Return the step, or one that reports it if the request is traced."""
    return step if request.trace is None else told(runtime, request, event, step)


async def told(runtime: Runtime, request: Request, event: str, step: Coroutine[Any, Any, T]) -> T:
    """Take a step and report its start, and its result or its failure."""
    trace = request.trace
    try:
        await runtime.trace(trace, f"{event}.started", {"request": request.as_httpx()})
    except BaseException:
        step.close()
        raise
    try:
        result = await step
    except Exception as error:
        await runtime.trace(trace, f"{event}.failed", {"exception": error})
        raise
    await runtime.trace(trace, f"{event}.complete", {"return_value": result})
    return result
