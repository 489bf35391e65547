"""One test body runs on sync, asyncio and trio with the same meaning."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import wait

import anyio
import anyio.lowlevel
import httpx
import pytest
import trio

from tests.servers.faces import open_face
from tests.servers.scripted import ScriptedServer, response


class Pair:
    """An object with synchronous and asynchronous methods, as the library has them."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def get_bytes(self, url: str, *, timeout: float | None = None) -> bytes:
        self.calls.append("sync")
        return f"{url} {timeout}".encode()

    async def async_get_bytes(self, url: str, *, timeout: float | None = None) -> bytes:
        await anyio.lowlevel.checkpoint()
        self.calls.append("trio" if trio.lowlevel.in_trio_run() else "asyncio")
        return f"{url} {timeout}".encode()

    def get_json(self, url: str) -> None:
        raise LookupError(url)

    async def async_get_json(self, url: str) -> None:
        raise LookupError(url)

    def iter_bytes(self) -> Iterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            self.close()

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            await self.aclose()

    def close(self) -> None:
        self.calls.append("closed")

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.calls.append("closed")

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Pair:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class TestFaces:
    def test_a_call_reaches_the_method_of_the_face(self, face):
        pair = Pair()
        assert face.get_bytes(pair, "u", timeout=2) == b"u 2"
        assert pair.calls == [face.name]

    def test_exceptions_come_through_unchanged(self, face):
        with pytest.raises(LookupError, match=r"^u$"):
            face.get_json(Pair(), "u")

    def test_all_calls_share_one_event_loop(self, face):
        client = httpx.AsyncClient() if face.is_async else httpx.Client()
        with ScriptedServer(response(body=b"ok")) as server, face.enter(client):
            for _ in range(3):
                assert (face.run(client.get, server.url) if face.is_async else client.get(server.url)).content == b"ok"
            assert server.connections == 1

    def test_started_calls_run_beside_the_test(self, face):
        pair = Pair()
        started = [face.start(pair, "get_bytes", str(n)) for n in range(20)]
        assert not wait(started, 5).not_done
        assert [each.result() for each in started] == [b"%d None" % n for n in range(20)]

    def test_an_iteration_may_be_abandoned(self, face):
        pair = Pair()
        items = face.iter_bytes(pair)
        assert next(items) == b"1"
        items.close()
        assert pair.calls == ["closed"]
        assert list(face.iter_bytes(pair)) == [b"1", b"2"]

    def test_enter_and_close(self, face):
        pair = Pair()
        with face.enter(pair) as entered:
            assert entered is pair
        face.close(pair)
        assert pair.calls == ["closed", "closed"]

    def test_a_coroutine_is_run_to_its_end(self, face):
        async def double(number: int) -> int:
            return number * 2

        assert face.run(double, 4) == 8

    @pytest.mark.parametrize("name", ["asyncio", "trio"])
    def test_unfinished_calls_do_not_delay_the_end(self, name):
        class Endless:
            async def async_get_bytes(self) -> None:
                await anyio.sleep_forever()

        with open_face(name) as face:
            left = face.start(Endless(), "get_bytes")
        assert left.cancelled()
