"""A server with a wrong certificate receives no request, and an endless handshake ends in time."""

from __future__ import annotations

import ssl

import pytest

import httpconn
from tests.attacks.tickets import ENOUGH, ticket_flood
from tests.servers.scripted import response

BAD = ("wrong_host", "expired", "unknown_authority")


@pytest.mark.parametrize("http2", [False, True], ids=["engine", "http2"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_after_a_redirect(connect, scripted, certificates, outcome, kind, http2):
    impostor = scripted(response(body=b"poison"), tls=getattr(certificates, kind))
    server = scripted(response(302, {"Location": impostor.url}), tls=certificates.good)
    result = outcome(connect(verify=certificates.trust(), http2=http2), server.url)
    assert isinstance(result, httpconn.TLSFailed), result
    assert result.attempts == 1
    assert impostor.requests == []


@pytest.mark.parametrize("http2", [False, True], ids=["engine", "http2"])
def test_endless_tickets_end_in_time(connect, certificates, outcome, tmp_path, http2):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.files.server)
    with ticket_flood(context, tmp_path) as flood:
        result = outcome(connect(verify=certificates.trust(), http2=http2, retries=0), flood.url, timeout=0.5)
    assert isinstance(result, httpconn.DeadlineExceeded), result
    assert 0 < flood.records < ENOUGH
