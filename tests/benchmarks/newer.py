"""Workers of newer clients: httpx2, niquests, and pyreqwest, which is written in Rust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Job
from tests.benchmarks.workers import PATIENCE, worker


@worker("sync:httpx2", "proxy-sync:httpx2")
def httpx2_sync(job: Job) -> None:
    import httpx2

    with httpx2.Client(verify=job.verify, proxy=job.proxy) as client:
        job.run(lambda url: len(client.get(url).content))


@worker("asyncio:httpx2", "trio:httpx2", "proxy-asyncio:httpx2", "http2:httpx2")
async def httpx2_async(job: Job) -> None:
    import httpx2

    async with httpx2.AsyncClient(timeout=PATIENCE, verify=job.verify, proxy=job.proxy, http2=job.http2) as client:

        async def get(url: str) -> int:
            return len((await client.get(url)).content)

        await job.run_tasks(get)


@worker("sync:niquests", "proxy-sync:niquests")
def niquests_sync(job: Job) -> None:
    import niquests

    with niquests.Session() as session:
        session.verify, session.proxies = job.authority or True, {"all": job.proxy} if job.proxy else {}
        job.run(lambda url: len(session.get(url).content or b""))


@worker("asyncio:niquests", "proxy-asyncio:niquests", "http2:niquests")
async def niquests_async(job: Job) -> None:
    import niquests

    # With fewer pools than hosts, version 3.21 can wait forever.
    async with niquests.AsyncSession(pool_connections=max(job.hosts, 10)) as session:
        session.verify, session.proxies = job.authority or True, {"all": job.proxy} if job.proxy else {}

        async def get(url: str) -> int:
            return len((await session.get(url)).content or b"")

        await job.run_tasks(get)


def built(builder: Any, job: Job) -> Any:
    """Return a client of pyreqwest with the authority and the proxy of the job."""
    from pyreqwest.proxy import ProxyBuilder

    if job.http2:
        builder = builder.http2(True)
    if job.authority:
        builder = builder.add_root_certificate_pem(Path(job.authority).read_bytes())
    return (builder.proxy(ProxyBuilder.all(job.proxy)) if job.proxy else builder).build()


@worker("sync:pyreqwest", "proxy-sync:pyreqwest")
def pyreqwest_sync(job: Job) -> None:
    from pyreqwest.client import SyncClientBuilder

    with built(SyncClientBuilder(), job) as client:
        job.run(lambda url: len(client.get(url).build().send().bytes()))


@worker("asyncio:pyreqwest", "proxy-asyncio:pyreqwest", "http2:pyreqwest")
async def pyreqwest_async(job: Job) -> None:
    from pyreqwest.client import ClientBuilder

    async with built(ClientBuilder(), job) as client:

        async def get(url: str) -> int:
            return len(await (await client.get(url).build().send()).bytes())

        await job.run_tasks(get)
