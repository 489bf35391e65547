"""CPU of requests through a proxy against direct ones: ``python -m tests.benchmarks.proxied [--rounds N]``.

The client has its own core; servers and proxy share the last one. A forwarded request goes to the server itself,
which takes the absolute form: the client's cost does not depend on the program that forwards. Tunnels end in a relay.
The lowest of alternating rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import suppress

from tests.benchmarks.machine import on_core
from tests.benchmarks.measuring import SMALL, cpu_seconds, together
from tests.benchmarks.server import HOST, find_nginx, process, running_servers, some_ports

COUNT = 4000
TASKS = {"sync": 1, "asyncio": 32, "trio": 32}
BLOCK = 64 * 1024


def measured(kind: str, url: str, proxy: str | None, authority: str) -> float:
    """CPU seconds of one warm request."""
    from httpconn import HTTPConnection

    with HTTPConnection(proxy=proxy, verify=authority, trust_env=False) as connection:
        if kind == "sync":
            return _sync(lambda: connection.get_bytes(url))
        if kind == "trio":
            import trio

            return trio.run(_tasks, connection, url, TASKS[kind])
        return asyncio.run(_tasks(connection, url, TASKS[kind]))


def _sync(call) -> float:
    for _ in range(COUNT // 20):
        call()
    before = cpu_seconds()
    for _ in range(COUNT):
        call()
    return (cpu_seconds() - before) / COUNT


async def _tasks(connection, url: str, tasks: int) -> float:
    async def spread(count: int) -> None:
        turns = iter(range(count))

        async def work() -> None:
            for _ in turns:
                await connection.async_get_bytes(url)

        await together(work, tasks)

    await spread(tasks + COUNT // 20)
    before = cpu_seconds()
    await spread(COUNT)
    return (cpu_seconds() - before) / COUNT


async def relay(port: int) -> None:
    """Run a proxy that supports CONNECT."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            host, _, port = target.rpartition(":")
            upstream, downstream = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(copy(reader, downstream))
                both.create_task(copy(upstream, writer))

    async with await asyncio.start_server(serve, HOST, port) as server:
        await server.serve_forever()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(BLOCK):
            target.write(data)
            await target.drain()
    target.close()


def in_child(*arguments: object) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.proxied", "--measure", json.dumps(arguments)]
    with on_core(0):
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--relay", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.relay:
        asyncio.run(relay(options.relay))
    elif options.measure:
        print(measured(*options.measure))
    else:
        compare(options.rounds)


def compare(rounds: int) -> None:
    [port] = some_ports(1)
    command = [sys.executable, "-m", "tests.benchmarks.proxied", "--relay", str(port)]
    with running_servers({SMALL}, find_nginx()) as servers, process(command, [port]):
        ways = {
            "direct http": (servers.plain, None),
            "forwarded": (servers.plain, servers.plain),
            "direct https": (servers.tls, None),
            "tunnel": (servers.tls, f"http://{HOST}:{port}"),
        }
        figures: dict[tuple[str, str], float] = {}
        for _ in range(rounds):
            for kind in TASKS:
                for way, (base, proxy) in ways.items():
                    seconds = in_child(kind, f"{base}/{SMALL}", proxy, servers.authority)
                    figures[kind, way] = min(seconds, figures.get((kind, way), seconds))
    for kind in TASKS:
        for way, direct in (("forwarded", "direct http"), ("tunnel", "direct https")):
            ratio = figures[kind, way] / figures[kind, direct]
            own, other = (1e6 * figures[kind, each] for each in (way, direct))
            print(f"{kind:8} {way:10} {own:6.0f} us  {direct:13} {other:6.0f} us  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
