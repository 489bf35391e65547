"""The server that is measured against: nginx where it is installed, or else one of our own; a process of its own.

Both answer ``/N`` with N bytes for every N that they were started for, on kept-alive connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .machine import on_core

INLINE = 64 * 1024
BACKLOG = 4096
NGINX = """
user {user}; daemon off; worker_processes 1; error_log stderr crit; pid {root}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{ listen 127.0.0.1:{port} backlog={backlog}; root {root}/files; default_type application/octet-stream; }}
}}
"""


@contextlib.contextmanager
def running_server(sizes: set[int]) -> Iterator[tuple[str, str]]:
    """Start the server; its URL without a path, and its name."""
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        root = Path(folder)
        write_files(root / "files", sizes)
        port = free_port()
        command, name = nginx_command(root, port) if shutil.which("nginx") else own_command(root, port)
        with on_core(-1):
            process = subprocess.Popen(command)
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}", name
        finally:
            process.terminate()
            process.wait(timeout=10)


def write_files(folder: Path, sizes: set[int]) -> None:
    folder.mkdir()
    for size in sizes:
        with open(folder / str(size), "wb") as file:
            file.truncate(size)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def nginx_command(root: Path, port: int) -> tuple[list[str], str]:
    config = root / "nginx.conf"
    config.write_text(NGINX.format(user=getpass.getuser(), root=root, port=port, backlog=BACKLOG))
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return ["nginx", "-e", "stderr", "-p", str(root), "-c", str(config)], version.partition(": ")[2].strip()


def own_command(root: Path, port: int) -> tuple[list[str], str]:
    return [sys.executable, "-m", __name__, str(root / "files"), str(port)], "asyncio protocol with sendfile"


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("the server did not start")


class Answers(asyncio.Protocol):
    """One connection: finds the ends of the requests, and answers each."""

    def __init__(self, files: dict[bytes, BinaryIO], small: dict[bytes, bytes]) -> None:
        self._files = files
        self._small = small
        self._unread = b""
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head.split(b" ", 2)[1])

    def _answer(self, path: bytes) -> None:
        if (whole := self._small.get(path)) is not None:
            self._transport.write(whole)
        else:
            self._sending = asyncio.create_task(self._send_file(self._files[path], int(path[1:])))

    async def _send_file(self, file: BinaryIO, size: int) -> None:
        self._transport.write(head_of(size))
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sendfile(self._transport, file, 0, size)


def head_of(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size


def serve(folder: Path, port: int) -> None:
    """Answer until somebody ends the process."""
    with contextlib.ExitStack() as opened:
        paths = {f"/{path.name}".encode(): path for path in folder.iterdir()}
        files = {name: opened.enter_context(open(path, "rb")) for name, path in paths.items()}
        sizes = {name: path.stat().st_size for name, path in paths.items()}
        small = {name: head_of(size) + bytes(size) for name, size in sizes.items() if size <= INLINE}
        asyncio.run(listen(lambda: Answers(files, small), port))


async def listen(protocol: Callable[[], Answers], port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
