from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.servers.faces import Face
from tests.transport.users import AsyncUser, SyncUser, User


@pytest.fixture
def user(face: Face) -> Iterator[Callable[..., User]]:
    """Makes users with transports of the given options, on sync, asyncio and trio in turn."""
    with ExitStack() as opened:

        async def make(options: dict[str, Any]) -> User:
            return (AsyncUser if face.is_async else SyncUser)(**options)

        def visit(**options: Any) -> User:
            made = face.run(make, options)
            opened.callback(face.run, made.leave)
            return made

        yield visit
