"""A child process does not touch its parent's connections."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress

import httpx
import pytest

from httpconn.errors import InvalidRequest
from httpconn.network.race import begin
from httpconn.network.tlscontext import recipe_of, shared_context
from httpconn.runtime.resolver import Address
from httpconn.transport import HTTPTransport
from tests.http.children import exit_code_of
from tests.servers.scripted import ScriptedServer, response

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


@pytest.mark.parametrize("tls", [False, True])
def test_the_child_closes_its_copies_and_the_parent_keeps_its_connection(tls, certificates):
    with ScriptedServer(response(body=b"ok"), tls=certificates.good if tls else None) as server:
        transport = HTTPTransport(ssl_context=certificates.trust())
        with httpx.Client(transport=transport) as client:
            received = client.get(server.url)
            stream = received.extensions["network_stream"]

            def child() -> bool:
                transport.close()
                return stream.get_extra_info("socket").fileno() == -1

            assert exit_code_of(child) == 0
            assert client.get(server.url).content == b"ok"
        assert server.connections == 1
        assert len(server.requests) == 2


def test_the_child_closes_its_copies_of_sockets_that_are_connecting():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = begin(Address(socket.AF_INET, listener.getsockname()), lambda _: None)
        number = sock.fileno()

        def child() -> bool:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)
            return sock.fileno() == -1

        with sock:
            assert exit_code_of(child) == 0
            with listener.accept()[0] as accepted:
                accepted.sendall(b"ok")
                sock.setblocking(True)
                assert sock.recv(2) == b"ok"


def test_a_client_in_the_child_opens_new_connections():
    with ScriptedServer(response(body=b"ok")) as server, httpx.Client(transport=HTTPTransport()) as client:
        client.get(server.url)
        assert exit_code_of(lambda: client.get(server.url).content == b"ok") == 0
        assert client.get(server.url).content == b"ok"
        assert [request.connection for request in server.requests] == [1, 2, 1]


def test_a_half_read_response_of_the_parent_does_not_affect_the_child():
    transport = HTTPTransport()
    with (
        ScriptedServer([response(body=bytes(1_000_000))]) as server,
        httpx.Client(transport=transport) as client,
        client.stream("GET", server.url) as received,
    ):

        def child() -> bool:
            received.close()
            return len(client.get(server.url).content) == 1_000_000 and transport.stats.open == 1

        assert exit_code_of(child) == 0
        assert len(received.read()) == 1_000_000


def test_a_fork_while_another_thread_makes_a_context(tmp_path):
    pipe = str(tmp_path / "authorities.pem")
    os.mkfifo(pipe)

    def load():
        with suppress(InvalidRequest):
            shared_context(recipe_of(pipe, None, trust_env=False, http2=False))

    def child() -> bool:
        signal.alarm(10)
        return shared_context(recipe_of(True, None, trust_env=False, http2=False)) is not None

    loader = threading.Thread(target=load)
    loader.start()
    with open(pipe, "wb"):  # opens as soon as the other thread reads
        assert exit_code_of(child) == 0
    loader.join()
