"""Many URLs at the same time: results in both orders, bounded memory, and no thread or task left running."""

from __future__ import annotations

import gc
import threading
import time
from typing import ClassVar
from weakref import WeakSet

import anyio
import httpx
import pytest

from httpconn import (
    AccessDenied,
    AccessPolicy,
    ByteBudget,
    Fetched,
    HTTPConnection,
    InvalidRequest,
    InvalidURL,
    LimitExceeded,
    Limits,
    Saved,
    StatusError,
)
from httpconn.testing import Received
from tests.servers.scripted import Stall, Until, in_turn, response

PATIENCE = 30.0
EVENT_LOOPS = pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)


def echo(request: Received):
    return response(body=target(request).encode())


def target(request: Received) -> str:
    return request.target if isinstance(request.target, str) else request.target.decode()


def urls(server, count):
    return (server.url_for(f"/{index}") for index in range(count))


def collect(face, connection, *args, method="get_many", most=None, **options):
    """Return all results or the first ones, and leave the block."""
    taken = []
    with face.enter(getattr(connection, f"async_{method}" if face.is_async else method)(*args, **options)) as results:
        if face.is_async:

            async def take():
                async for each in results:
                    taken.append(each)
                    if len(taken) == most:
                        return

            face.run(take)
        else:
            for each in results:
                taken.append(each)
                if len(taken) == most:
                    break
    return taken


def worker_threads():
    return [thread for thread in threading.enumerate() if thread.name == "httpconn-worker"]


def await_no_workers():
    end = time.monotonic() + PATIENCE
    while worker_threads():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_every_url_has_its_result(face, connect, scripted):
    server = scripted(echo)
    results = collect(face, connect(), urls(server, 50))
    assert sorted((each.index, each.url, each.result()) for each in results) == [
        (index, server.url_for(f"/{index}"), f"/{index}".encode()) for index in range(50)
    ]
    assert server.connections <= 16


def test_a_closed_connection_opens_new_ones_for_further_urls(face, connect, scripted):
    server, connection = scripted(echo), connect()
    with results_of(face, connection, urls(server, 50), concurrency=1) as results:
        assert next(results).error is None
        server.wait_for(lambda: len(server.requests) >= 2)
        face.close(connection)
        errors = [each.error for each in results]
    assert sum(each is not None for each in errors) <= 1  # the request in flight
    assert server.connections >= 2


def test_results_come_in_order_of_completion(face, connect, scripted):
    late = threading.Event()
    server = scripted({"/0": [Until(late), response()], "/1": response(), "/2": response()})

    def take(results):
        first = [next(results).index, next(results).index]
        late.set()
        return [*first, next(results).index]

    with results_of(face, connect(), urls(server, 3)) as results:
        assert sorted(take(results)[:2]) == [1, 2]


def test_ordered_results_come_in_order(face, connect, scripted):
    late = threading.Event()
    script = {f"/{index}": response() for index in range(1, 12)}
    server = scripted(script | {"/0": [Until(late), response()]})
    with results_of(face, connect(), urls(server, 12), concurrency=4, ordered=True) as results:
        server_has = face.start(Reader(results), "step")
        # The window is 8 wide: its first place is taken by the one that is late.
        server.wait_for(lambda: len(server.requests) == 8)
        late.set()
        assert server_has.result(PATIENCE).index == 0
        assert [each.index for each in results] == list(range(1, 12))


class Reader:
    """A reader that requests a result in another thread."""

    def __init__(self, results):
        self._results = results

    def step(self):
        return next(self._results)

    async def async_step(self):
        return await anext(self._results.awaited)


class results_of:
    """Provide the results of any face as a plain iterator."""

    def __init__(self, face, connection, *args, method="get_many", **options):
        self._face = face
        self.awaited = getattr(connection, f"async_{method}" if face.is_async else method)(*args, **options)
        self._block = face.enter(self.awaited)

    def __enter__(self):
        self._block.__enter__()
        return self

    def __exit__(self, *exc_info):
        return self._block.__exit__(*exc_info)

    def __iter__(self):
        return self

    def __next__(self):
        if not self._face.is_async:
            return next(self.awaited)

        async def step():
            return await anext(self.awaited, None)

        result = self._face.run(step)
        if result is None:
            raise StopIteration
        return result


def test_a_failing_url_does_not_stop_the_others(face, connect, scripted):
    server = scripted({"/ok": response(body=b"ok")})
    given = [server.url_for("/ok"), "ftp://example.com/", server.url_for("/missing"), "no url", server.url_for("/ok")]
    results = collect(face, connect(), given, ordered=True)
    assert [type(each.error) for each in results] == [type(None), InvalidURL, StatusError, InvalidURL, type(None)]
    assert [each.url for each in results] == given
    assert results[0] == Fetched(given[0], 0, b"ok")
    with pytest.raises(StatusError):
        results[2].result()


