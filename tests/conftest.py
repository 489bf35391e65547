"""The fixtures of all tests: a face to call the library on, and loopback servers to call."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import httpconn
from httpconn.network.tlscontext import AUTHORITIES
from tests.http.users import AsyncUser, SyncUser, User
from tests.network.dials import recorded
from tests.servers.asgi import serve_http1, serve_http2
from tests.servers.faces import FACES, Face, open_face
from tests.servers.proxies import ProxyServer, running_proxy
from tests.servers.tls import Certificates

pytest_plugins = ["httpconn.testing.plugin", "pytester"]

FOREIGN = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSLKEYLOGFILE", *AUTHORITIES)


# A busy machine must not fail a test, and each run has the same examples. The fuzz session looks for new ones.
settings.register_profile("ordinary", deadline=None, derandomize=True)
settings.load_profile("ordinary")
settings.register_profile(
    "fuzz", max_examples=1000, deadline=None, derandomize=False, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collected tests out of garbage collections.

    They live until the end. With them, each ``gc.collect()`` of a test takes half a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No test sees the proxies and certificates of the machine it runs on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper() in FOREIGN or name.upper().startswith("HTTPCONN_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """What a shell starts in the background ignores interrupts, and so would the processes that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """Runs the test three times: on sync, asyncio and trio."""
    with open_face(request.param) as opened:
        yield opened


@pytest.fixture
def connect(face: Face) -> Iterator[Callable[..., httpconn.HTTPConnection]]:
    """Makes connection objects, and closes them on the face in use."""
    with ExitStack() as opened:

        def make(**options: Any) -> httpconn.HTTPConnection:
            connection = httpconn.HTTPConnection(**options)
            opened.callback(face.close, connection)
            return connection

        yield make


@pytest.fixture
def dials() -> Iterator[list[Any]]:
    """The connections of the test."""
    with recorded() as record:
        yield record


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, servers' contexts and PEM files."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def application() -> Iterator[str]:
    """The URL of the application on a real HTTP/1.1 server."""
    with serve_http1() as url:
        yield url


@pytest.fixture(scope="session")
def http2_server(certificates: Certificates) -> Iterator[str]:
    """The https URL of the application on a real HTTP/2 server."""
    with serve_http2(certificates) as url:
        yield url


@pytest.fixture(scope="session")
def proxy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    """A real proxy."""
    with running_proxy(tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def guarded_proxy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    """A real proxy that wants a user and a password."""
    with running_proxy(tmp_path_factory.mktemp("proxy"), credentials="user:pass") as proxy:
        yield proxy


@pytest.fixture
def user(face: Face) -> Iterator[Callable[..., User]]:
    """Makes users with transports of the given options, on sync, asyncio and trio in turn."""
    with ExitStack() as opened:

        async def make(options: dict[str, Any]) -> User:
            return (AsyncUser if face.is_async else SyncUser)(**options)

        def visit(**options: Any) -> User:
            made = face.run(make, options)
            opened.callback(face.run, made.leave)
            return made

        yield visit
