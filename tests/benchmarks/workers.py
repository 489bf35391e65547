"""Every worker: ``KIND:PEER`` -> a function that fetches by one library in one way.

A peer is added by adding a function. Peers are imported where they are used: a process pays for one of them alone.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .measuring import Job

BLOCK = 1024 * 1024
PATIENCE = 600.0

Worker = Callable[[Job], Awaitable[None] | None]
W = TypeVar("W", bound=Worker)

WORKERS: dict[str, Worker] = {}


def worker(*names: str) -> Callable[[W], W]:
    """Enter a function under its names."""

    def enter(function: W) -> W:
        WORKERS.update(dict.fromkeys(names, function))
        return function

    return enter


@worker("sync:httpconn")
def httpconn_sync(job: Job) -> None:
    import httpconn

    with httpconn.HTTPConnection() as connection:
        job.run(lambda url: len(connection.get_bytes(url)))


@worker("sync:httpx")
def httpx_sync(job: Job) -> None:
    import httpx

    with httpx.Client() as client:
        job.run(lambda url: len(client.get(url).content))


@worker("sync:requests")
def requests_sync(job: Job) -> None:
    import requests

    with requests.Session() as session:
        job.run(lambda url: len(session.get(url).content))


@worker("sync:http.client")
def http_client_sync(job: Job) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection(job.base.removeprefix("http://"))

    def get(url: str) -> int:
        connection.request("GET", url.removeprefix(job.base))
        return len(connection.getresponse().read())

    job.run(get)


@worker("sync:pycurl")
def pycurl_sync(job: Job) -> None:
    import pycurl

    curl = pycurl.Curl()

    def get(url: str) -> int:
        body = io.BytesIO()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.WRITEDATA, body)
        curl.perform()
        return len(body.getvalue())

    job.run(get)


@worker("asyncio:httpconn", "trio:httpconn")
async def httpconn_async(job: Job) -> None:
    import httpconn

    async with httpconn.HTTPConnection(timeout=PATIENCE) as connection:

        async def get(url: str) -> int:
            return len(await connection.async_get_bytes(url))

        await job.run_tasks(get)


@worker("asyncio:httpx", "trio:httpx")
async def httpx_async(job: Job) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=PATIENCE) as client:

        async def get(url: str) -> int:
            return len((await client.get(url)).content)

        await job.run_tasks(get)


@worker("asyncio:aiohttp")
async def aiohttp_async(job: Job) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def get(url: str) -> int:
            async with session.get(url) as response:
                return len(await response.read())

        await job.run_tasks(get)


@worker("fresh:httpconn")
def httpconn_fresh(job: Job) -> None:
    import httpconn

    connection = httpconn.HTTPConnection(reuse_client=False)
    job.run(lambda url: len(connection.get_bytes(url)))


@worker("fresh:httpx")
def httpx_fresh(job: Job) -> None:
    import httpx

    def get(url: str) -> int:
        with httpx.Client() as client:
            return len(client.get(url).content)

    job.run(get)


@worker("fresh:requests")
def requests_fresh(job: Job) -> None:
    import requests

    job.run(lambda url: len(requests.get(url).content))


@worker("download:httpconn")
def httpconn_download(job: Job) -> None:
    import httpconn

    with httpconn.HTTPConnection() as connection:
        job.run(lambda url: connection.download_file(url, job.target).stat().st_size)


@worker("download:httpconn-asyncio")
async def httpconn_download_async(job: Job) -> None:
    import httpconn

    async with httpconn.HTTPConnection() as connection:

        async def download(url: str) -> int:
            return (await connection.async_download_file(url, job.target)).stat().st_size

        await job.run_tasks(download)


@worker("download:httpx")
def httpx_download(job: Job) -> None:
    import httpx

    with httpx.Client() as client:

        def download(url: str) -> int:
            with client.stream("GET", url) as response, job.created() as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                return file.tell()

        job.run(download)


def requests_download(job: Job, chunk_size: int) -> None:
    import requests

    with requests.Session() as session:

        def download(url: str) -> int:
            with session.get(url, stream=True) as response, job.created() as file:
                for chunk in response.iter_content(chunk_size):
                    file.write(chunk)
                return file.tell()

        job.run(download)


@worker("download:requests-128")
def requests_download_128(job: Job) -> None:
    requests_download(job, 128)


@worker("download:requests-1MiB")
def requests_download_1mib(job: Job) -> None:
    requests_download(job, BLOCK)


@worker("download:http.client")
def http_client_download(job: Job) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection(job.base.removeprefix("http://"))

    def download(url: str) -> int:
        connection.request("GET", url.removeprefix(job.base))
        with connection.getresponse() as response, job.created() as file:
            shutil.copyfileobj(response, file, BLOCK)
            return file.tell()

    job.run(download)


@worker("download:pycurl")
def pycurl_download(job: Job) -> None:
    import pycurl

    curl = pycurl.Curl()

    def download(url: str) -> int:
        with job.created() as file:
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.WRITEDATA, file)
            curl.perform()
            return file.tell()

    job.run(download)


async def aiohttp_download(job: Job, chunk_size: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def download(url: str) -> int:
            async with session.get(url) as response:
                with job.created() as file:
                    async for chunk in response.content.iter_chunked(chunk_size):
                        file.write(chunk)
                    return file.tell()

        await job.run_tasks(download)


@worker("download:aiohttp-128")
async def aiohttp_download_128(job: Job) -> None:
    await aiohttp_download(job, 128)


@worker("download:aiohttp-1MiB")
async def aiohttp_download_1mib(job: Job) -> None:
    await aiohttp_download(job, BLOCK)


if shutil.which("curl"):

    @worker("download:curl")
    def curl_download(job: Job) -> None:
        def download(url: str) -> int:
            subprocess.run(["curl", "--silent", "--fail", "--output", str(job.target), url], check=True)
            return job.target.stat().st_size

        job.run(download)