def test_a_result_has_the_facts_of_its_response(face, connect, scripted):
    image = response(headers={"Content-Type": "image/png"}, body=b"png")
    server = scripted({"/old": response(302, {"Location": "/new?key=secret"}), "/new?key=secret": image})
    direct, redirected = collect(
        face, connect(), [server.url_for("/new?key=secret"), server.url_for("/old")], ordered=True
    )
    assert (direct.status_code, direct.headers["content-type"], direct.attempts) == (200, "image/png", 1)
    assert direct.moved_to is None
    assert "/new" in redirected.moved_to
    assert "secret" not in redirected.moved_to


def test_a_url_that_is_forbidden_is_a_result(face, connect, scripted):
    server = scripted(response())
    connection = connect(access=AccessPolicy.public_internet())
    assert isinstance(collect(face, connection, [server.url])[0].error, AccessDenied)
    assert not server.requests


def test_the_options_are_those_of_each_call(face, connect, scripted):
    server = scripted(
        {"/0": response(body=b"abcd"), "/1": response(body=b"ab"), "/2": response(302, {"Location": "/1"})}
    )
    headers = {"X-Team": "blue"}
    options = {"max_bytes": 3, "extra_headers": headers, "allow_redirects": False, "timeout": 20, "retries": 0}
    results = collect(face, connect(), urls(server, 3), ordered=True, **options)
    assert [type(each.error) for each in results] == [LimitExceeded, type(None), StatusError]
    assert all((b"X-Team", b"blue") in request.headers for request in server.requests)


def test_all_urls_share_the_budget(face, connect, scripted):
    budget = ByteBudget(25)
    server = scripted(response(body=b"0123456789"))
    results = collect(face, connect(), urls(server, 5), concurrency=1, budget=budget)
    assert sum(each.error is None for each in results) == 2


def test_no_urls_have_no_results(face, connect):
    assert collect(face, connect(), []) == []


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("https://example.com", {}),
        (None, {}),
        ({"https://example.com": 1}, {}),
        ([], {"concurrency": 0}),
        ([], {"concurrency": 2.5}),
        ([], {"concurrency": True}),
        ([], {"ordered": 1}),
        ([], {"timeout": -1}),
        ([], {"extra_headers": {"Host": "x"}}),
        ([], {"max_bytes": -1}),
        ([], {"budget": 5}),
        ([], {"retries": -1}),
    ],
)
def test_an_invalid_option_is_an_error_at_once(face, connect, given, options):
    connection = connect()
    with pytest.raises(InvalidRequest):
        (connection.async_get_many if face.is_async else connection.get_many)(given, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"segments": "x"},
        {"resume": 1},
        {"existing": "keep"},
        {"refresh": True, "existing": "skip"},
        {"remote_time": "x"},
        {"expect_type": "png"},
        {"filename": "a"},
        {"filename": "server", "existing": "replace"},
        {"progress": 5},
        {"timeout": "x"},
        {"auth": 5},
        {"extra_headers": {"a": "\n"}},
        {"stop_on_error": 1},
        {"concurrency": "x"},
    ],
)
def test_an_invalid_option_of_downloads_is_an_error_at_once(face, connect, options):
    connection = connect()
    with pytest.raises(InvalidRequest):
        (connection.async_download_many if face.is_async else connection.download_many)([], **options)


def test_concurrency_limits_the_fetches(face, connect, scripted):
    opened = threading.Event()
    most = 0

    def respond(request):
        nonlocal most
        most = max(most, server.open_connections)
        return [Until(opened), response()]

    server = scripted(respond)
    with results_of(face, connect(), urls(server, 30), concurrency=3) as results:
        asking = face.start(Reader(results), "step")
        server.wait_for(lambda: len(server.requests) == 3)
        opened.set()
        asking.result(PATIENCE)
        assert len(list(results)) == 29
    assert most == 3


def test_a_slow_reader_slows_the_source(face, connect, scripted):
    taken = []

    def source():
        for index in range(1000):
            taken.append(index)
            yield server.url_for(f"/{index}")

    server = scripted(response())
    with results_of(face, connect(), source(), concurrency=4) as results:
        for count in range(1, 20):
            next(results)
            assert len(taken) <= count + 8
    assert len(taken) <= 28


