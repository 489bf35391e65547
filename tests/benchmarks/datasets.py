"""Data sets: the rate of httpconn, img2dataset and Daft for JPEGs of 30 KB on 200 hosts.

``python -m tests.benchmarks.datasets --img2dataset PYTHON --daft PYTHON`` prints a table for a clean list of URLs and
for a hostile one: 5 percent have the status 404, 2 percent are truncated, 1 percent stall, and 1 percent redirect into
a network that the job must not reach. Each PYTHON has the package. Without it, the peer is left out.
Every job has one process on the first core; the server has the last one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import on_core
from tests.benchmarks.server import find_nginx, process, some_ports

SIZE = 30 * 1024
HOSTS = 200
PRIVATE = "127.9.9.9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % SIZE
FAULTS = {"missing": 5, "truncated": 2, "stalled": 1, "moved": 1}  # percent of the URLs
JOBS = {
    "httpconn, WebDataset": ("httpconn", "webdataset"),
    "img2dataset, WebDataset": ("img2dataset", "webdataset"),
    "httpconn, Parquet": ("httpconn", "parquet"),
    "Daft, Parquet": ("daft", "parquet"),
}
TIMEOUT = 1800
NGINX = """
user root; daemon off; worker_processes 1; error_log stderr crit; pid {root}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{
        listen 0.0.0.0:{port} backlog=4096; default_type image/jpeg; root {root};
        location / {{ try_files /image.jpg =404; }}
        location /missing {{ return 404; }}
    }}
}}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--urls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--img2dataset", metavar="PYTHON")
    parser.add_argument("--daft", metavar="PYTHON")
    parser.add_argument("--serve", nargs=2, metavar="PORT", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(*options.serve))
        return
    pythons = {"httpconn": sys.executable, "img2dataset": options.img2dataset, "daft": options.daft}
    with tempfile.TemporaryDirectory(prefix="bench-datasets-") as folder, servers(Path(folder)) as ports:
        for name, faults in (("clean", {}), ("hostile", FAULTS)):
            source = Path(folder) / f"{name}.txt"
            source.write_text("".join(f"{url}\n" for url in urls_of(options.urls, faults, *ports)))
            rounds = [run_jobs(source, Path(folder), pythons) for _ in range(options.rounds)]
            print(f"\n{name} list of {options.urls:,} URLs\n\n{table(rounds)}", flush=True)


@contextlib.contextmanager
def servers(root: Path) -> Iterator[tuple[int, int]]:
    """Run nginx, which has the files, and the server of the faults. The ports are the same on all addresses."""
    nginx = find_nginx()
    if nginx is None:
        sys.exit("This benchmark needs nginx")
    port, faulty = some_ports(2)
    (root / "image.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + random.Random(1).randbytes(SIZE - 11))
    (root / "nginx.conf").write_text(NGINX.format(root=root, port=port))
    root.chmod(0o755)
    own = [sys.executable, "-m", "tests.benchmarks.datasets", "--serve", str(faulty), str(port)]
    command = [nginx, "-e", "stderr", "-p", str(root), "-c", str(root / "nginx.conf")]
    with process(command, [port]), process(own, [faulty]):
        yield port, faulty


async def serve(port: int, private: int) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            if path.startswith(b"/moved"):
                place = b"http://%s:%d/1.jpg" % (PRIVATE.encode(), private)
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place)
            else:
                writer.write(HEAD + bytes(SIZE // 2))
            await writer.drain()
            await asyncio.sleep(600 if path.startswith(b"/stalled") else 0)
        writer.close()

    await (await asyncio.start_server(respond, "0.0.0.0", port, backlog=4096)).serve_forever()


def urls_of(count: int, faults: dict[str, int], port: int, faulty: int) -> Iterator[str]:
    chance = random.Random(2)
    kinds, weights = [*faults, ""], [*faults.values(), 100 - sum(faults.values())]
    for n, kind in enumerate(chance.choices(kinds, weights, k=count)):
        yield f"http://127.0.1.{n % HOSTS + 1}:{port if kind in ('', 'missing') else faulty}/{kind}/{n}.jpg"


def run_jobs(source: Path, folder: Path, pythons: dict[str, str | None]) -> dict[str, Any]:
    return {name: run_job(source, folder, pythons[job[0]], *job) for name, job in JOBS.items() if pythons[job[0]]}


def run_job(source: Path, folder: Path, python: str | None, kind: str, form: str) -> Any:
    with tempfile.TemporaryDirectory(dir=folder) as sink, on_core(0):
        command = [str(python), "-m", "tests.benchmarks.datasetjobs", kind, form, str(source), sink]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rounds: list[dict[str, Any]]) -> str:
    """Return the best round of each job as a table."""
    lines = ["| job | URLs a second | CPU for each URL | peak memory | bodies |", "| --- | --- | --- | --- | --- |"]
    for name in rounds[0]:
        best = min((each[name] for each in rounds), key=lambda figures: figures["seconds"])
        rate, cpu = best["urls"] / best["seconds"], best["cpu"] / best["urls"] * 1e6
        lines.append(f"| {name} | {rate:,.0f} | {cpu:.0f} µs | {best['peak']:.0f} MB | {best['bodies']:,} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
