"""A real proxy, for http (absolute form) and https (CONNECT)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.proxy_record import RECORD, RecordingPlugin

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


@dataclass(frozen=True)
class ProxyServer:
    """A running proxy.

    Attributes:
        url: its URL, with user and password if it requires them.
        bare_url: its URL without them.
    """

    url: str
    bare_url: str
    record: Path

    @property
    def requests(self) -> list[tuple[str, str]]:
        """The requests that it received: ``("CONNECT", "host:port")`` or ``("GET", "http://host:port/path")``."""
        lines = self.record.read_text("latin-1").splitlines()
        return [(method, target) for method, _, target in (line.partition(" ") for line in lines)]


@contextmanager
def running_proxy(folder: Path, *, credentials: str | None = None) -> Iterator[ProxyServer]:
    """proxy.py in a child process; ``credentials`` are ``user:password``."""
    port_file, record = folder / "port", folder / "record"
    record.touch()
    with _child(port_file, record, credentials) as process:
        address = f"127.0.0.1:{_read_port(port_file, process)}"
        prefix = f"{credentials}@" if credentials else ""
        yield ProxyServer(f"http://{prefix}{address}", f"http://{address}", record)


@contextmanager
def _child(port_file: Path, record: Path, credentials: str | None) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, RECORD: str(record), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        _command(port_file, credentials),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(port_file: Path, credentials: str | None) -> list[str]:
    plugin = f"{RecordingPlugin.__module__}.{RecordingPlugin.__name__}"
    options = {
        "--hostname": "127.0.0.1",
        "--port": "0",
        "--port-file": str(port_file),
        "--data-dir": str(port_file.parent),
        "--num-acceptors": "1",
        "--num-workers": "1",
        "--plugins": plugin,
        **({"--basic-auth": credentials} if credentials else {}),
    }
    return [sys.executable, "-m", "proxy", *(word for option in options.items() for word in option)]


def _read_port(port_file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if port_file.exists() and (written := port_file.read_text()).endswith("\n"):
            return int(written.split()[0])
        time.sleep(0.01)
    raise RuntimeError(f"The proxy does not start (exit code {process.poll()})")
