"""Collections of files, against aria2c, wget, pooch and huggingface_hub: ``python -m tests.benchmarks.collections``.

nginx limits the speed of each connection and logs each request. For each program, the table has the wall time, the
number of requests, and the bytes that it downloads again after a kill. Programs that are not installed are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.servers.nginx import HOST, PROGRAM, child

MIB = 1024 * 1024
SETTLE = 0.5  # seconds in which nginx notices that a killed program has closed its connections

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    log_format bytes $body_bytes_sent;
    access_log {folder}/requests bytes;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    sendfile on;
    limit_rate {rate};
    server {{ listen {listen}; root {folder}/files; }}
}}
"""

HTTPCONN = """
import json, sys, httpconn
with httpconn.HTTPConnection() as connection:
    items = [httpconn.Item(*each) for each in json.load(sys.stdin)]
    connection.download_all(items, ".").raise_for_failed()
"""
POOCH = """
import json, sys, pooch
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(16) as pool:
    files = json.load(sys.stdin)
    list(pool.map(lambda each: pooch.retrieve(each[0], each[2], fname=each[1], path="."), files))
"""
HUB = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub.file_download import http_get
def get(each):
    with open(each[1], "ab") as file:
        http_get(each[0], file, resume_size=file.tell(), expected_size=each[3])
with ThreadPoolExecutor(16) as pool:
    list(pool.map(get, json.load(sys.stdin)))
"""


class Program(NamedTuple):
    """A program that reads the files from standard input and stores them in its working directory.

    Attributes:
        command: the command.
        as_urls: whether it reads one URL per line, and otherwise JSON.
    """

    command: list[str]
    as_urls: bool = False


def programs() -> dict[str, Program]:
    """Return the installed programs."""
    python, xargs = [sys.executable, "-c"], ["xargs", "-P16", "-n1", "wget", "-q", "-c"]
    known = {"httpconn": Program([*python, HTTPCONN])}
    if shutil.which("aria2c"):
        known["aria2c -x16 -j16"] = Program(["aria2c", "-q", "-x16", "-j16", "-c", "-i", "-"], as_urls=True)
    if shutil.which("wget"):
        known["wget, 16 processes"] = Program(xargs, as_urls=True)
    modules = {"pooch": POOCH, "huggingface_hub": HUB}
    return known | {name: Program([*python, code]) for name, code in modules.items() if find_spec(name)}


class Server:
    """nginx with a collection.

    Args:
        folder: the folder of nginx.
        url: the URL of its root.
    """

    def __init__(self, folder: Path, url: str, count: int, size: int) -> None:
        self._log = folder / "requests"
        self.total = count * size
        block = os.urandom(size)
        self._files = []
        for number in range(count):
            name, data = f"shard-{number}.bin", number.to_bytes(8, "big") + block[8:]
            (folder / "files" / name).write_bytes(data)
            self._files.append((f"{url}/{name}", name, f"sha256:{hashlib.sha256(data).hexdigest()}", size))

    def input_of(self, program: Program) -> bytes:
        """Return the standard input of a program."""
        text = "".join(f"{url}\n" for url, *_ in self._files) if program.as_urls else json.dumps(self._files)
        return text.encode()

    def take_log(self) -> list[int]:
        """Return the bytes of each response since the last call."""
        time.sleep(SETTLE)
        sizes = [int(line) for line in self._log.read_text().splitlines()]
        os.truncate(self._log, 0)
        return sizes


@contextmanager
def served(count: int, size: int, rate: int) -> Iterator[Server]:
    """Serve a collection with nginx."""
    with tempfile.TemporaryDirectory() as name, socket.create_server((HOST, 0)) as listener:
        folder, address = Path(name), f"{HOST}:{listener.getsockname()[1]}"
        (folder / "files").mkdir()
        folder.chmod(0o755)
        configuration = folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, rate=rate, listen=address))
        with child(configuration, [listener.fileno()]):
            yield Server(folder, f"http://{address}", count, size)


def run(program: Program, server: Server, folder: str, kill_after: float | None = None) -> float:
    """Run a program; return its wall time. It is killed after some seconds if these are given."""
    began = time.monotonic()
    with subprocess.Popen(program.command, stdin=subprocess.PIPE, cwd=folder, start_new_session=True) as process:
        try:
            process.communicate(server.input_of(program), timeout=kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    return time.monotonic() - began


def measured(name: str, program: Program, server: Server) -> str:
    """Return a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(program, server, folder)
        requests = len(server.take_log())
    with tempfile.TemporaryDirectory() as folder:
        run(program, server, folder, kill_after=seconds / 2)
        before = sum(server.take_log())
        run(program, server, folder)
        again = max(0, before + sum(server.take_log()) - server.total)
    return f"| {name} | {seconds:.1f} s | {requests} | {again / MIB:.1f} MiB |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collections", description=__doc__)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--mib", type=int, default=64, help="size of each file")
    parser.add_argument("--rate", type=int, default=8 * MIB, help="bytes per second of each connection")
    options = parser.parse_args()
    if PROGRAM is None:
        sys.exit("nginx is not installed")
    print("| program | wall time | requests | downloaded again after a kill |\n| --- | --- | --- | --- |")
    with served(options.count, options.mib * MIB, options.rate) as server:
        for name, program in programs().items():
            print(measured(name, program, server), flush=True)


if __name__ == "__main__":
    main()
