"""Bodies in memory: a large body that breaks is resumed and returned complete."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from httpconn import RetryPolicy, Timeouts, errors
from httpconn.core.deadlines import Deadline
from httpconn.exchange import fetch
from httpconn.runtime.stepping import run_sync
from tests.exchange.scripted_port import Reply, ScriptedExchange, ScriptedPort, call
from tests.servers.application import pattern

RUNNERS: dict[str, Callable[[Any], Any]] = {
    "sync": run_sync,
    "asyncio": asyncio.run,
    "trio": lambda flow: trio.run(lambda: flow),
}
MIB = 1024 * 1024
BODY = pattern(3 * MIB)
PIECE = 256 * 1024
ETAG = '"v1"'
BROKEN = errors.ReadFailed("reset")


def chunks(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


class CuttingPort(ScriptedPort):
    """A server that sends any remaining part of the body, and breaks each response after the next number of bytes."""

    def __init__(self, cuts: Iterable[int], *, chunked: bool = False) -> None:
        super().__init__()
        self._cuts: Iterator[int] = iter(cuts)
        self._chunked = chunked

    async def send(self, request: httpx.Request, timeouts: Timeouts, deadline: Deadline) -> ScriptedExchange:
        """Send the requested part of the body, up to the next cut."""
        self.requests.append(request)
        self.exchanges.append(ScriptedExchange(self, request, self._reply(request.as_httpx())))
        return self.exchanges[-1]

    def _reply(self, request: httpx.Request) -> Reply:
        cut = next(self._cuts, None)
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        first = int(asked[1]) if asked else 0
        rest = BODY[first:]
        fields = {"ETag": ETAG, "Content-Type": "text/plain; charset=latin-1"}
        if asked:
            assert request.headers["if-range"] == ETAG
            if not rest:
                return Reply(416, {"ETag": ETAG, "Content-Range": f"bytes */{len(BODY)}", "Content-Length": "0"}, [])
            fields = {"ETag": ETAG, "Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}
        if not self._chunked:
            fields["Content-Length"] = str(len(rest))
        else:
            fields["Transfer-Encoding"] = "chunked"
        steps: list[Any] = chunks(rest if cut is None else rest[:cut])
        return Reply(206 if asked else 200, fields, steps if cut is None else [*steps, BROKEN])


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run each test on all runtimes."""
    return RUNNERS[request.param]


def get_bytes(run: Callable[[Any], Any], port: ScriptedPort, **options: Any) -> bytes:
    try:
        asked = call(**options)
        content: bytes = run(fetch.run_call(port, asked, fetch.fetch_bytes(port, asked)))
        return content
    finally:
        assert port.all_closed


def asked(port: ScriptedPort) -> list[str | None]:
    return [request.headers.get("range") for request in port.requests]


def whole(**headers: str) -> Reply:
    return Reply(200, {"ETag": ETAG, "Content-Length": str(len(BODY)), **headers}, chunks(BODY))


def broken(after: int = 2 * MIB, **headers: str) -> Reply:
    """Return a response that ends after some bytes of the body."""
    return Reply(200, whole(**headers).headers, [*chunks(BODY[:after]), BROKEN])


def part(first: int, last: int = len(BODY) - 1, **headers: str) -> Reply:
    told = {"ETag": ETAG, "Content-Range": f"bytes {first}-{last}/{len(BODY)}", **headers}
    return Reply(206, told, chunks(BODY[first : last + 1]))


def test_the_retry_requests_the_remaining_part(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(broken(), part(2 * MIB))
    assert get_bytes(run, port) == BODY
    assert asked(port) == [None, f"bytes={2 * MIB}-"]
    assert port.requests[1].headers["accept-encoding"] == "identity"


def test_the_first_response_names_the_charset(run: Callable[[Any], Any]) -> None:
    port, asked = CuttingPort([2 * MIB]), call()
    text = run(fetch.run_call(port, asked, fetch.fetch_text(port, asked)))
    assert text == BODY.decode("cp1252", "replace")  # as browsers read the label iso-8859-1


def test_a_resumed_response_counts_all_received_bytes(run: Callable[[Any], Any]) -> None:
    port, asked = CuttingPort([2 * MIB, 300_000]), call()
    response, content = run(fetch.respond(port, asked, False))
    assert (response.head.status, content, response.wire_bytes) == (200, BODY, len(BODY))


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=12), chunked=st.booleans())
@example(cuts=[len(BODY)], chunked=True)
@example(cuts=[len(BODY) - 1, 1], chunked=True)
def test_after_any_cuts_the_body_is_complete_or_an_error(cuts: list[int], chunked: bool) -> None:
    port = CuttingPort(cuts, chunked=chunked)
    try:
        assert get_bytes(run_sync, port, retries=RetryPolicy(attempts=4, backoff=0)) == BODY
    except errors.ReadFailed:
        assert len(port.requests) >= 4
    assert sum(exchange.received for exchange in port.exchanges) < len(BODY) + MIB * len(port.requests)


@settings(max_examples=30, deadline=None)
@given(first=st.integers(MIB, 2 * MIB), cuts=st.lists(st.integers(1, PIECE), max_size=4))
def test_progress_resets_the_count_of_failures(first: int, cuts: list[int]) -> None:
    port = CuttingPort([first, *cuts])
    assert get_bytes(run_sync, port, retries=RetryPolicy(attempts=2, backoff=0)) == BODY
    assert sum(exchange.received for exchange in port.exchanges) == len(BODY)


