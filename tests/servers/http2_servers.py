"""HTTP/2 servers as Debian installs them: nghttpd and haproxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.real_proxies import HOST, PROGRAMS, free_port, running
from tests.servers.tls import Certificates

STREAMS = 5
"""How many streams haproxy accepts at the same time."""

HAPROXY = """
global
    tune.h2.max-concurrent-streams {streams}
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 30s
frontend secure
    bind {host}:{port} ssl crt {certificate} alpn h2,http/1.1
    http-request return status 200 content-type application/octet-stream file {folder}/small.bin
"""


@contextmanager
def nghttpd(folder: Path, certificates: Certificates) -> Iterator[str]:
    """nghttpd, which serves the files of a folder: its URL."""
    port, pem = free_port(), certificates.files.server
    with running([PROGRAMS["nghttpd"], "-a", HOST, "-d", folder, port, pem, pem], port):
        yield f"https://{HOST}:{port}"


@contextmanager
def haproxy(folder: Path, certificates: Certificates) -> Iterator[str]:
    """haproxy, which always responds with the file small.bin: its URL."""
    port, configuration = free_port(), folder / "haproxy.cfg"
    pem = certificates.files.server
    configuration.write_text(HAPROXY.format(streams=STREAMS, host=HOST, port=port, certificate=pem, folder=folder))
    with running([PROGRAMS["haproxy"], "-db", "-f", configuration], port):
        yield f"https://{HOST}:{port}"
