"""Certificates that are replaced while the program runs."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
import threading

import httpx
import pytest

from httpconn.network.security import Security
from httpconn.runtime.runtimes import BlockingRuntime
from httpconn.runtime.stepping import run_sync
from tests.servers.faces import PATIENCE
from tests.servers.scripted import Close, response


def security(authority, cert=None, **options):
    return Security(str(authority), cert, check_every=0.0, **options)


def replace(path, source):
    """As deployments do: a new file, moved over the old one."""
    new = path.with_name("new")
    shutil.copy(source, new)
    os.replace(new, path)


@pytest.fixture
def authority(certificates, tmp_path):
    """A file that does not hold the authority of the servers, yet."""
    return shutil.copy(certificates.files.other_authority, tmp_path / "authority.pem")


class TestAuthorities:
    """A CA file."""

    def test_a_replaced_file_counts_for_new_connections(self, face, user, scripted, certificates, authority):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        made = user(ssl_context=security(authority))
        with pytest.raises(httpx.ConnectError):
            face.run(made.get, server.url)
        replace(authority, certificates.files.authority)
        assert face.run(made.get, server.url).content == b"ok"

    def test_by_http2_and_through_a_proxy(self, face, user, http2_server, certificates, authority, proxy_server):
        for options in ({"http2": True}, {"proxy": proxy_server.url}):
            replace(authority, certificates.files.other_authority)
            made = user(ssl_context=security(authority, http2="http2" in options), **options)
            with pytest.raises(httpx.ConnectError):
                face.run(made.get, f"{http2_server}/bytes/3")
            replace(authority, certificates.files.authority)
            received = face.run(made.get, f"{http2_server}/bytes/3")
            assert received.http_version == ("HTTP/2" if "http2" in options else "HTTP/1.1")

    def test_an_open_connection_keeps_its_context(self, face, user, scripted, certificates, authority):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        replace(authority, certificates.files.authority)
        made = user(ssl_context=security(authority))
        face.run(made.get, server.url)
        replace(authority, certificates.files.other_authority)
        face.run(made.get, server.url)
        assert server.connections == 1

    def test_a_bad_or_missing_file_keeps_the_last_good_context(
        self, face, user, scripted, certificates, authority, caplog
    ):
        server = scripted([response(body=b"ok"), Close()], tls=certificates.good)
        replace(authority, certificates.files.authority)
        made = user(ssl_context=security(authority))
        for spoil in (lambda: authority.write_text("nothing"), authority.unlink):
            spoil()
            with caplog.at_level(logging.WARNING, "httpconn.tls"):
                assert face.run(made.get, server.url).content == b"ok"
            assert str(authority) in caplog.text
            caplog.clear()


class TestClientCertificates:
    """A certificate and its key."""

    def test_new_connections_present_a_replaced_certificate(self, face, user, scripted, certificates, tmp_path):
        server = scripted(response(body=b"ok"), tls=certificates.client_required)
        client = shutil.copy(certificates.files.stranger, tmp_path / "client.pem")
        made = user(ssl_context=security(certificates.files.authority, str(client)))
        with pytest.raises(httpx.TransportError):
            face.run(made.get, server.url)
        replace(client, certificates.files.client)
        assert face.run(made.get, server.url).content == b"ok"


def test_the_files_are_checked_at_intervals(face, user, scripted, certificates, authority):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    made = user(ssl_context=Security(str(authority), check_every=3600.0))
    replace(authority, certificates.files.authority)
    with pytest.raises(httpx.ConnectError):
        face.run(made.get, server.url)


def test_objects_with_equal_options_share_the_renewed_context(face, certificates, authority, user, scripted):
    server = scripted([response(body=b"ok"), Close()], tls=certificates.good)
    one, other = security(authority), security(authority)
    replace(authority, certificates.files.authority)
    infos = []
    for each in (one, other):
        received = face.run(user(ssl_context=each).get, server.url)
        infos.append(received.extensions["network_stream"].get_extra_info("ssl_object"))
    assert infos[0].context is infos[1].context


def test_each_offer_of_protocols_has_its_own_context(certificates):
    given = Security(str(certificates.files.authority))
    offers = [given.offering(*protocols) for protocols in (("h2", "http/1.1"), ("http/1.1",))]
    both, one = (run_sync(each.context(BlockingRuntime(), None)) for each in offers)
    assert both is not one
    assert one is run_sync(given.context(BlockingRuntime(), None))


def test_connections_of_a_callers_context_begin_one_after_the_other():
    """Python sets the protocols on the context. A connection that begins must not offer those of another one."""
    context, begun = ssl.create_default_context(), []
    both, one = (Security(context).offering(*protocols) for protocols in (("h2", "http/1.1"), ("http/1.1",)))
    other = threading.Thread(target=lambda: both.begin(context, lambda: begun.append("both")))

    def begin():
        other.start()
        other.join(0.05)  # it waits for this connection
        begun.append("one")

    one.begin(context, begin)
    other.join(PATIENCE)
    assert begun == ["one", "both"]
