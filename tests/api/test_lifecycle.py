"""Clients are made at first use and closed: event loops, threads, forks, cancellation."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import random
import signal
import ssl
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor, wait

import anyio
import httpx
import pytest
import trio

import httpconn
from httpconn import HTTPConnection, Limits
from tests.servers.scripted import Pause, Stall, response


def numbered(request):
    """Return a response that names its request."""
    return response(body=request.target)


class TestClients:
    """The methods that return clients."""

    def test_one_client_is_made_on_first_use_and_kept(self, face, connect):
        connection = connect()
        client = face.call(connection, "get_sync_client")
        assert isinstance(client, httpx.AsyncClient if face.is_async else httpx.Client)
        assert face.call(connection, "get_sync_client") is client

    def test_without_reuse_each_client_is_new(self, face, connect):
        connection = connect(reuse_client=False)
        one, other = (face.call(connection, "get_sync_client") for _ in range(2))
        assert one is not other
        face.close(one)
        face.close(other)

    def test_the_client_is_a_working_httpx_client(self, face, connect, scripted):
        server = scripted(response(headers={"Set-Cookie": "a=b"}, body=b"ok"))
        client = face.call(connect(headers={"X-A": "1"}), "get_sync_client")
        for _ in range(2):
            request = client.build_request("GET", server.url)
            received = face.run(client.send, request) if face.is_async else client.send(request)
            assert received.content == b"ok"
        assert server.requests[1].header("X-A") == "1"
        assert server.requests[1].header("Cookie") is None

    def test_without_reuse_nothing_is_left_open(self, face, connect, scripted, tmp_path):
        server = scripted(response(body=b"ok"))
        connection = connect(reuse_client=False)
        for _ in range(3):
            face.get_bytes(connection, server.url)
        face.get_response(connection, server.url)
        face.download_file(connection, server.url, tmp_path / "file")
        received = face.get_response(connection, server.url, stream=True)
        assert face.read(received) == b"ok"
        assert server.connections == 6
        server.wait_for(lambda: server.open_connections == 0)

    def test_without_reuse_a_failure_leaves_nothing_open(self, face, connect, scripted):
        server = scripted(response(404))
        connection = connect(reuse_client=False)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.LimitExceeded):
            face.get_response(connection, scripted(response(body=b"x" * 10)).url, stream=True, max_bytes=1)
        server.wait_for(lambda: server.open_connections == 0)

    def test_a_closed_connection_object_can_be_used_again(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        connection = connect()
        for _ in range(2):
            assert face.get_bytes(connection, server.url) == b"ok"
            face.close(connection)
            server.wait_for(lambda: server.open_connections == 0)

    def test_the_connection_is_a_context_manager(self, face, scripted):
        server = scripted(response(body=b"ok"))
        with face.enter(HTTPConnection()) as connection:
            assert face.get_bytes(connection, server.url) == b"ok"
        server.wait_for(lambda: server.open_connections == 0)

    def test_tls_contexts_are_shared(self, monkeypatch):
        made = []
        create = ssl.create_default_context
        monkeypatch.setattr(
            ssl, "create_default_context", lambda *args, **options: made.append(1) or create(*args, **options)
        )
        with HTTPConnection() as one, HTTPConnection() as other:
            one.get_sync_client()
            other.get_sync_client()
        assert len(made) <= 1


class TestEventLoops:
    """One connection object in several event loops."""

    def test_asyncio_after_asyncio_after_trio(self, scripted):
        server = scripted(numbered)
        connection = HTTPConnection()

        async def fetch():
            return [await connection.async_get_bytes(server.url_for(f"/{number}")) for number in range(3)]

        expected = [b"/0", b"/1", b"/2"]
        for _ in range(2):
            assert asyncio.run(fetch()) == expected
            assert trio.run(fetch) == expected
            assert anyio.run(fetch, backend="asyncio") == expected
            # The loop that ended closed what it had opened.
            server.wait_for(lambda: server.open_connections == 0)
        assert server.connections == 6
        connection.close()

    def test_loops_in_threads_and_plain_threads_at_the_same_time(self, scripted):
        server = scripted(numbered)

        async def fetch():
            bodies = []
            for number in range(10):
                bodies.append(await connection.async_get_bytes(server.url_for(f"/{number}")))
            return bodies

        def in_thread(kind):
            if kind == 0:
                return [connection.get_bytes(server.url_for(f"/{number}")) for number in range(10)]
            return asyncio.run(fetch()) if kind == 1 else trio.run(fetch)

        with HTTPConnection() as connection, ThreadPoolExecutor(12) as threads:
            results = list(threads.map(in_thread, [0, 1, 2] * 4))
        assert results == [[f"/{number}".encode() for number in range(10)]] * 12

    def test_the_client_of_a_closed_loop_is_removed(self, scripted):
        server = scripted(response(body=b"ok"))
        connection = HTTPConnection()
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(connection.async_get_bytes(server.url)) == b"ok"
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        assert asyncio.run(connection.async_get_bytes(server.url)) == b"ok"
        server.wait_for(lambda: server.open_connections == 0)

    @pytest.mark.parametrize("run", [lambda flow: asyncio.run(flow()), trio.run], ids=["asyncio", "trio"])
    def test_the_global_connection_works_in_each_loop(self, scripted, run):
        server = scripted(response(body=b"ok"))

        async def fetch():
            return await httpconn.global_http_connection.async_get_bytes(server.url)

        assert [run(fetch) for _ in range(3)] == [b"ok"] * 3

    def test_a_sync_call_inside_a_loop_works(self, scripted):
        server = scripted(response(body=b"ok"))

        async def fetch():
            with HTTPConnection() as connection:
                return connection.get_bytes(server.url)

        assert asyncio.run(fetch()) == b"ok"

    @pytest.mark.parametrize("run", [lambda flow: asyncio.run(flow()), trio.run], ids=["asyncio", "trio"])
    def test_a_sync_close_leaves_the_clients_of_loops_to_their_loops(self, scripted, run):
        server = scripted(response(body=b"ok"))

        async def fetch():
            with HTTPConnection() as connection:
                assert await connection.async_get_bytes(server.url) == b"ok"
            kept.append(connection)

        kept = []
        run(fetch)
        server.wait_for(lambda: server.open_connections == 0)


class TestUnclosedConnections:
    """Garbage collection closes clients and warns."""

    def test_an_unclosed_connection_object_warns_and_closes(self, scripted):
        server = scripted(response(body=b"ok"))
        connection = HTTPConnection()
        connection.get_bytes(server.url)
        holder = [connection]
        del connection
        with pytest.warns(ResourceWarning, match="left open"):
            holder.clear()
        server.wait_for(lambda: server.open_connections == 0)

    def test_an_unused_connection_object_does_not_warn(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            HTTPConnection()
            gc.collect()

    def test_the_loop_closes_an_asynchronous_client(self, scripted):
        server = scripted(response(body=b"ok"))

        async def fetch():
            holder = [HTTPConnection()]
            await holder[0].async_get_bytes(server.url)
            with pytest.warns(ResourceWarning, match="left open"):
                holder.clear()

        asyncio.run(fetch())
        server.wait_for(lambda: server.open_connections == 0)


class TestThreads:
    """One connection object in many threads."""

    def test_each_thread_gets_its_own_responses(self, scripted):
        server = scripted(numbered)

        def fetch(thread):
            return all(
                connection.get_bytes(server.url_for(f"/{thread}/{number}")) == f"/{thread}/{number}".encode()
                for number in range(20)
            )

        with HTTPConnection(limits=Limits(max_connections=8)) as connection, ThreadPoolExecutor(32) as threads:
            assert all(threads.map(fetch, range(32)))
        assert server.connections <= 32

    def test_many_calls_share_few_connections(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        connection = connect(limits=Limits(max_connections=5))
        calls = [face.start(connection, "get_bytes", server.url) for _ in range(200)]
        assert {call.result(200) for call in calls} == {b"ok"}
        assert server.connections <= 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
class TestForks:
    """Parent and children never share a socket."""

    def test_children_and_parent_get_their_own_responses(self, scripted):
        server = scripted(numbered)
        with HTTPConnection() as connection:
            connection.get_bytes(server.url_for("/warm"))
            children = [_forked(lambda child=child: _ask(connection, server, f"/child{child}")) for child in range(4)]
            assert _ask(connection, server, "/parent")
            assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
            assert _ask(connection, server, "/after")
        assert len({request.connection for request in server.requests}) == 5

    def test_a_child_can_run_a_loop_of_its_own(self, scripted):
        server = scripted(numbered)
        connection = HTTPConnection()

        async def fetch():
            return await connection.async_get_bytes(server.url_for("/x")) == b"/x"

        assert asyncio.run(fetch())
        child = _forked(lambda: asyncio.run(fetch()) and trio.run(fetch))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_a_fork_while_other_threads_fetch(self, scripted):
        server = scripted(numbered)
        stop = threading.Event()
        with HTTPConnection() as connection:

            def busy():
                while not stop.is_set():
                    connection.get_bytes(server.url_for("/busy"))

            threads = [threading.Thread(target=busy) for _ in range(4)]
            for thread in threads:
                thread.start()
            children = [_forked(lambda: _ask(connection, server, "/child")) for _ in range(5)]
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            stop.set()
            for thread in threads:
                thread.join()
        assert codes == [0] * 5


def _ask(connection, server, path):
    return all(connection.get_bytes(server.url_for(path)) == path.encode() for _ in range(20))


def _forked(job):
    """Fork a child and return its pid. The child exits with 0 if the job is true; if it hangs, it is killed."""
    with warnings.catch_warnings():
        # Python warns about forks in a process with threads. This test needs such a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    signal.alarm(20)
    try:
        os._exit(0 if job() else 1)
    finally:
        os._exit(2)


class TestCancellation:
    """Cancellation at any moment leaves the pool consistent."""

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_tasks_cancelled_at_random_moments_release_their_connections(self, scripted, backend):
        server = scripted(lambda request: [Pause(0.005), response(body=request.target * 100)])
        dice = random.Random(7)

        async def fetch_and_cancel(connection, number):
            with anyio.move_on_after(dice.random() * 0.05):
                path = f"/{number}"
                assert await connection.async_get_bytes(server.url_for(path)) == path.encode() * 100

        async def main():
            async with HTTPConnection(limits=Limits(max_connections=10), retries=0) as connection:
                async with anyio.create_task_group() as tasks:
                    for number in range(300):
                        tasks.start_soon(fetch_and_cancel, connection, number)
                # Every slot is there to be used again, at once.
                async with anyio.create_task_group() as tasks:
                    for number in range(10):
                        tasks.start_soon(check, connection, number)

        async def check(connection, number):
            path = f"/again{number}"
            assert await connection.async_get_bytes(server.url_for(path), timeout=100) == path.encode() * 100

        anyio.run(main, backend=backend)
        server.wait_for(lambda: server.open_connections == 0)

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_cancelled_call_ends_at_once(self, scripted, backend):
        server = scripted([Stall()])

        async def main():
            async with HTTPConnection() as connection:
                with anyio.move_on_after(0.1) as scope:
                    await connection.async_get_bytes(server.url)
                assert scope.cancelled_caught

        anyio.run(main, backend=backend)
        server.wait_for(lambda: server.open_connections == 0)

    def test_closing_ends_calls_in_other_threads(self, scripted):
        server = scripted([Stall()])
        connection = HTTPConnection(retries=1)
        with ThreadPoolExecutor(1) as threads:
            call = threads.submit(connection.get_bytes, server.url, timeout=100)
            server.wait_for(lambda: len(server.requests) == 1)
            connection.close()
            assert wait([call], 10).done
            assert isinstance(call.exception(), httpconn.TransportError)
        server.wait_for(lambda: server.open_connections == 0)


def test_reuse_of_clients_can_be_switched_off_and_on(face, connect, scripted):
    server = scripted(response(body=b"ok"))
    connection = connect()
    for reuse, opened in ((True, 1), (False, 3), (True, 3)):
        connection.reuse_client = reuse
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == opened
    assert pickle.loads(pickle.dumps(connection)).reuse_client
    with pytest.raises(httpconn.InvalidRequest):
        connection.reuse_client = "no"
