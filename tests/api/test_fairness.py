"""Many URLs: a host that is slow, limited, failing or dead does not delay the URLs of other hosts."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import closing

import hyperframe.frame as frames
import pytest

from httpconn import ConnectFailed, Limits, RateLimit, RetryPolicy, StatusError, Timeouts
from httpconn.core.deadhosts import FAILURES
from tests.api.test_many import PATIENCE, Reader, await_no_workers, collect, results_of, target
from tests.http.frames import respond_on, responding_http2_peer
from tests.servers.scripted import Reset, Until, response

OTHERS = 30
AT_ONCE = 10


def loopback(host, port):
    return ["127.0.0.1"]


def others(server):
    return [server.url_for(f"/{index}") for index in range(OTHERS)]


@pytest.mark.parametrize("method", ["get_many", "download_many"])
def test_a_slow_host_does_not_delay_the_others(face, connect, scripted, tmp_path, method):
    slow_answers = threading.Event()
    slow, fast = scripted([Until(slow_answers), response()]), scripted(response())
    given = [slow.url] * 20 + others(fast)
    if method == "download_many":
        given = [(url, tmp_path / str(index)) for index, url in enumerate(given)]
    connection = connect(limits=Limits(max_per_host=2))
    with results_of(face, connection, given, method=method, concurrency=4) as results:
        first = [next(results) for _ in range(OTHERS)]
        assert {each.url for each in first} == set(others(fast))
        assert len(slow.requests) <= 2
        slow_answers.set()
        assert [each.error for each in results] == [None] * 20


def test_more_workers_than_the_default_connections_of_a_host(face, connect, scripted):
    slow_responses = threading.Event()
    slow, fast = scripted([Until(slow_responses), response()]), scripted(response())
    with results_of(face, connect(), [slow.url] * 150 + others(fast), concurrency=110) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(others(fast))
        slow_responses.set()
        assert [each.error for each in results] == [None] * 150


def test_a_rate_limit_of_a_host_does_not_delay_the_others(face, connect, scripted):
    server = scripted(response())
    port = server.port
    given = [f"http://limited.example:{port}/"] * 20 + [f"http://h{n}.example:{port}/" for n in range(OTHERS)]
    connection = connect(resolver=loopback, rate_limit=RateLimit(1, per=3600), timeout=Timeouts(total=None))
    with results_of(face, connection, given, concurrency=4) as results:
        assert {next(results).url for _ in range(OTHERS + 1)} == set(given)
    await_no_workers()


@pytest.mark.parametrize("fault", [response(503, {"Retry-After": "100"}), [Reset()]])
def test_a_wait_for_a_retry_does_not_delay_the_others(face, connect, scripted, fault):
    busy, fast = scripted(fault), scripted(response())
    connection = connect(retries=RetryPolicy(backoff=100, backoff_max=100, jitter=False))
    with results_of(face, connection, [busy.url] * 20 + others(fast), concurrency=4) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(others(fast))
    await_no_workers()


def test_a_host_that_does_not_connect_does_not_delay_the_others(face, connect, scripted):
    connects = threading.Event()

    def resolver(host, port):
        if host == "silent.example":
            connects.wait(PATIENCE)
        return ["127.0.0.1"]

    server = scripted(response())
    given = [f"http://silent.example:{server.port}/"] * 20 + others(server)
    with results_of(face, connect(resolver=resolver), given, concurrency=6) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(others(server))
        connects.set()
        assert [each.error for each in results] == [None] * 20


def test_calls_that_wait_for_a_connection_do_not_stop_the_call_that_has_it(face, connect, scripted):
    end = time.monotonic() + PATIENCE

    def resolver(host, port):
        while host == "slow.example" and not connection.stats().connections.waiting and time.monotonic() < end:
            time.sleep(0.01)
        return ["127.0.0.1"]

    port = scripted(response()).port
    given = [f"http://{host}.example:{port}/" for host in ("fast", "slow", "fast")]
    connection = connect(
        resolver=resolver, limits=Limits(max_connections=1), timeout=Timeouts(pool=PATIENCE), retries=0
    )
    assert [each.error for each in collect(face, connection, given, concurrency=1)] == [None] * 3


def test_many_hosts_that_do_not_connect_do_not_delay_the_others(face, connect, scripted):
    connects = threading.Event()

    def resolver(host, port):
        if host.startswith("silent"):
            connects.wait(PATIENCE)
        return ["127.0.0.1"]

    port = scripted(response()).port
    silent = [f"http://silent{index % 5}.example:{port}/" for index in range(30)]
    fast = [f"http://fast{index}.example:{port}/" for index in range(OTHERS)]
    with results_of(face, connect(resolver=resolver), silent + fast, concurrency=4) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(fast)
        connects.set()
        assert [each.error for each in results] == [None] * 30


@pytest.mark.parametrize("method", ["get_many", "download_many"])
def test_redirects_to_a_slow_host_do_not_delay_the_others(face, connect, scripted, tmp_path, method):
    slow_responses = threading.Event()
    slow = scripted([Until(slow_responses), response()])
    fast = scripted(lambda request: response(302, {"Location": slow.url}) if target(request) == "/slow" else response())
    given = [fast.url_for("/slow")] * 20 + others(fast)
    if method == "download_many":
        given = [(url, tmp_path / str(index)) for index, url in enumerate(given)]
    with results_of(face, connect(limits=Limits(max_per_host=2)), given, method=method, concurrency=4) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(others(fast))
        assert len(slow.requests) <= 2
        slow_responses.set()
        assert [each.error for each in results] == [None] * 20


def test_a_slow_host_without_http2_does_not_delay_the_others(face, connect, scripted, certificates):
    slow_responses = threading.Event()
    slow, fast = scripted([Until(slow_responses), response()], tls=certificates.good), scripted(response())
    connection = connect(http2=True, verify=certificates.trust(), limits=Limits(max_per_host=2))
    with results_of(face, connection, [slow.url] * 20 + others(fast), concurrency=4) as results:
        assert {next(results).url for _ in range(OTHERS)} == set(others(fast))
        slow_responses.set()
        assert [each.error for each in results] == [None] * 20


def test_many_calls_share_a_connection_of_http2(face, connect, certificates):
    waiting = []

    def respond(send, stream):
        waiting.append(stream)
        if stream in (1, 2 * AT_ONCE - 1):  # after the first call, the server waits for all others
            send(b"".join(map(respond_on, waiting)))
            waiting.clear()

    with responding_http2_peer(certificates, frames.SettingsFrame(0).serialize(), respond) as url:
        connection = connect(http2=True, verify=certificates.trust(), limits=Limits(max_per_host=1))
        results = collect(face, connection, [url] * AT_ONCE, concurrency=AT_ONCE)
        assert [each.error for each in results] == [None] * AT_ONCE
        face.close(connection)


def test_the_urls_of_a_dead_host_fail_without_a_connection(face, connect, scripted):
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    fast = scripted(response())
    given = [dead] * 200 + others(fast)
    results = collect(face, connect(retries=RetryPolicy(backoff=0)), given, concurrency=4)
    failed = [each for each in results if each.url == dead]
    assert {type(each.error) for each in failed} == {ConnectFailed}
    untried = [each for each in failed if "No connection was tried" in "".join(getattr(each.error, "__notes__", []))]
    assert len(untried) >= 200 - 4 * FAILURES
    assert untried[-1].error.url == dead
    assert sum(each.error is None for each in results) == OTHERS


def test_a_host_that_works_again_is_tried_again_by_other_calls(face, connect, scripted):
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    connection = connect(retries=0)
    assert len(collect(face, connection, [f"http://127.0.0.1:{port}/"] * 10)) == 10
    with pytest.raises(ConnectFailed) as caught:
        face.get_bytes(connection, f"http://127.0.0.1:{port}/")
    assert not hasattr(caught.value, "__notes__")


def test_no_url_is_lost_if_many_fail_once(face, connect, scripted):
    failed = set()

    def received(request):
        name = target(request)
        if int(name[1:]) % 10 < 3 and name not in failed:
            failed.add(name)
            return [Reset()]
        return response()

    server = scripted(received)
    given = [server.url_for(f"/{index}") for index in range(500)]
    results = collect(face, connect(retries=RetryPolicy(backoff=0.01)), given, concurrency=8)
    assert [each.error for each in results] == [None] * 500
    assert len({each.index for each in results}) == 500


def test_retries_do_not_exceed_the_concurrency(face, connect, scripted):
    counts, lock, at_once = itertools.count(), threading.Lock(), [0, 0]

    def received(request):
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        failing = next(counts) % 2
        with lock:
            at_once[0] -= 1
        return response(503 if failing else 200)

    server = scripted(received)
    results = collect(face, connect(retries=RetryPolicy(backoff=0.001)), [server.url] * 100, concurrency=3)
    assert len(results) == 100
    assert at_once[1] <= 3
    assert all(isinstance(each.error, StatusError | None) for each in results)


def test_items_that_wait_for_their_host_are_limited(face, connect, scripted):
    opened, taken = threading.Event(), []
    server = scripted([Until(opened), response()])

    def source():
        for index in itertools.count():
            taken.append(index)
            yield server.url

    with results_of(face, connect(limits=Limits(max_per_host=1)), source(), concurrency=2) as results:
        first = face.start(Reader(results), "step")
        server.wait_for(lambda: len(server.requests) == 1)
        opened.set()
        assert first.result(PATIENCE).error is None
        assert [next(results).error for _ in range(5)] == [None] * 5
        assert len(taken) <= 32 * 2 + 6


def test_equal_calls_share_a_transfer_that_waits_for_its_retry(face, connect, scripted):
    counts = itertools.count()
    server = scripted(lambda request: response(200 if next(counts) else 503, body=b"ok"))
    connection = connect(coalesce=True, retries=RetryPolicy(backoff=0.05))
    results = collect(face, connection, [server.url] * 50, concurrency=4)
    assert [each.content for each in results] == [b"ok"] * 50


def test_ordered_results_with_retries_come_in_order(face, connect, scripted):
    counts = itertools.count()
    server = scripted(lambda request: response(200 if next(counts) % 3 else 503, body=b"ok"))
    given = [server.url_for(f"/{index}") for index in range(60)]
    policy = RetryPolicy(attempts=20, backoff=0.001)
    results = collect(face, connect(retries=policy), given, concurrency=4, ordered=True)
    assert [each.url for each in results] == given
    assert [each.error for each in results] == [None] * 60