def test_an_exception_of_the_source_ends_the_iteration(face, connect, scripted):
    def source():
        yield server.url_for("/1")
        raise KeyError("source")

    server = scripted({"/1": [Stall()]})
    with pytest.raises(KeyError, match="source"), results_of(face, connect(), source()) as results:
        list(results)
    await_no_workers()


def test_the_end_of_the_block_stops_the_fetches(face, connect, scripted):
    server = scripted(lambda request: response() if target(request) == "/0" else [Stall()])
    with results_of(face, connect(), urls(server, 500), concurrency=8) as results:
        next(results)
        server.wait_for(lambda: len(server.requests) >= 8)
    server.wait_for(lambda: server.open_connections == 0)
    await_no_workers()
    with pytest.raises(StopIteration):
        next(results)


def test_the_end_of_the_block_stops_waits_for_a_connection(face, connect, scripted):
    server = scripted([Stall()])
    connection = connect(limits=Limits(max_connections=1))
    with results_of(face, connection, urls(server, 500), concurrency=8) as results:
        asking = face.start(Reader(results), "step")
        server.wait_for(lambda: len(server.requests) == 1)
        if face.is_async:
            asking.cancel()
    server.wait_for(lambda: server.open_connections == 0)
    await_no_workers()


def test_the_end_of_the_block_does_not_stop_other_calls(face, connect, scripted):
    opened = threading.Event()
    server = scripted({"/other": [Until(opened), response(body=b"other")], "/0": response(), "/1": [Stall()]})
    connection = connect()
    other = face.start(connection, "get_bytes", server.url_for("/other"))
    server.wait_for(lambda: len(server.requests) == 1)
    with results_of(face, connection, urls(server, 2)) as results:
        next(results)
    opened.set()
    assert other.result(PATIENCE) == b"other"


def test_an_exception_in_the_block_is_raised_unchanged(face, connect, scripted):
    server = scripted([Stall()])
    with pytest.raises(ZeroDivisionError), results_of(face, connect(), urls(server, 9)):
        raise ZeroDivisionError


def test_clients_that_are_not_reused_are_closed(face, connect, scripted):
    server = scripted(lambda request: response() if target(request) != "/4" else [Stall()])
    with results_of(face, connect(reuse_client=False), urls(server, 5)) as results:
        assert sum(each.content == b"" for each in (next(results), next(results), next(results), next(results))) == 4
    server.wait_for(lambda: server.open_connections == 0)
    await_no_workers()


def test_a_garbage_collected_iterator_stops_its_threads(scripted):
    server = scripted(lambda request: response() if target(request) == "/0" else [Stall()])
    with HTTPConnection() as connection:
        for each in connection.get_many(urls(server, 9)):
            assert each.content == b""
            break
        del each
        gc.collect()
        await_no_workers()


def test_an_interrupt_while_results_are_awaited_stops_the_threads(scripted):
    server = scripted([Stall()])

    def source():
        yield server.url
        server.wait_for(lambda: bool(server.requests))
        raise KeyboardInterrupt

    with HTTPConnection() as connection:
        results = connection.get_many(source())
        with pytest.raises(KeyboardInterrupt):
            next(results)
        await_no_workers()
        assert list(results) == []


@EVENT_LOOPS
def test_a_source_may_be_asynchronous(face, connect, scripted):
    server = scripted(echo)

    async def source():
        for index in range(40):
            await anyio.lowlevel.checkpoint()
            yield server.url_for(f"/{index}")

    results = collect(face, connect(), source(), concurrency=3, ordered=True)
    assert [each.content for each in results] == [f"/{index}".encode() for index in range(40)]


@EVENT_LOOPS
def test_a_result_does_not_wait_for_an_asynchronous_source(face, connect, scripted):
    server = scripted(response(body=b"ok"))

    async def source():
        yield server.url
        await anyio.sleep_forever()

    assert collect(face, connect(), source(), most=1)[0].content == b"ok"


@EVENT_LOOPS
def test_the_results_of_a_slow_asynchronous_source_queue_no_signals(face, connect, scripted):
    server = scripted(response(body=b"ok"))

    async def source():
        for _ in range(20):
            yield server.url

    async def take():
        assert len([each async for each in results]) == 20

    with face.enter(connect().async_get_many(source())) as results:
        face.run(take)
        assert not results._batch._free._items


@EVENT_LOOPS
def test_an_asynchronous_generator_is_closed_with_the_block(face, connect, scripted):
    server = scripted(response(body=b"ok"))
    closed = []

    async def source():
        try:
            while True:
                yield server.url
        finally:
            closed.append(True)

    assert len(collect(face, connect(), source(), concurrency=2, most=20)) == 20
    assert closed


