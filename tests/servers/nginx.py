"""nginx with a folder of files and its own configuration."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers.forwarder import HOST, Forwarder, forwarding
from tests.servers.tls import Certificates

# As Debian installs it, outside of an ordinary user's PATH.
PROGRAM = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
KEEPALIVE_REQUESTS = 10
PATIENCE = 30.0

CONFIGURATION = """
daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    keepalive_requests {keepalive_requests};
    root {folder}/files;
    add_header X-Request-Number $connection_requests;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    server {{
        listen {plain};
        listen {secure} ssl http2;
        location /precompressed/ {{ gzip_static on; }}
        location /compressed/ {{ gzip on; gzip_types *; }}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running server.

    Attributes:
        url: URL of its root by http.
        secure_url: URL of its root by https; HTTP/2 is offered.
        files: the folder that it serves.
        network: a forwarder to it, which can cut connections.
        reload: starts new workers; the old ones finish their responses.
    """

    url: str
    secure_url: str
    files: Path
    network: Forwarder
    reload: Callable[[], None]

    @property
    def cut_url(self) -> str:
        """The URL of its root through the forwarder."""
        return f"http://{HOST}:{self.network.port}"


@contextmanager
def serve_nginx(folder: Path, certificates: Certificates) -> Iterator[Nginx]:
    """nginx in a child process, with its files in the folder."""
    files = folder / "files"
    files.mkdir()
    with ExitStack() as stack:
        # nginx inherits listening sockets, as it does when it upgrades itself, so no port is guessed.
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(2)]
        plain, secure = (f"{HOST}:{each.getsockname()[1]}" for each in sockets)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                # As root, it would change to a user that cannot read the folder.
                user=pwd.getpwuid(os.getuid()).pw_name,
                group=grp.getgrgid(os.getgid()).gr_name,
                plain=plain,
                secure=secure,
                certificate=certificates.files.server,
                keepalive_requests=KEEPALIVE_REQUESTS,
            )
        )
        process = stack.enter_context(child(configuration, [each.fileno() for each in sockets]))
        reload = partial(process.send_signal, signal.SIGHUP)
        network = stack.enter_context(forwarding(sockets[0].getsockname()[1]))
        yield Nginx(f"http://{plain}", f"https://{secure}", files, network, reload)


@contextmanager
def child(configuration: Path, sockets: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Run nginx with a configuration and with sockets that listen already."""
    assert PROGRAM is not None
    process = subprocess.Popen(
        [PROGRAM, "-p", configuration.parent, "-c", configuration, "-e", configuration.parent / "error.log"],
        env={**os.environ, "NGINX": "".join(f"{each};" for each in sockets)},
        pass_fds=sockets,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)
