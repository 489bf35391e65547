"""CPU of HTTP/2 against HTTP/1.1 over TLS and httpx's HTTP/2: ``python -m tests.benchmarks.multiplexed [--rounds N]``.

The client has its own core; the server has the last one. The lowest of alternating rounds counts. The offer of
HTTP/2 to a server that declines it is compared with no offer. httpx's ratios need its ``http2`` extra.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.machine import on_core
from tests.benchmarks.measuring import cpu_seconds, together
from tests.benchmarks.server import HOST, find_nginx, process, some_ports
from tests.servers.tls import Certificates

KIB, MIB = 2**10, 2**20
WORKS = {"1 KB, 32 tasks": (KIB, 32, 3000), "1 MB, 16 tasks": (MIB, 16, 128), "100 MB download": (100 * MIB, 1, 1)}
WAYS = ("HTTP/2", "HTTP/1.1", "declined", "httpx")

CONFIGURATION = """
daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; root {folder}; keepalive_requests 10000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    server {{ listen {host}:{http2} ssl http2; }}
    server {{ listen {host}:{http1} ssl; }}
}}
"""


async def measured(way: str, work: str, url: str, authority: str) -> float:
    """CPU seconds of one warm request."""
    size, tasks, count = WORKS[work]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "file" if size > MIB else None
        get, close = _httpx(url, authority, target) if way == "httpx" else _ours(way, url, authority, target)
        await _spread(get, tasks, tasks)
        before = cpu_seconds()
        await _spread(get, tasks, count)
        used = cpu_seconds() - before
        await close()
    return used / count


def _ours(way: str, url: str, authority: str, target: Path | None) -> tuple[Callable[[], Awaitable[object]], ...]:
    from httpconn import HTTPConnection

    connection = HTTPConnection(http2=way != "HTTP/1.1", verify=authority, trust_env=False)
    if target is None:
        return lambda: connection.async_get_bytes(url), connection.aclose
    return lambda: connection.async_download(url, target, segments=1), connection.aclose


def _httpx(url: str, authority: str, target: Path | None) -> tuple[Callable[[], Awaitable[object]], ...]:
    import httpx

    context = ssl.create_default_context(cafile=authority)
    client = httpx.AsyncClient(http2=True, verify=context, trust_env=False, timeout=60)

    async def download() -> None:
        assert target is not None
        async with client.stream("GET", url) as response:
            with target.open("wb") as file:
                async for part in response.aiter_raw():
                    file.write(part)

    return (lambda: client.get(url)) if target is None else download, client.aclose


async def _spread(get: Callable[[], Awaitable[object]], tasks: int, count: int) -> None:
    turns = iter(range(count))

    async def work() -> None:
        for _ in turns:
            await get()

    await together(work, tasks)


def compare(rounds: int) -> None:
    figures: dict[tuple[str, str], float] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificates = Certificates(folder)
        ports = some_ports(2)
        values = {"folder": folder, "certificate": certificates.files.server, "host": HOST}
        configuration = folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(http2=ports[0], http1=ports[1], **values))
        for size, _, _ in WORKS.values():
            (folder / str(size)).write_bytes(bytes(size))
        program = find_nginx()
        if program is None:
            raise SystemExit("nginx is not installed (Debian: nginx-light)")
        stack.enter_context(process([program, "-p", folder, "-c", configuration], ports))
        for _ in range(rounds):
            for work, (size, _, _) in WORKS.items():
                for way in WAYS:
                    url = f"https://{HOST}:{ports[way in ('HTTP/1.1', 'declined')]}/{size}"
                    seconds = in_child(way, work, url, str(certificates.files.authority))
                    figures[work, way] = min(seconds, figures.get((work, way), seconds))
    for work in WORKS:
        own, plain, declined, httpx = (figures[work, way] for way in WAYS)
        print(f"{work:16} HTTP/2 {1e6 * own:8.0f} us  / HTTP/1.1 {own / plain:.2f}  / httpx {own / httpx:.2f}", end="")
        print(f"  declined / HTTP/1.1 {declined / plain:.2f}")


def in_child(*arguments: object) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.multiplexed", "--measure", json.dumps(arguments)]
    with on_core(0):
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(asyncio.run(measured(*options.measure)))
    else:
        compare(options.rounds)


if __name__ == "__main__":
    main()
