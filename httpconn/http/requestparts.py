"""The parts of a request body on their way to a connection."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..runtime.runtimes import Runtime

REFUSED = 300
"""The lowest status after which a server wants no more of a body. Before a success, it may still need the body."""


async def send_parts(
    runtime: Runtime, parts: Any, end: float, send: Callable[[bytes | memoryview], Awaitable[bool]]
) -> bool:
    """Send the parts of a body until ``send`` returns False, and return whether all were sent."""
    try:
        while (part := await runtime.next_part(parts, end)) is not None:
            if not await send(part):
                return False
        return True
    finally:
        await runtime.end_parts(parts)
