"""The kit for users' tests: a network that is shut, fixtures, scripted faults."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
import trio

import httpconn
from httpconn.testing import Close, NetworkRefused, Reset, ScriptedServer, cut, no_network, redirect, response

REMOTE = "192.0.2.1"  # of RFC 5737: no host has it


class TestNoNetwork:
    """Nothing leaves the machine."""

    @pytest.mark.parametrize("url", [f"http://{REMOTE}/", "https://example.com/", "http://[2001:db8::1]/"])
    def test_the_library_cannot_reach_out(self, face, connect, url):
        with no_network(), pytest.raises(NetworkRefused):
            face.get_bytes(connect(), url)

    def test_loopback_keeps_working(self, face, connect, scripted):
        server = scripted(response(body=b"ok"))
        with no_network():
            assert face.get_bytes(connect(), server.url) == b"ok"
            assert face.get_bytes(connect(), server.url.replace("127.0.0.1", "localhost")) == b"ok"

    def test_the_network_is_back_after_the_last_block(self):
        with no_network():
            with no_network():
                pass
            with pytest.raises(NetworkRefused):
                socket.getaddrinfo("example.com", 80)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect_ex((REMOTE, 9))  # of a datagram socket: nothing is sent

    @pytest.mark.parametrize(
        "reach",
        [
            lambda sock: sock.connect((REMOTE, 9)),
            lambda sock: sock.connect_ex((REMOTE, 9)),
            lambda sock: sock.sendto(b"", (REMOTE, 9)),
            lambda sock: sock.sendmsg([b""], [], 0, (REMOTE, 9)),
            lambda sock: socket.getaddrinfo(b"example.com", 80),
            lambda sock: socket.gethostbyname("example.com"),
            lambda sock: socket.gethostbyname_ex("example.com"),
            lambda sock: socket.gethostbyaddr(REMOTE),
            lambda sock: socket.getnameinfo((REMOTE, 9), 0),
        ],
    )
    def test_every_way_to_the_network_is_blocked(self, reach):
        with no_network(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(NetworkRefused):
            reach(sock)

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST.", "a.localhost", "::1", "::ffff:127.0.0.1", None, ""],
    )
    def test_loopback_names_and_addresses_are_allowed(self, host):
        with no_network(), suppress(socket.gaierror):  # the system need not know every name below localhost
            socket.getaddrinfo(host, 80)

    def test_event_loops_cannot_reach_the_network(self):
        async def by_asyncio():
            await asyncio.open_connection(REMOTE, 80)

        async def by_trio():
            with trio.socket.socket() as sock:
                await sock.connect((REMOTE, 80))

        with no_network():
            with pytest.raises(NetworkRefused):
                asyncio.run(by_asyncio())
            with pytest.raises(NetworkRefused):
                trio.run(by_trio)
            with pytest.raises(NetworkRefused):
                anyio.run(anyio.getaddrinfo, "example.com", 80)

    def test_sockets_other_than_internet_sockets_are_allowed(self):
        one, other = socket.socketpair()
        with no_network(), one, other:
            one.sendall(b"x")
            assert other.recv(1) == b"x"


PLUGIN = 'pytest_plugins = ["httpconn.testing.plugin"]'
WITH_FIXTURES = """
import httpconn, pytest
from httpconn.testing import NetworkRefused, response

@pytest.fixture
def anyio_backend():
    return "asyncio"

def test_plain(no_network, scripted):
    server = scripted(response(body=b"ok"))
    with httpconn.HTTPConnection() as conn:
        assert conn.get_bytes(server.url) == b"ok"
        with pytest.raises(NetworkRefused):
            conn.get_bytes("http://192.0.2.1/")

@pytest.mark.anyio
async def test_awaited(no_network, scripted):
    server = scripted(response(body=b"ok"))
    async with httpconn.HTTPConnection() as conn:
        assert await conn.async_get_bytes(server.url) == b"ok"
        with pytest.raises(NetworkRefused):
            await conn.async_get_bytes("http://192.0.2.1/")
"""


class TestPlugin:
    """The fixtures, in a project of somebody else."""

    @pytest.fixture(autouse=True)
    def _the_package_is_found(self, monkeypatch):
        monkeypatch.setenv("PYTHONPATH", str(Path(httpconn.__file__).parent.parent))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a dozen, which take long to import

    def test_fixtures_for_plain_and_for_anyios_tests(self, pytester):
        pytester.makeconftest(PLUGIN)
        pytester.makepyfile(WITH_FIXTURES)
        pytester.runpytest_subprocess("-p", "anyio").assert_outcomes(passed=2)

    def test_unused_fixtures_have_no_effect(self, pytester):
        pytester.makepyfile("def test(no_network): pass")
        result = pytester.runpytest_subprocess()
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*fixture 'no_network' not found*"])


def test_the_library_imports_neither_the_tools_nor_pytest():
    program = "import sys, httpconn; print(sorted({'httpconn.testing', 'pytest'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
    program = "import sys, httpconn.testing; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"


def test_a_body_that_breaks_off(face, connect):
    whole = response(body=b"0123456789")
    for end in (Close(), Reset()):
        broken = pytest.raises((httpconn.TruncatedBody, httpconn.ReadFailed))
        with ScriptedServer(cut(whole, after=4, end=end)) as server, broken:
            face.get_bytes(connect(retries=0), server.url)


def test_a_redirect_response(face, connect, scripted):
    server = scripted({"/": redirect("/there"), "/there": response(body=b"ok")})
    assert face.get_bytes(connect(), server.url_for("/")) == b"ok"


def test_a_server_listens_on_the_port_that_it_is_given():
    with ScriptedServer() as first:
        port = first.port
    with ScriptedServer(response(body=b"here"), port=port) as server:
        assert server.port == port
        with httpconn.HTTPConnection() as connection:
            assert connection.get_bytes(server.url) == b"here"