@EVENT_LOOPS
def test_an_exception_of_an_asynchronous_source_ends_the_iteration(face, connect, scripted):
    server = scripted([Stall()])

    async def source():
        yield server.url
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        collect(face, connect(), source())


@EVENT_LOOPS
def test_a_cancelled_task_stops_the_fetches(face, connect, scripted):
    server, connection = scripted([Stall()]), connect()

    async def cancelled():
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks, connection.async_get_many(urls(server, 99)) as results:
                tasks.start_soon(cancel_once_asked, scope)
                async for _ in results:
                    raise AssertionError
        return scope.cancelled_caught

    async def cancel_once_asked(scope):
        await anyio.to_thread.run_sync(server.wait_for, lambda: len(server.requests) == 16)
        scope.cancel()

    assert face.run(cancelled)
    server.wait_for(lambda: server.open_connections == 0)


@EVENT_LOOPS
def test_a_wait_for_a_result_can_be_cancelled(face, connect, scripted):
    opened = threading.Event()
    server, connection = scripted([Until(opened), response(body=b"ok")]), connect()

    async def patient():
        async with connection.async_get_many([server.url]) as results:
            with anyio.move_on_after(0.05):
                await anext(results)
            opened.set()
            return await anext(results)

    assert face.run(patient).content == b"ok"


@EVENT_LOOPS
def test_asynchronous_results_need_a_block(face, connect):
    connection = connect()

    async def without():
        async for _ in connection.async_get_many(["https://example.com"]):
            raise AssertionError

    with pytest.raises(InvalidRequest, match="async with"):
        face.run(without)


class CountedURL(str):
    """A connection that counts its live results."""

    alive: ClassVar[WeakSet[CountedURL]] = WeakSet()
    most: ClassVar[int] = 0

    def __init__(self, text):
        self.alive.add(self)
        type(self).most = max(self.most, len(self.alive))

    __hash__ = object.__hash__


def test_thousands_of_urls_need_no_more_memory_than_a_few(face, connect):
    CountedURL.most = 0
    responses = httpx.MockTransport(lambda request: httpx.Response(200, content=b"x"))
    connection = connect(transport=responses, async_transport=responses)
    generated = (CountedURL(f"https://example.com/{index}") for index in range(5_000))
    size = 0
    if face.is_async:

        async def count():
            async with connection.async_get_many(generated, concurrency=8) as results:
                return sum([len(each.result()) async for each in results])

        size = face.run(count)
    else:
        size = sum(len(each.result()) for each in connection.get_many(generated, concurrency=8))
    assert size == 5_000
    assert CountedURL.most < 50


def test_each_download_has_a_result(face, connect, scripted, tmp_path):
    server = scripted({f"/{index}": response(body=b"x" * index) for index in range(6)})
    items = [(url, tmp_path / str(index)) for index, url in enumerate(urls(server, 7))]
    results = collect(face, connect(), items, method="download_many", ordered=True)
    assert [each.path for each in results] == [path for _, path in items]
    assert [each.result().size for each in results[:6]] == list(range(6))
    assert isinstance(results[6].error, StatusError)
    assert isinstance(results[6], Saved)
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(index) for index in range(6)]


def test_downloads_can_stop_at_the_first_error(face, connect, scripted, tmp_path):
    server = scripted({"/1": [Stall()]})
    items = [(url, tmp_path / str(index)) for index, url in enumerate(urls(server, 2))]
    with pytest.raises(StatusError):
        collect(face, connect(), items, method="download_many", stop_on_error=True)
    server.wait_for(lambda: server.open_connections <= 1)  # one may be kept for the next call
    await_no_workers()


def test_downloads_need_pairs(face, connect):
    with pytest.raises(InvalidRequest, match="pair"):
        collect(face, connect(), ["https://example.com/file"], method="download_many")


def test_a_stopped_download_leaves_no_file_and_no_lock(face, connect, scripted, tmp_path):
    whole = b"0123456789"
    half = [response(headers={"Content-Length": "10"}, body=whole[:5]), Stall()]
    server = scripted({"/quick": response(), "/slow": in_turn(half, response(body=whole))})
    items = [(server.url_for("/quick"), tmp_path / "quick"), (server.url_for("/slow"), tmp_path / "slow")]
    connection = connect()
    with results_of(face, connection, items, method="download_many") as results:
        next(results)
        server.wait_for(lambda: len(server.requests) == 2)
    assert not (tmp_path / "slow").exists()
    [saved] = collect(face, connection, items[1:], method="download_many")
    assert saved.result().path.read_bytes() == whole
