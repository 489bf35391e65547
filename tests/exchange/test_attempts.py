"""One logical request: retries, redirects, the deadline and limits, on a scripted port with a virtual clock."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Hashable, Iterator

import pytest
import trio

from httpconn import ByteBudget, Limits, RateLimit, RetryPolicy, Timeouts, errors
from httpconn.core.rates import Bandwidth, RateLimiter
from httpconn.core.retries import RetryBudget
from httpconn.exchange import fetch
from httpconn.exchange.body import BlockReader
from httpconn.runtime.stepping import run_sync
from tests.exchange.scripted_port import Reply, ScriptedPort, call

RUNNERS = {"sync": run_sync, "asyncio": asyncio.run, "trio": lambda flow: trio.run(lambda: flow)}
runner = RUNNERS["sync"]


@pytest.fixture(params=RUNNERS, autouse=True)
def _each_runtime(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run each test on all runtimes."""
    global runner
    runner = RUNNERS[request.param]
    yield
    runner = RUNNERS["sync"]


def get_bytes(port: ScriptedPort, **options: object) -> bytes:
    asked = call(**options)
    try:
        return runner(fetch.run_call(port, asked, fetch.fetch_bytes(port, asked)))  # type: ignore[arg-type]
    finally:
        assert port.all_closed
        assert port.released == 1


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, {"Location": location}, [b"never read"])


def test_a_body_is_joined_from_its_chunks() -> None:
    assert get_bytes(ScriptedPort(Reply(body=[b"ab", b"c"]))) == b"abc"


def test_a_failed_attempt_is_retried_with_growing_backoff() -> None:
    port = ScriptedPort(errors.ConnectFailed("x"), Reply(503), Reply(body=[b"done"]))
    assert get_bytes(port) == b"done"
    assert port.slept == [1.0, 2.0]


def test_a_broken_body_is_retried() -> None:
    port = ScriptedPort(Reply(body=[b"half", errors.ReadFailed("reset")]), Reply(body=[b"whole"]))
    assert get_bytes(port) == b"whole"


def test_a_short_body_is_retried_and_never_returned() -> None:
    short = Reply(headers={"Content-Length": "10"}, body=[b"short"])
    with pytest.raises(errors.TruncatedBody) as caught:
        get_bytes(ScriptedPort(short, short, short))
    assert caught.value.attempts == 3
    assert caught.value.elapsed == 3.0


def test_the_last_error_names_url_attempts_and_time() -> None:
    port = ScriptedPort(*[errors.ConnectFailed("no route")] * 3)
    with pytest.raises(errors.ConnectFailed) as caught:
        get_bytes(port, url="https://user:pw@example.com/x?sig=secret")
    assert str(caught.value) == "no route [https://example.com/x?sig=***] (3 attempts, 3.00 s)"
    assert caught.value.request.url.host == "example.com"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 501, 505])
def test_a_final_status_is_not_retried(status: int) -> None:
    with pytest.raises(errors.StatusError) as caught:
        get_bytes(ScriptedPort(Reply(status)))
    assert caught.value.status_code == caught.value.response.status_code == status
    assert caught.value.attempts == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 527])
def test_a_transient_status_is_retried(status: int) -> None:
    assert get_bytes(ScriptedPort(Reply(status), Reply(body=[b"ok"]))) == b"ok"


@pytest.mark.parametrize(
    "error",
    [errors.TLSFailed("x"), errors.ProtocolError("x"), errors.DecodingError("x"), errors.LimitExceeded("x")],
)
def test_a_final_error_is_not_retried(error: errors.HTTPConnError) -> None:
    with pytest.raises(type(error)):
        get_bytes(ScriptedPort(error))


def test_the_retry_waits_for_retry_after() -> None:
    port = ScriptedPort(Reply(429, {"Retry-After": "7"}), Reply(body=[b"ok"]))
    get_bytes(port)
    assert port.slept == [7.0]


def test_a_failure_takes_one_retry_from_the_budget() -> None:
    class Spent(RetryBudget):
        asked = 0

        def take(self, host: Hashable, now: float) -> bool:
            self.asked += 1
            return False

    for failure in (Reply(503), errors.ConnectFailed("x")):
        retry_budget = Spent()
        with pytest.raises(errors.HTTPConnError) as caught:
            get_bytes(ScriptedPort(failure), retry_budget=retry_budget)
        assert retry_budget.asked == len(caught.value.__notes__) == 1


def test_retries_after_retry_after_cost_no_budget() -> None:
    busy = Reply(503, {"Retry-After": "1"})
    port = ScriptedPort(*[busy] * 300, Reply(body=[b"ok"]))
    policy = RetryPolicy(attempts=1000)
    assert get_bytes(port, retries=policy, timeouts=Timeouts(total=None)) == b"ok"
    assert len(port.slept) == 300


def test_the_retry_waits_for_a_retry_after_date() -> None:
    port = ScriptedPort(Reply(503, {"Retry-After": "Thu, 01 Jan 1970 00:17:00 GMT"}), Reply(body=[b"ok"]))
    get_bytes(port)
    assert port.slept == [20.0]