def test_one_attempt_does_not_resume(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(broken())
    with pytest.raises(errors.ReadFailed):
        get_bytes(run, port, retries=RetryPolicy(attempts=1))


def test_a_body_below_the_least_speed_makes_no_progress(run: Callable[[Any], Any]) -> None:
    drip = Reply(206, part(2 * MIB).headers, [3600.0, b"x", BROKEN])
    port = ScriptedPort(broken(), drip, drip, drip)
    with pytest.raises(errors.HTTPConnError):
        get_bytes(run, port, retries=RetryPolicy(attempts=2), timeouts=Timeouts(total=None))
    assert len(port.requests) == 2


@pytest.mark.parametrize(
    "first",
    [
        Reply(200, {"ETag": ETAG}, [b"small", BROKEN]),
        broken(ETag="W/weak"),
        broken(ETag=""),
        Reply(206, {"ETag": ETAG}, [*chunks(BODY[: 2 * MIB]), BROKEN]),
    ],
    ids=["small", "weak", "unnamed", "a part itself"],
)
def test_a_body_that_cannot_be_resumed_is_fetched_whole(run: Callable[[Any], Any], first: Reply) -> None:
    port = ScriptedPort(first, whole())
    headers = {"Range": "bytes=0-"} if first.status == 206 else {}
    assert get_bytes(run, port, extra_headers=headers) == BODY
    assert asked(port)[1] == headers.get("Range")


def test_a_conditional_request_of_the_caller_is_not_resumed(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(broken(), whole())
    assert get_bytes(run, port, extra_headers={"If-None-Match": '"v0"'}) == BODY
    assert asked(port) == [None, None]


def test_another_version_is_returned_whole(run: Callable[[Any], Any]) -> None:
    other = Reply(200, {"ETag": '"v2"'}, [b"new"])
    assert get_bytes(run, ScriptedPort(broken(), other)) == b"new"


@pytest.mark.parametrize(
    "useless",
    [
        Reply(412),
        Reply(416, {"Content-Range": "bytes */17"}),
        part(2 * MIB, ETag='"v2"'),
        part(2 * MIB + 1),
        part(2 * MIB, **{"Content-Encoding": "gzip"}),
        Reply(206, {"ETag": ETAG}, [b"rest"]),
        Reply(200, {"ETag": ETAG, "Content-Range": f"bytes 0-9/{len(BODY)}"}, [BODY[:10]]),
    ],
    ids=["412", "416", "other version", "another part", "encoded", "unnamed", "a slice as 200"],
)
@pytest.mark.parametrize("attempts", [2, 3])
def test_without_the_remaining_part_the_whole_body_is_fetched(
    run: Callable[[Any], Any], useless: Reply, attempts: int
) -> None:
    port = ScriptedPort(broken(), useless, whole())
    assert get_bytes(run, port, retries=RetryPolicy(attempts=attempts)) == BODY
    assert asked(port) == [None, f"bytes={2 * MIB}-", None]


def test_a_server_that_never_sends_the_remaining_part_is_an_error(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(*[broken(), Reply(416)] * 10)
    with pytest.raises(errors.ReadFailed):
        get_bytes(run, port)
    assert len(port.requests) <= 6


def test_a_chunked_body_that_lost_only_its_end_is_complete(run: Callable[[Any], Any]) -> None:
    first = Reply(200, {"ETag": ETAG, "Transfer-Encoding": "chunked"}, [*chunks(BODY), BROKEN])
    end = Reply(416, {"ETag": ETAG, "Content-Range": f"bytes */{len(BODY)}"})
    assert get_bytes(run, ScriptedPort(first, end)) == BODY


def test_after_a_part_shorter_than_requested_the_next_is_requested(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(broken(), part(2 * MIB, 2 * MIB + 99), part(2 * MIB + 100))
    assert get_bytes(run, port) == BODY


def test_a_part_longer_than_its_content_range_is_an_error(run: Callable[[Any], Any]) -> None:
    long = Reply(206, part(2 * MIB).headers, [BODY[2 * MIB :], b"!"])
    with pytest.raises(errors.ProtocolError, match="longer"):
        get_bytes(run, ScriptedPort(broken(), long))


def test_max_bytes_applies_to_the_resumed_body(run: Callable[[Any], Any]) -> None:
    chunked = Reply(200, {"ETag": ETAG, "Transfer-Encoding": "chunked"}, [*chunks(BODY[: 2 * MIB]), BROKEN])
    with pytest.raises(errors.LimitExceeded):
        get_bytes(run, ScriptedPort(chunked, part(2 * MIB)), max_bytes=len(BODY) - 1)


def test_a_status_between_parts_keeps_the_received_bytes(run: Callable[[Any], Any]) -> None:
    port = ScriptedPort(broken(), Reply(503), part(2 * MIB))
    assert get_bytes(run, port) == BODY


def test_a_final_status_is_raised(run: Callable[[Any], Any]) -> None:
    with pytest.raises(errors.StatusError) as caught:
        get_bytes(run, ScriptedPort(broken(), Reply(404)))
    assert caught.value.status_code == 404


def test_a_response_of_another_status_is_handed_out(run: Callable[[Any], Any]) -> None:
    port, asked = ScriptedPort(broken(), Reply(404, {}, [b"gone"])), call()
    response, content = run(fetch.respond(port, asked, False))
    assert (response.head.status, content) == (404, b"gone")
