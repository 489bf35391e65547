"""A server that is not who it says is told nothing: no request byte is sent to it, on the first hop or a later one."""

from __future__ import annotations

import pytest

import httpconn
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
