"""Workers that fetch into memory: with one client, a new client for each call, an access policy, and many tasks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measuring import Job
from tests.benchmarks.standard import easy_handle, standard_connection
from tests.benchmarks.workers import PATIENCE, worker

if TYPE_CHECKING:
    from httpconn import AccessPolicy


def fetch(job: Job, **options: Any) -> None:
    import httpconn

    with httpconn.HTTPConnection(**{"verify": job.verify, "proxy": job.proxy, **options}) as connection:
        job.run(lambda url: len(connection.get_bytes(url)))


async def fetch_in_tasks(job: Job, **options: Any) -> None:
    import httpconn

    async with httpconn.HTTPConnection(**{"verify": job.verify, "proxy": job.proxy, **options}) as connection:

        async def get(url: str) -> int:
            return len(await connection.async_get_bytes(url))

        await job.run_tasks(get)


@worker("sync:httpconn", "guard-sync:httpconn", "proxy-sync:httpconn")
def httpconn_sync(job: Job) -> None:
    fetch(job)


@worker("asyncio:httpconn", "trio:httpconn", "trio:httpconn-asyncio", "guard-asyncio:httpconn")
@worker("bounds-asyncio:httpconn", "floor:httpconn", "proxy-asyncio:httpconn", "http2:httpconn-http1")
async def httpconn_async(job: Job) -> None:
    await fetch_in_tasks(job, timeout=PATIENCE)


@worker("http2:httpconn")
async def httpconn_http2(job: Job) -> None:
    await fetch_in_tasks(job, timeout=PATIENCE, http2=True)


@worker("proxy-sync:httpconn-direct")
def httpconn_direct(job: Job) -> None:
    fetch(job, proxy=None)


@worker("proxy-asyncio:httpconn-direct")
async def httpconn_direct_async(job: Job) -> None:
    await fetch_in_tasks(job, timeout=PATIENCE, proxy=None)


@worker("guard-sync:httpconn-guarded")
def guarded_sync(job: Job) -> None:
    fetch(job, access=guard())


@worker("guard-asyncio:httpconn-guarded")
async def guarded_async(job: Job) -> None:
    await fetch_in_tasks(job, timeout=PATIENCE, access=guard())


@worker("bounds-asyncio:httpconn-bounded")
async def bounded_async(job: Job) -> None:
    # All limits of a call, none of which is reached.
    import httpconn

    rates = [httpconn.RateLimit(1e6, burst=1_000_000, scope=scope) for scope in ("host", "all")]
    hooks = {"retry": [print], "redirect": [print]}
    with httpconn.deadline(PATIENCE):
        await fetch_in_tasks(job, timeout=PATIENCE, rate_limit=rates, bandwidth=1e12, event_hooks=hooks)


def guard() -> AccessPolicy:
    # A policy for untrusted URLs that checks every request, and allows the server on this machine.
    from httpconn import AccessPolicy

    return AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"], own_interfaces=True)


@worker("sync:httpx", "proxy-sync:httpx")
def httpx_sync(job: Job) -> None:
    import httpx

    with httpx.Client(verify=job.verify, proxy=job.proxy) as client:
        job.run(lambda url: len(client.get(url).content))


@worker("sync:requests", "proxy-sync:requests")
def requests_sync(job: Job) -> None:
    import requests

    with requests.Session() as session:
        session.verify, session.proxies = job.authority or True, {"all": job.proxy} if job.proxy else {}
        job.run(lambda url: len(session.get(url).content))


@worker("sync:http.client")
def http_client_sync(job: Job) -> None:
    connection = standard_connection(job)

    def get(url: str) -> int:
        connection.request("GET", url.removeprefix(job.base))
        return len(connection.getresponse().read())

    job.run(get)


@worker("sync:pycurl", "proxy-sync:pycurl")
def pycurl_sync(job: Job) -> None:
    import pycurl

    curl = easy_handle(job)

    def get(url: str) -> int:
        body = io.BytesIO()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.WRITEDATA, body)
        curl.perform()
        return len(body.getvalue())

    job.run(get)


@worker("asyncio:httpx", "trio:httpx", "proxy-asyncio:httpx", "http2:httpx")
async def httpx_async(job: Job) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=PATIENCE, verify=job.verify, proxy=job.proxy, http2=job.http2) as client:

        async def get(url: str) -> int:
            return len((await client.get(url)).content)

        await job.run_tasks(get)


@worker("asyncio:aiohttp", "proxy-asyncio:aiohttp")
async def aiohttp_async(job: Job) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def get(url: str) -> int:
            async with session.get(url, ssl=job.verify, proxy=job.proxy) as response:
                return len(await response.read())

        await job.run_tasks(get)


@worker("fresh:httpconn")
def httpconn_fresh(job: Job) -> None:
    import httpconn

    connection = httpconn.HTTPConnection(reuse_client=False, verify=job.verify)
    job.run(lambda url: len(connection.get_bytes(url)))


@worker("fresh:httpx")
def httpx_fresh(job: Job) -> None:
    import httpx

    def get(url: str) -> int:
        with httpx.Client(verify=job.verify) as client:
            return len(client.get(url).content)

    job.run(get)


@worker("fresh:requests")
def requests_fresh(job: Job) -> None:
    import requests

    job.run(lambda url: len(requests.get(url, verify=job.authority or True).content))


@worker("crowd:httpconn-threads")
def httpconn_crowd_threads(job: Job) -> None:
    import httpconn

    with httpconn.HTTPConnection(limits=httpconn.Limits(max_connections=20), verify=job.verify) as connection:
        job.run_threads(lambda url: len(connection.get_bytes(url)))


@worker("crowd:httpconn-asyncio", "crowd:httpconn-trio")
async def httpconn_crowd_tasks(job: Job) -> None:
    from httpconn import Limits

    await fetch_in_tasks(job, limits=Limits(max_connections=20))
