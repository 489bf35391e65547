"""Workers that fetch into a file."""

from __future__ import annotations

import shutil
import subprocess

from tests.benchmarks.measuring import Job
from tests.benchmarks.standard import easy_handle, standard_connection
from tests.benchmarks.workers import worker

BLOCK = 1024 * 1024


@worker("download:httpconn", "large:httpconn")
def httpconn_download(job: Job) -> None:
    import httpconn

    with httpconn.HTTPConnection(verify=job.verify) as connection:
        job.run(lambda url: connection.download_file(url, job.target).stat().st_size)


@worker("download:httpconn-asyncio", "large:httpconn-asyncio")
async def httpconn_download_async(job: Job) -> None:
    import httpconn

    async with httpconn.HTTPConnection(verify=job.verify) as connection:

        async def download(url: str) -> int:
            return (await connection.async_download_file(url, job.target)).stat().st_size

        await job.run_tasks(download)


@worker("download:httpx", "large:httpx")
def httpx_download(job: Job) -> None:
    import httpx

    with httpx.Client(verify=job.verify) as client:

        def download(url: str) -> int:
            with client.stream("GET", url) as response, job.created() as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                return file.tell()

        job.run(download)


def requests_download(job: Job, chunk_size: int) -> None:
    import requests

    with requests.Session() as session:
        session.verify = job.authority or True

        def download(url: str) -> int:
            with session.get(url, stream=True) as response, job.created() as file:
                for chunk in response.iter_content(chunk_size):
                    file.write(chunk)
                return file.tell()

        job.run(download)


@worker("download:requests-128")
def requests_download_128(job: Job) -> None:
    requests_download(job, 128)


@worker("download:requests-1MiB", "large:requests-1MiB")
def requests_download_1mib(job: Job) -> None:
    requests_download(job, BLOCK)


@worker("download:http.client", "large:http.client")
def http_client_download(job: Job) -> None:
    connection = standard_connection(job)

    def download(url: str) -> int:
        connection.request("GET", url.removeprefix(job.base))
        with connection.getresponse() as response, job.created() as file:
            shutil.copyfileobj(response, file, BLOCK)
            return file.tell()

    job.run(download)


@worker("download:pycurl", "large:pycurl")
def pycurl_download(job: Job) -> None:
    import pycurl

    curl = easy_handle(job)

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
            async with session.get(url, ssl=job.verify) as response:
                with job.created() as file:
                    async for chunk in response.content.iter_chunked(chunk_size):
                        file.write(chunk)
                    return file.tell()

        await job.run_tasks(download)


@worker("download:aiohttp-128")
async def aiohttp_download_128(job: Job) -> None:
    await aiohttp_download(job, 128)


@worker("download:aiohttp-1MiB", "large:aiohttp-1MiB")
async def aiohttp_download_1mib(job: Job) -> None:
    await aiohttp_download(job, BLOCK)


if shutil.which("curl"):

    @worker("download:curl", "large:curl")
    def curl_download(job: Job) -> None:
        command = ["curl", "--silent", "--fail", *(["--cacert", job.authority] if job.authority else [])]

        def download(url: str) -> int:
            subprocess.run([*command, "--output", str(job.target), url], check=True)
            return job.target.stat().st_size

        job.run(download)
