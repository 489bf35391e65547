"""A deadline for several calls."""

from __future__ import annotations

import anyio
import pytest

import httpconn
from tests.servers.scripted import ScriptedServer, Stall, response


def test_calls_in_the_block_share_its_time(face, connect, scripted):
    server = scripted([Stall()])
    connection = connect(retries=0)
    with pytest.raises(httpconn.DeadlineExceeded) as caught, httpconn.deadline(0.2):
        face.get_bytes(connection, server.url, timeout=60)
    assert caught.value.elapsed < 30


def test_the_earliest_of_timeouts_and_blocks_applies(face, connect, scripted):
    server = scripted([Stall()])
    connection = connect(retries=0)
    with httpconn.deadline(60), pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, server.url, timeout=0.1)
    with httpconn.deadline(0.1), httpconn.deadline(60), pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, server.url)


def test_a_deadline_ends_the_backoff(face, connect, scripted):
    server = scripted(response(503, {"Retry-After": "100"}))
    with httpconn.deadline(60), pytest.raises(httpconn.StatusError) as caught:
        face.get_bytes(connect(retries=3), server.url)
    assert caught.value.attempts == 1


def test_after_the_block_calls_have_their_own_timeout(face, connect, scripted):
    stalled, server = scripted([Stall()]), scripted(response(body=b"ok"))
    connection = connect(retries=0)
    with httpconn.deadline(0.1), pytest.raises(httpconn.DeadlineExceeded):
        face.get_bytes(connection, stalled.url)
    assert face.get_bytes(connection, server.url) == b"ok"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_started_in_the_block_inherit_it(backend):
    async def main():
        async with httpconn.HTTPConnection(retries=0) as connection:
            with httpconn.deadline(0.2):
                async with anyio.create_task_group() as tasks:
                    for _ in range(3):
                        tasks.start_soon(expect_the_end, connection)

    async def expect_the_end(connection):
        with pytest.raises(httpconn.DeadlineExceeded):
            await connection.async_get_bytes(server.url)

    with ScriptedServer([Stall()]) as server:
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5", True, None])
def test_a_deadline_needs_a_number_of_seconds(seconds):
    with pytest.raises(httpconn.InvalidRequest), httpconn.deadline(seconds):
        pass
