"""What a type checker makes of the public names; it is checked, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

import httpx

import httpconn
from httpconn.progress import rich_progress
from httpconn.testing import Received, Reset, ScriptedServer, cut, in_turn, no_network, redirect, response
from httpconn.transport import HTTPTransport


def rich_event(event: httpconn.Progress) -> None:
    assert_type((event.sent, event.count), tuple[int, int])


async def parts() -> AsyncIterator[bytes]:
    yield b"x"


def synchronous(conn: httpconn.HTTPConnection) -> None:
    url = httpx.URL("https://example.com/")
    assert_type(conn.get_bytes(url, timeout=5, max_bytes=10, budget=httpconn.ByteBudget(5)), bytes)
    assert_type(conn.get_text("https://example.com/", extra_headers={"A": "b"}), str)
    assert_type(conn.get_json("https://example.com/", allow_redirects=False), Any)
    got = conn.get_response("https://example.com/", stream=True, retries=2)
    assert_type(got, httpconn.Response)
    plain: httpx.Response = got
    with Path("file").open("rb") as body:
        assert_type(conn.request("PUT", url, content=body, progress=rich_event), httpconn.Response)
    sent = conn.request("POST", url, data={"a": 1}, files={"f": ("n", b"x", "text/plain")}, params=[("q", "1")])
    assert_type(sent.iter_lines(max_length=10), Iterator[str])
    assert_type(sent.iter_json_lines(), Iterator[Any])
    assert_type(plain.content, bytes)
    assert_type(conn.download_file("https://example.com/", "file", segments=4), Path)
    done = conn.download("https://example.com/", Path("file"), digest="sha256:00", mirrors=["https://example.org/"])
    assert_type(done, httpconn.Downloaded)
    assert_type((done.size, done.digest, done.verified), tuple[int, str | None, frozenset[str]])
    assert_type(conn.get_sync_client(), httpx.Client)
    assert_type(conn.stats().hosts["example.com"].requests, int)
    with conn.open("https://example.com/") as file:
        assert_type(file, httpconn.RemoteFile)
        assert_type(file.read(), bytes)
        assert_type(file.read_ranges([(0, 4), (-4, None)]), list[bytes])
    assert_type(conn.get_ranges("https://example.com/", [(0, 4)]), list[bytes])
    with conn.get_many(["https://example.com/"], concurrency=4) as results:
        assert_type(results, httpconn.Results[httpconn.Fetched])
        for fetched in results:
            assert_type(fetched, httpconn.Fetched)
            assert_type(fetched.result(), bytes)
            assert_type(fetched.error, httpconn.HTTPConnError | None)
    with conn.download_many([("https://example.com/", Path("file"))]) as files:
        assert_type(next(iter(files)).result(), httpconn.Downloaded)
    with conn as same:
        assert_type(same, httpconn.HTTPConnection)


async def asynchronous(conn: httpconn.HTTPConnection) -> None:
    assert_type(await conn.async_get_bytes("https://example.com/"), bytes)
    assert_type(await conn.async_get_text("https://example.com/"), str)
    assert_type(await conn.async_get_json("https://example.com/"), Any)
    assert_type(await conn.get_async_response("https://example.com/"), httpconn.Response)
    sent = await conn.async_request("POST", "https://example.com/", content=parts(), json=None)
    assert_type(sent.aiter_json_lines(), AsyncIterator[Any])
    assert_type(await conn.async_download_file("https://example.com/", "file"), Path)
    assert_type(await conn.async_download("https://example.com/", "file"), httpconn.Downloaded)
    assert_type(await conn.get_async_client(), httpx.AsyncClient)
    async with conn.async_open("https://example.com/") as file:
        assert_type(file, httpconn.AsyncRemoteFile)
        assert_type(await file.read(), bytes)
    assert_type(await conn.async_open("https://example.com/"), httpconn.AsyncRemoteFile)
    async with conn.async_get_many(urls()) as results:
        assert_type(results, httpconn.AsyncResults[httpconn.Fetched])
        async for fetched in results:
            assert_type(fetched, httpconn.Fetched)
    async with conn as same:
        assert_type(same, httpconn.HTTPConnection)


async def urls() -> AsyncIterator[str]:
    yield "https://example.com/"


def options() -> None:
    httpconn.HTTPConnection(
        timeout=httpconn.Timeouts(total=5),
        limits=httpconn.Limits(max_per_host=4),
        retries=httpconn.RetryPolicy(attempts=2),
        redirects=httpconn.RedirectPolicy(max_hops=1),
        rate_limit=[httpconn.RateLimit(5), httpconn.RateLimit(50, scope="all")],
        bandwidth=1_000_000,
        access=httpconn.AccessPolicy.public_internet(),
        verify=httpconn.Pinned("sha256/" + "A" * 43 + "="),
        event_hooks={"retry": [lambda event: print(event.url)]},
    )
    assert_type(httpconn.AccessPolicy.anywhere().check("https://example.com/"), httpconn.Checked)
    assert_type(httpconn.global_http_connection, httpconn.HTTPConnection)
    with httpconn.deadline(5):
        pass


def events(retry: httpconn.RetryEvent, hop: httpconn.RedirectEvent, progress: httpconn.Progress) -> None:
    assert_type((retry.attempt, retry.error), tuple[int, httpconn.HTTPConnError])
    assert_type((hop.status_code, hop.to), tuple[int, str])
    assert_type((progress.received, progress.total), tuple[int, int | None])
    show: httpconn.ProgressCallback = print
    show(progress)
    with rich_progress() as face:
        face(progress)


def kept(conn: httpconn.HTTPConnection, cache: httpconn.Cache) -> None:
    assert_type(cache.max_bytes, int)
    assert_type(conn.stats().connections.reuse_rate, float)
    with httpx.Client(transport=HTTPTransport(access=httpconn.AccessPolicy.public_internet())) as client:
        assert_type(client, httpx.Client)


def errors(error: httpconn.HTTPConnError) -> Iterator[str]:
    if isinstance(error, httpconn.StatusError):
        assert_type((error.status_code, error.response), tuple[int, httpx.Response])
    assert_type(error.public_message, str)
    assert_type(error.attempts, int)
    transport: httpx.HTTPError | Exception = httpconn.ReadTimedOut("late")
    yield str(transport)


def testing() -> None:
    script = in_turn(cut(response(body=b"ok"), after=5), [Reset()], redirect("/there"), response(503))
    with no_network(), ScriptedServer(script) as server:
        assert_type(server.url, str)
        assert_type(server.requests, list[Received])
        assert_type(server.requests[0].header("Host"), str | None)


def mistakes(conn: httpconn.HTTPConnection) -> None:
    conn.get_bytes("https://example.com/", tiemout=5)  # type: ignore[call-arg]
    conn.get_bytes(5)  # type: ignore[arg-type]
    conn.download("https://example.com/", "file", digest=b"sha256:00")  # type: ignore[arg-type]
    conn.download("https://example.com/", "file", filename="name")  # type: ignore[arg-type]
    httpconn.HTTPConnection(retires=3)  # type: ignore[call-arg]
    httpconn.nothing  # type: ignore[attr-defined]  # noqa: B018