def test_a_retry_after_past_the_deadline_fails_at_once() -> None:
    port = ScriptedPort(Reply(503, {"Retry-After": "60"}))
    with pytest.raises(errors.StatusError):
        get_bytes(port, timeouts=Timeouts(total=30))
    assert port.slept == []


def test_no_retry_is_made_if_the_backoff_passes_the_deadline() -> None:
    port = ScriptedPort(errors.ConnectFailed("x"), errors.ConnectFailed("x"))
    with pytest.raises(errors.ConnectFailed):
        get_bytes(port, timeouts=Timeouts(total=2.5))
    assert port.slept == [1.0]


def test_the_deadline_is_checked_at_every_chunk() -> None:
    port = ScriptedPort(Reply(body=[2.0, b"a", 2.0, b"b", 2.0, b"c", 2.0, b"d"]))
    with pytest.raises(errors.DeadlineExceeded) as caught:
        get_bytes(port, timeouts=Timeouts(total=5))
    assert caught.value.attempts == 1
    assert port.exchanges[0].received == 3


def test_a_body_below_the_least_speed_is_an_error() -> None:
    drip = [step for _ in range(100) for step in (0.9, b"x")]
    with pytest.raises(errors.TooSlow):
        get_bytes(ScriptedPort(Reply(body=drip)), retries=RetryPolicy(attempts=1))


def test_redirects_are_followed_without_reading_their_bodies() -> None:
    port = ScriptedPort(to("/b"), to("//other.com/c", 307), Reply(body=[b"there"]))
    assert get_bytes(port, url="https://example.com/a", extra_headers={"X-Key": "k"}) == b"there"
    assert [str(request.url) for request in port.requests] == [
        "https://example.com/a",
        "https://example.com/b",
        "https://other.com/c",
    ]
    assert ["X-Key" in request.headers for request in port.requests] == [True, True, False]
    assert [exchange.received for exchange in port.exchanges] == [0, 0, 5]


