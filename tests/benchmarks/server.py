"""The servers of the benchmarks: nginx if it is installed, our own server, and a relay, each in its own process.

Our server always serves ``/delay/MS``. nginx, if installed, serves the files over http and https, also over HTTP/2. It
accepts the requests to a forwarding proxy too, so that no other program has to forward them.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.machine import on_core
from tests.benchmarks.serving import BACKLOG, MANY_HOSTS
from tests.servers.tls import CertificateFiles, Certificates

HOST = "127.0.0.1"
OWN = "asyncio protocol with sendfile (nginx was not found)"
NGINX = """
user {user}; daemon off; worker_processes 1; error_log stderr crit; pid {root}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{
        {listens}
        listen {host}:{tls} ssl backlog={backlog};
        listen {host}:{http2} ssl http2;
        ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_protocols TLSv1.2 TLSv1.3;
        default_type application/octet-stream; root {files};
    }}
}}
"""


@dataclass(frozen=True)
class Servers:
    """The running servers: the name of the file server, URLs without a path, and the PEM file of the authority.

    Attributes:
        http2: None without nginx.
        relay: the URL of a proxy that makes tunnels.
    """

    name: str
    plain: str
    tls: str
    http2: str | None
    relay: str
    delaying: str
    authority: str


@contextlib.contextmanager
def running_servers(sizes: set[int], nginx: str | None) -> Iterator[Servers]:
    """Start the servers with files of these sizes."""
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder, contextlib.ExitStack() as running:
        root = Path(folder)
        write_files(root / "files", sizes)
        certificates = write_certificates(root / "certificates")
        own_plain, own_tls, relay, *nginx_ports = some_ports(6)
        own_ports, http2 = [own_plain, own_tls], None
        running.enter_context(process([sys.executable, "-m", "tests.benchmarks.relay", str(relay)], [relay]))
        running.enter_context(process(own_command(root, own_ports, certificates.server), own_ports))
        name, ports = OWN, own_ports
        if nginx is not None:
            name, ports, http2 = nginx_version(nginx), nginx_ports, f"https://{HOST}:{nginx_ports[2]}"
            running.enter_context(process(nginx_command(nginx, root, ports, certificates.server), ports))
        yield Servers(
            name,
            plain=f"http://{HOST}:{ports[0]}",
            tls=f"https://{HOST}:{ports[1]}",
            http2=http2,
            relay=f"http://{HOST}:{relay}",
            delaying=f"http://{HOST}:{own_plain}",
            authority=str(certificates.authority),
        )


@contextlib.contextmanager
def process(command: Sequence[str], ports: Sequence[int]) -> Iterator[None]:
    """Run a server on the last core, and wait until it responds."""
    with on_core(-1):
        started = subprocess.Popen(command)
    try:
        for port in ports:
            wait_for(port, started)
        yield
    finally:
        started.terminate()
        started.wait(timeout=10)


def write_files(folder: Path, sizes: set[int]) -> None:
    folder.mkdir()
    for size in sizes:
        with open(folder / str(size), "wb") as file:
            file.truncate(size)


def write_certificates(folder: Path) -> CertificateFiles:
    folder.mkdir()
    return Certificates(folder).files


def some_ports(count: int) -> list[int]:
    """Return free ports. All are open until the last is found, so that they differ."""
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


def find_nginx() -> str | None:
    """Return the path of nginx, which may be outside of an ordinary user's PATH."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def nginx_version(nginx: str) -> str:
    written = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return written.partition(": ")[2].strip()


def nginx_command(nginx: str, root: Path, ports: Sequence[int], certificate: Path) -> list[str]:
    config = root / "nginx.conf"
    plain, tls, http2 = ports
    listens = "\n        ".join(f"listen 127.0.0.{n}:{plain} backlog={BACKLOG};" for n in range(1, MANY_HOSTS + 1))
    fields = {
        "root": root,
        "files": root / "files",
        "listens": listens,
        "tls": tls,
        "http2": http2,
        "certificate": certificate,
    }
    config.write_text(NGINX.format(user=getpass.getuser(), host=HOST, backlog=BACKLOG, **fields))
    return [nginx, "-e", "stderr", "-p", str(root), "-c", str(config)]


def own_command(root: Path, ports: Sequence[int], certificate: Path) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.serving", str(root / "files"), *map(str, ports), str(certificate)]


def wait_for(port: int, started: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while started.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("the server did not start")
