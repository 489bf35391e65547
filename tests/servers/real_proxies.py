"""Proxies as Debian installs them: squid, tinyproxy, microsocks and Dante."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.tls import CertificateFiles

HOST = "127.0.0.1"
# Debian installs them outside of an ordinary user's PATH.
FOLDERS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
PROGRAMS = {
    name: shutil.which(name, path=FOLDERS)
    for name in ("squid", "tinyproxy", "microsocks", "danted", "nghttpd", "haproxy")
}
PATIENCE = 30.0

USER, PASSWORD = "J\u00e9r\u00f4me", "p@ss w\u00f6rd/%#"
"""Credentials with characters that a URL has to encode. Squid's file of passwords allows no colon in them."""

PLAIN_USER, PLAIN_PASSWORD = "user", "pass"
"""Credentials for proxies that do not support quoting in their configuration."""

SQUID = """
http_port {host}:{port}
https_port {host}:{secure_port} tls-cert={certificate}
pid_filename {folder}/pid
cache_log {folder}/cache.log
access_log none
coredump_dir {folder}
cache deny all
shutdown_lifetime 0 seconds
cache_effective_user {user}
acl CONNECT method CONNECT
auth_param digest program /usr/lib/squid/digest_file_auth {folder}/passwords
auth_param digest children 1
auth_param digest realm httpconn
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""

TINYPROXY = """
Port {port}
Listen {host}
Timeout 60
BasicAuth {user} {password}
"""

DANTE = """
logoutput: {folder}/log
internal: {host} port = {port}
external: {host}
socksmethod: {method}
clientmethod: none
user.privileged: {user}
user.unprivileged: {user}
client pass {{ from: 0/0 to: 0/0 }}
socks pass {{ from: 0/0 to: 0/0 }}
"""


def current_user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def squid(files: CertificateFiles) -> Iterator[tuple[int, int]]:
    """Run squid, which requires Digest; yield its ports for HTTP and for TLS."""
    with _folder() as folder:
        # Squid does not run as root.
        user = "proxy" if os.getuid() == 0 else current_user()
        (folder / "passwords").write_text(f"{USER}:{PASSWORD}\n")
        shutil.copy(files.server, folder / "certificate.pem")
        if os.getuid() == 0:
            for each in (folder, *folder.iterdir()):
                shutil.chown(each, user)
        port, secure_port = free_port(), free_port()
        configuration = folder / "squid.conf"
        configuration.write_text(
            SQUID.format(
                host=HOST,
                port=port,
                secure_port=secure_port,
                certificate=folder / "certificate.pem",
                folder=folder,
                user=user,
            )
        )
        with running([PROGRAMS["squid"], "-N", "-f", configuration], port, secure_port):
            yield port, secure_port


@contextmanager
def tinyproxy() -> Iterator[int]:
    """Run tinyproxy, which requires Basic."""
    with _folder() as folder:
        port, configuration = free_port(), folder / "tinyproxy.conf"
        configuration.write_text(TINYPROXY.format(host=HOST, port=port, user=PLAIN_USER, password=PLAIN_PASSWORD))
        with running([PROGRAMS["tinyproxy"], "-d", "-c", configuration], port):
            yield port


@contextmanager
def microsocks() -> Iterator[int]:
    """Run microsocks, which requires a user name and a password."""
    port = free_port()
    command = [PROGRAMS["microsocks"], "-i", HOST, "-p", str(port), "-u", USER, "-P", PASSWORD]
    with running(command, port):
        yield port


@contextmanager
def dante() -> Iterator[int]:
    """Dante without authentication."""
    with _folder() as folder:
        port, configuration = free_port(), folder / "danted.conf"
        configuration.write_text(DANTE.format(host=HOST, port=port, folder=folder, user=current_user(), method="none"))
        with running([PROGRAMS["danted"], "-f", configuration, "-p", folder / "pid"], port):
            yield port


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that another user can read, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="httpconn-proxy-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextmanager
def running(command: list[object], *ports: int) -> Iterator[None]:
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for port in ports:
            _wait(lambda port=port: _accepts(port), process)  # type: ignore[misc]
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not start (exit code {process.poll()})")
        time.sleep(0.02)


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False
