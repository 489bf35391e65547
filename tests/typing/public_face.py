"""What a type checker makes of the public names; it is checked, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

import httpx

import httpconn
from httpconn.testing import ScriptedServer, response


def synchronous(conn: httpconn.HTTPConnection) -> None:
    url = httpx.URL("https://example.com/")
    assert_type(conn.get_bytes(url, timeout=5, max_bytes=10, budget=httpconn.ByteBudget(5)), bytes)
    assert_type(conn.get_text("https://example.com/", extra_headers={"A": "b"}), str)
    assert_type(conn.get_json("https://example.com/", allow_redirects=False), Any)
    answer = conn.get_response("https://example.com/", stream=True, retries=2)
    assert_type(answer, httpconn.Response)
    plain: httpx.Response = answer
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
    assert_type(await conn.async_download_file("https://example.com/", "file"), Path)
    assert_type(await conn.async_download("https://example.com/", "file"), httpconn.Downloaded)
    assert_type(await conn.get_async_client(), httpx.AsyncClient)
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


def errors(error: httpconn.HTTPConnError) -> Iterator[str]:
    assert_type(error.public_message, str)
    assert_type(error.attempts, int)
    transport: httpx.HTTPError | Exception = httpconn.ReadTimedOut("late")
    yield str(transport)


def testing() -> None:
    with ScriptedServer(response(body=b"ok")) as server:
        assert_type(server.url, str)


def mistakes(conn: httpconn.HTTPConnection) -> None:
    conn.get_bytes("https://example.com/", tiemout=5)  # type: ignore[call-arg]
    conn.get_bytes(5)  # type: ignore[arg-type]
    conn.download("https://example.com/", "file", digest=b"sha256:00")  # type: ignore[arg-type]
    conn.download("https://example.com/", "file", filename="name")  # type: ignore[arg-type]
    httpconn.HTTPConnection(retires=3)  # type: ignore[call-arg]
    httpconn.nothing  # type: ignore[attr-defined]  # noqa: B018