def test_a_retry_starts_at_the_first_url() -> None:
    port = ScriptedPort(to("https://cdn.com/"), Reply(503), to("https://cdn.com/"), Reply(body=[b"ok"]))
    assert get_bytes(port) == b"ok"
    assert [request.url.host for request in port.requests] == ["example.com", "cdn.com"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_that_is_not_followed_is_a_status_error(status: int) -> None:
    with pytest.raises(errors.StatusError):
        get_bytes(ScriptedPort(to("/b", status)), follow=False)


@pytest.mark.parametrize("status", [300, 301, 304, 308])
def test_a_redirect_without_location_is_a_status_error(status: int) -> None:
    with pytest.raises(errors.StatusError):
        get_bytes(ScriptedPort(Reply(status)))


def test_the_error_of_a_refused_redirect_names_its_url() -> None:
    with pytest.raises(errors.RedirectRefused) as caught:
        get_bytes(ScriptedPort(to("https://b.com/?key=secret"), to("http://c.com/")))
    assert caught.value.url == "https://b.com/?key=***"


def test_an_unrequested_part_is_an_error() -> None:
    with pytest.raises(errors.ProtocolError, match="part"):
        get_bytes(ScriptedPort(Reply(206, body=[b"part"])))
    assert get_bytes(ScriptedPort(Reply(206, body=[b"part"])), extra_headers={"Range": "bytes=0-3"}) == b"part"


def test_a_body_declared_too_large_is_not_read() -> None:
    port = ScriptedPort(Reply(headers={"Content-Length": "11"}, body=[b"x" * 11]))
    with pytest.raises(errors.LimitExceeded):
        get_bytes(port, max_bytes=10)
    assert port.exchanges[0].received == 0


def test_a_compression_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    port = ScriptedPort(Reply(headers={"Content-Encoding": "gzip"}, body=[bomb]))
    with pytest.raises(errors.LimitExceeded):
        get_bytes(port, max_bytes=1_000_000)


def test_an_encoded_body_is_decoded() -> None:
    packed = gzip.compress(b"hello" * 1000)
    chunks = [packed[i : i + 1] for i in range(len(packed))]
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    assert get_bytes(ScriptedPort(Reply(headers=headers, body=chunks))) == b"hello" * 1000


def test_a_gzip_body_without_its_trailer_is_an_error() -> None:
    packed = gzip.compress(b"hello")[:-4]
    with pytest.raises(errors.DecodingError):
        get_bytes(ScriptedPort(Reply(headers={"Content-Encoding": "gzip"}, body=[packed])))


def test_a_coding_that_was_not_offered_is_an_error() -> None:
    with pytest.raises(errors.DecodingError):
        get_bytes(ScriptedPort(Reply(headers={"Content-Encoding": "compress"}, body=[b"x"])))


def test_bytes_of_failed_attempts_count_towards_a_budget() -> None:
    budget = ByteBudget(12)
    port = ScriptedPort(Reply(body=[b"12345", errors.ReadFailed("x")]), Reply(body=[b"1234567"]))
    get_bytes(port, budget=budget)
    assert budget.left == 0


def test_header_limits_apply_to_redirects() -> None:
    port = ScriptedPort(Reply(302, {"Location": "/" + "a" * 70_000}))
    with pytest.raises(errors.LimitExceeded):
        get_bytes(port)


def test_the_rate_limit_spaces_requests_and_their_redirects() -> None:
    port = ScriptedPort(to("/b"), Reply(body=[b"ok"]))
    get_bytes(port, rates=RateLimiter(RateLimit(2)))
    assert port.slept == [0.5]


def test_a_rate_limit_beyond_the_deadline_fails_at_once() -> None:
    limiter = RateLimiter(RateLimit(1, per=60))
    assert limiter.reserve("example.com", 1000.0, None)
    port = ScriptedPort()
    with pytest.raises(errors.DeadlineExceeded):
        get_bytes(port, rates=limiter, timeouts=Timeouts(total=30))
    assert port.slept == []


def paused(reply: Reply, policy: RetryPolicy) -> list[float]:
    """Return the waits of another call after a call with a certain response."""
    limiter = RateLimiter(RateLimit(1000, burst=10))
    with pytest.raises(errors.StatusError):
        get_bytes(ScriptedPort(reply), rates=limiter, retries=policy)
    other = ScriptedPort(Reply(body=[b"other"]))
    get_bytes(other, rates=limiter)
    return other.slept


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_delays_all_calls_to_a_host(status: int) -> None:
    assert paused(Reply(status, {"Retry-After": "7"}), RetryPolicy(attempts=1)) == [pytest.approx(7)]


def test_an_ignored_retry_after_delays_no_call() -> None:
    assert paused(Reply(503, {"Retry-After": "7"}), RetryPolicy(attempts=1, obey_retry_after=False)) == []
    assert paused(Reply(404, {"Retry-After": "7"}), RetryPolicy(attempts=1)) == []


def test_a_429_without_retry_after_delays_all_calls_by_the_backoff() -> None:
    policy = RetryPolicy(attempts=1, backoff=4, jitter=False)
    assert paused(Reply(429), policy) == [pytest.approx(4)]
    assert paused(Reply(503), policy) == []


def test_max_retry_after_limits_the_delay_of_other_calls() -> None:
    assert paused(Reply(503, {"Retry-After": "86400"}), RetryPolicy(max_retry_after=20)) == [pytest.approx(20)]


def test_the_bandwidth_limits_the_speed_of_bodies() -> None:
    bandwidth = Bandwidth(100)
    for _ in range(2):
        port = ScriptedPort(Reply(body=[b"x" * 100] * 5))
        get_bytes(port, bandwidth=bandwidth)
    assert port.slept == [pytest.approx(6), *[pytest.approx(1)] * 4]


def test_a_bandwidth_below_the_minimum_speed_is_not_an_error() -> None:
    port = ScriptedPort(Reply(body=[b"x" * 100] * 100))
    assert len(get_bytes(port, bandwidth=Bandwidth(10), timeouts=Timeouts(total=None))) == 10_000


def test_a_bandwidth_too_low_for_the_deadline_fails_at_once() -> None:
    port = ScriptedPort(Reply(body=[b"x" * 100] * 5))
    with pytest.raises(errors.DeadlineExceeded):
        get_bytes(port, bandwidth=Bandwidth(10), timeouts=Timeouts(total=5))
    assert port.slept == []
    assert port.all_closed


def test_get_response_returns_the_response_of_the_last_attempt() -> None:
    port = ScriptedPort(Reply(503), Reply(503), Reply(503, body=[b"busy"]))
    got, body = runner(fetch.respond(port, call(), False))
    assert (got.head.status, body) == (503, b"busy")


def test_strict_framing_rejects_a_close_delimited_body() -> None:
    port = ScriptedPort(Reply(body=[b"x"]))
    port_send = port.send

    async def send(*args: object) -> object:
        exchange = await port_send(*args)  # type: ignore[arg-type]
        exchange.head = exchange.head._replace(version=b"HTTP/1.1")
        return exchange

    port.send = send  # type: ignore[assignment,method-assign]
    with pytest.raises(errors.ProtocolError, match="end of the connection"):
        get_bytes(port, limits=Limits(strict_framing=True))


def test_a_block_reader_returns_received_bytes_before_the_error() -> None:
    port = ScriptedPort(Reply(body=[b"abc", b"de", errors.ReadFailed("reset")]))

    counted: list[int] = []

    async def flow() -> list[bytes]:
        got, _ = await fetch.respond(port, call(), stream=True)
        blocks = BlockReader(got.body, 100, counted.append)
        came = await blocks.receive()
        with pytest.raises(errors.ReadFailed):
            await blocks.receive()
        await fetch.close_response(got)
        return came

    assert runner(flow()) == [b"abc", b"de"]
    assert counted == [3, 2]


def test_a_coroutine_that_suspends_raises_an_error() -> None:
    class Suspends:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield

    async def flow() -> None:
        await Suspends()

    with pytest.raises(RuntimeError, match="suspended"):
        run_sync(flow())
