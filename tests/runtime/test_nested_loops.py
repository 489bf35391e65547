"""Calls in trio while a loop of asyncio runs in the same thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trio

import httpconn
from tests.servers.files import Served
from tests.servers.scripted import ScriptedServer

BODY = bytes(100_000)


@pytest.fixture
def use(tmp_path):
    async def use_both(name: str) -> None:
        async with httpconn.HTTPConnection(retries=0) as connection:
            assert await connection.async_get_bytes(server.url) == BODY
            assert await connection.async_download(server.url, tmp_path / name)

    with ScriptedServer(Served(BODY)) as server:
        yield use_both
    assert {path.name: path.stat().st_size for path in Path(tmp_path).iterdir()} == {"one": len(BODY), "two": len(BODY)}


def test_trio_in_a_task_of_asyncio(use):
    async def main() -> None:
        await use("one")
        trio.run(use, "two")

    asyncio.run(main())


def test_trio_in_guest_mode(use):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        trio.lowlevel.start_guest_run(
            use,
            "one",
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda outcome: loop.call_soon_threadsafe(ended.set_result, outcome),
        )
        await use("two")
        (await ended).unwrap()

    asyncio.run(main())
